"""The engines that code_speed.py compares: how each builds a program and how it is run.

Native code is for x86-64-v2, which has the vector instructions that WebAssembly's SIMD was
made for and nothing newer; WebAssembly is built once, and all engines run the same module.
"""
import os
import pathlib
import re
import subprocess
import sys

from measure import BenchError
from programs import FETCH, FOLDER, ROOT

OUT = ROOT / "build" / "bench"
TOOL = ROOT / "build" / "release" / "nebulet"
NODE = FETCH / "node" / "package" / "bin" / "node"
# V8 without its baseline tier: everything is compiled by the optimizing one before it runs.
NODE_FLAGS = ["--no-warnings", "--no-liftoff", "--no-wasm-tier-up", "--no-wasm-lazy-compilation",
              "--stack-size=4000"]
WASM_FLAGS = ["--target=wasm32-wasi", "-O2", "-mbulk-memory", "-msign-ext",
              "-mnontrapping-fptoint", "-mmutable-globals", "-ftls-model=local-exec"]
WASM_LINK = ["-Wl,-z,stack-size=1048576", "-Wl,--stack-first"]
NATIVE_FLAGS = ["-O2", "-march=x86-64-v2"]
CXX_FLAGS = ["-std=gnu++17", "-fno-exceptions", "-fno-rtti"]
RT_FOLDERS = ["/usr/share/wabt/wasm2c", "/usr/src/wasm2c"]


class Unsupported(Exception):
    """This engine cannot run this program; the table shows a dash."""


def run(command, what, **options):
    """Runs a build step, showing what it said only if it fails."""
    result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if result.returncode:
        raise BenchError(f"{what} failed:\n  {' '.join(str(word) for word in command)[:600]}\n"
                         f"{result.stdout[-2000:]}")
    return result.stdout


def is_current(target, inputs, command):
    """Whether `target` was made by this command and is newer than what it is made of."""
    note = target.with_suffix(target.suffix + ".command")
    text = "\n".join(str(word) for word in command)
    newest = max(path.stat().st_mtime for path in inputs)
    if target.exists() and note.exists() and note.read_text() == text \
            and target.stat().st_mtime >= newest:
        return True
    note.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    note.write_text(text)
    return False


def compile_all(compiler, flags, program, target, link):
    """Each source to an object and all to `target`; C and C++ may be mixed."""
    sources = program.sources()
    command = [compiler, *flags, *program.flags, *link, *program.libs, *sources]
    frame = [FOLDER / "bench.h"]
    if is_current(target, sources + frame, command):
        return target
    objects = target.parent / (target.name + ".objects")
    objects.mkdir(parents=True, exist_ok=True)
    made = []
    jobs = []
    for number, source in enumerate(sources):
        is_cxx = source.suffix in (".cc", ".cpp", ".cxx")
        made.append(objects / f"{number}-{source.stem}.o")
        words = [cxx_of(compiler) if is_cxx else compiler, *flags,
                 *(CXX_FLAGS if is_cxx else ["-std=gnu17"]), f"-I{FOLDER}", *program.flags,
                 "-c", source, "-o", made[-1]]
        jobs.append(words)
    for start in range(0, len(jobs), os.cpu_count()):
        batch = [subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                 for words in jobs[start:start + os.cpu_count()]]
        for process in batch:
            output, _ = process.communicate()
            if process.returncode:
                raise BenchError(f"{' '.join(process.args)[:600]} failed:\n{output[-2000:]}")
    linker = cxx_of(compiler) if program.language == "c++" else compiler
    run([linker, *made, "-o", target, *link, *program.libs], f"linking {target.name}")
    return target


def cxx_of(compiler):
    return {"gcc": "g++", "clang": "clang++"}[compiler]


def build_wasm(program):
    """The module that all WebAssembly engines run."""
    target = OUT / program.name / (program.name + ".wasm")
    if program.language == "rust":
        return build_rust(program, target, rust_compiler()[1])
    flags = [*WASM_FLAGS, *program.wasm_flags, *(["-msimd128"] if program.simd else [])]
    return compile_all("clang", flags, program, target, ["--target=wasm32-wasi", *WASM_LINK, *program.wasm_libs])


def rust_compiler():
    """A rustc that has WebAssembly's standard library, and the name of that target."""
    for rustc in ("/usr/bin/rustc", "rustc"):
        try:
            root = run([rustc, "--print", "sysroot"], rustc).strip()
        except (BenchError, FileNotFoundError):
            continue
        for target in ("wasm32-wasip1", "wasm32-wasi"):
            if (pathlib.Path(root) / "lib" / "rustlib" / target / "lib").is_dir():
                return rustc, target
    raise BenchError("no rustc here has the target wasm32-wasi; type: ./dev setup bench")


