"""The table of benchmark programs: programs.toml."""
import pathlib
import tomllib

from measure import BenchError

ROOT = pathlib.Path(__file__).resolve().parent.parent
FETCH = ROOT / ".cache" / "fetch"
FOLDER = ROOT / "bench" / "programs"
SUFFIXES = {"c": ".c", "c++": ".cc", "rust": ".rs"}


def place(text):
    """@PACKAGE/… and -I@PACKAGE/… name something in a fetched package."""
    head, at, rest = text.partition("@")
    if not at or head not in ("", "-I"):
        return text
    return f"{head}{FETCH / rest}"


class Program:
    def __init__(self, entry):
        self.name, self.kind, self.about = entry["name"], entry["kind"], entry["about"]
        self.count = entry["count"]
        self.language = entry.get("language", "c")
        self.packages = entry.get("packages", [])
        self.flags = [place(flag) for flag in entry.get("flags", [])]
        if entry.get("compat"):
            self.flags.insert(0, f"-I{FOLDER / 'compat'}")
        self.wasm_flags = entry.get("wasm_flags", [])
        self.libs = entry.get("libs", ["-lm"])
        self.wasm_libs = entry.get("wasm_libs", [])
        self.simd = entry.get("simd", False)
        self.patterns = entry.get("sources", [self.name + SUFFIXES[self.language]])

    def sources(self):
        """The files to compile; the packages must be there."""
        found = []
        for pattern in self.patterns:
            path = pathlib.Path(place(pattern.removeprefix("!")))
            if not path.is_absolute():
                path = FOLDER / path
            matches = sorted(path.parent.glob(path.name))
            if not matches:
                raise BenchError(f"{self.name}: there is no file {path}")
            if pattern.startswith("!"):
                found = [source for source in found if source not in matches]
            else:
                found += matches
        return found


def load():
    table = tomllib.loads((ROOT / "bench" / "programs.toml").read_text())
    return [Program(entry) for entry in table["program"]]


def choose(names):
    """The programs of a list `a,b,c`, or all."""
    programs = load()
    if not names:
        return programs
    by_name = {program.name: program for program in programs}
    for name in names.split(","):
        if name not in by_name:
            raise BenchError(f"there is no program '{name}'; there are: {', '.join(by_name)}")
    return [by_name[name] for name in names.split(",")]
