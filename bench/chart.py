"""Charts of the ratios: bars for a terminal, and an SVG file."""
import os
import sys
from html import escape

COLORS = {"gcc": "#888888", "clang": "#b0b0b0", "wasm2c": "#c9a227", "v8": "#4477aa",
          "wasmtime": "#aa3377", "nebulet": "#228833"}
BAR_CELLS = 40
BAR_LIMIT = 3.0


def is_colored():
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def bold(text):
    return f"\033[1m{text}\033[0m" if is_colored() else text


def print_bars(figures, names):
    """A bar for Nebulet per program; marks show V8 (v), Wasmtime (w) and native (|)."""
    if "nebulet" not in names:
        return
    print(f"\ntime over native: nebulet ━, native |, v8 v, wasmtime w (the scale ends at "
          f"{BAR_LIMIT:.0f})")
    for entry in figures:
        base = entry.native()
        if base not in entry.times or "nebulet" not in entry.times:
            continue

        def column(ratio):
            return min(BAR_CELLS - 1, int(ratio / BAR_LIMIT * BAR_CELLS))

        mine = entry.ratio("nebulet", base)
        cells = ["━" if i <= column(mine) else " " for i in range(BAR_CELLS)]
        for name, mark in ((base, "|"), ("v8", "v"), ("wasmtime", "w")):
            ratio = entry.ratio(name, base)
            if ratio:
                cells[column(ratio)] = mark
        print(f"{entry.program.name:12} {''.join(cells)} {mine:.2f}")


def write_svg(path, figures, names):
    """A dot per engine on a line per program, over native time."""
    shown = [e for e in figures if e.native() in e.times]
    left, width, row, top = 110, 640, 18, 50
    height = top + row * len(shown) + 20
    limit = max([BAR_LIMIT] + [min(6.0, r) for e in shown for n in names
                               if (r := e.ratio(n, e.native()))])
    at = lambda ratio: left + min(ratio, limit) / limit * width  # noqa: E731
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" '
             f'height="{height}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>']
    for tick in range(int(limit * 2) + 1):
        x = at(tick / 2)
        parts.append(f'<line x1="{x:.1f}" y1="{top - 8}" x2="{x:.1f}" y2="{height - 16}" '
                     f'stroke="{"#444" if tick == 2 else "#ddd"}"/>'
                     f'<text x="{x:.1f}" y="{height - 2}" text-anchor="middle">{tick / 2:g}</text>')
    for i, name in enumerate(names):
        parts.append(f'<circle cx="{left + i * 100}" cy="16" r="5" fill="{COLORS[name]}"/>'
                     f'<text x="{left + i * 100 + 10}" y="20">{escape(name)}</text>')
    parts.append(f'<text x="{left}" y="38" fill="#444">time over native gcc -O2</text>')
    for i, entry in enumerate(shown):
        y = top + i * row
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">'
                     f'{escape(entry.program.name)}</text>')
        for name in names:
            ratio = entry.ratio(name, entry.native())
            if ratio:
                parts.append(f'<circle cx="{at(ratio):.1f}" cy="{y}" r="{5 if name == "nebulet" else 4}"'
                             f' fill="{COLORS[name]}" fill-opacity="0.85"><title>{escape(name)} '
                             f'{ratio:.2f}</title></circle>')
    parts.append("</svg>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts) + "\n")
