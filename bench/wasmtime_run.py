#!/usr/bin/env python3
"""Runs a WASI program under Wasmtime, from code that it compiled before.

usage: wasmtime_run.py PACKAGE_FOLDER compile IN.wasm OUT.cwasm
       wasmtime_run.py PACKAGE_FOLDER run IN.cwasm ARGS…
"""
import pathlib
import sys

sys.path.insert(0, sys.argv[1])
import wasmtime  # noqa: E402  (the fetched package)


def main():
    config = wasmtime.Config()
    config.cranelift_opt_level = "speed"
    engine = wasmtime.Engine(config)
    if sys.argv[2] == "compile":
        module = wasmtime.Module.from_file(engine, sys.argv[3])
        pathlib.Path(sys.argv[4]).write_bytes(module.serialize())
        return 0
    wasi = wasmtime.WasiConfig()
    wasi.argv = sys.argv[3:]
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    module = wasmtime.Module.deserialize_file(engine, sys.argv[3])
    try:
        linker.instantiate(store, module).exports(store)["_start"](store)
    except wasmtime.ExitTrap as end:
        return end.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