def build_rust(program, target, rust_target=None):
    sources = program.sources()
    command = [rust_compiler()[0], "-C", "opt-level=2", "--edition=2021", *program.flags, sources[0],
               "-o", target]
    command += ["--target", rust_target] if rust_target else ["-C", "target-cpu=x86-64-v2"]
    if not is_current(target, sources, command):
        run(command, f"compiling {program.name}")
    return target


class Native:
    """The same source, compiled for this machine."""

    def __init__(self, compiler):
        self.name, self.compiler = compiler, compiler
        self.packages = []

    def version(self):
        return run([self.compiler, "--version"], self.compiler).splitlines()[0]

    def command(self, program):
        target = OUT / program.name / (program.name + "." + self.compiler)
        if program.language == "rust":
            if self.compiler == "gcc":
                raise Unsupported("gcc compiles no Rust")
            return [build_rust(program, target)]
        return [compile_all(self.compiler, NATIVE_FLAGS, program, target, NATIVE_FLAGS)]


class Wasm2c:
    name = "wasm2c"
    packages = []

    def version(self):
        return "wabt " + run(["wasm2c", "--version"], "wasm2c").strip() + " with gcc -O2"

    def names(self, header):
        """How this version of wasm2c spells the names that the host uses."""
        if "Z_program_instance_t" in header:
            return ["-DIMPORT(n)=Z_wasi_snapshot_preview1Z_##n", "-DEXPORT(n)=Z_programZ_##n",
                    "-DHOST_INSTANCE=Z_wasi_snapshot_preview1_instance_t",
                    "-DMODULE_INSTANCE=Z_program_instance_t",
                    "-DINIT_MODULE=Z_program_init_module", "-DINSTANTIATE=Z_program_instantiate"]
        return ["-DIMPORT(n)=w2c_wasi__snapshot__preview1_##n", "-DEXPORT(n)=w2c_program_##n",
                "-DHOST_INSTANCE=w2c_wasi__snapshot__preview1", "-DMODULE_INSTANCE=w2c_program",
                "-DINIT_MODULE()=(void)0", "-DINSTANTIATE=wasm2c_program_instantiate"]

    def command(self, program):
        if program.simd:
            raise Unsupported("Debian's wasm2c has no SIMD")
        module, folder = build_wasm(program), OUT / program.name / "wasm2c"
        target, source = folder / program.name, folder / "program.c"
        host = FOLDER / "wasm2c_host.c"
        runtime = next((pathlib.Path(f) for f in RT_FOLDERS if pathlib.Path(f).is_dir()), None)
        if not runtime:
            raise BenchError("wasm2c's runtime is missing; type: ./dev setup bench")
        if is_current(target, [module, host], ["wasm2c", self.version(), *NATIVE_FLAGS]):
            return [target]
        run(["wasm2c", "-n", "program", module, "-o", source], "wasm2c")
        names = self.names((folder / "program.h").read_text())
        run(["gcc", *NATIVE_FLAGS, "-w", "-DMODULE_HEADER=\"program.h\"", *names, f"-I{runtime}",
             f"-I{folder}", source, host, *sorted(runtime.glob("wasm-rt*.c")), "-o", target,
             "-lm"], f"compiling wasm2c's {program.name}")
        return [target]


class V8:
    name = "v8"
    packages = ["node"]

    def version(self):
        return "Node " + run([NODE, "--version"], "node").strip() + " " + " ".join(NODE_FLAGS[1:4])

    def command(self, program):
        return [NODE, *NODE_FLAGS, ROOT / "bench/wasi_run.mjs", build_wasm(program)]


class Wasmtime:
    name = "wasmtime"
    packages = ["wasmtime"]

    def version(self):
        folder = next((FETCH / "wasmtime").glob("wasmtime-*.dist-info"))
        return re.sub(r"wasmtime-(.*)\.dist-info", r"Wasmtime \1, opt-level speed", folder.name)

    def command(self, program):
        module = build_wasm(program)
        target = OUT / program.name / (program.name + ".cwasm")
        runner = [sys.executable, ROOT / "bench/wasmtime_run.py", FETCH / "wasmtime"]
        if not is_current(target, [module, runner[1]], ["wasmtime", self.version()]):
            run([*runner, "compile", module, target], "Wasmtime")
        return [*runner, "run", target]


class Nebulet:
    name = "nebulet"
    packages = []

    def version(self):
        return run([TOOL, "version"], "nebulet").strip() + " --hosted"

    def command(self, program):
        return [TOOL, "run", "--hosted", build_wasm(program)]


ENGINES = {engine.name: engine for engine in
           (Native("gcc"), Native("clang"), Wasm2c(), V8(), Wasmtime(), Nebulet())}
