#!/usr/bin/env python3
"""Runs a WASI module under Wasmtime.

usage: wasmtime_wasi.py PACKAGE_FOLDER '{"file", "args", "env", "dirs"}'
"""
import json
import sys

sys.path.insert(0, sys.argv[1])
import wasmtime  # noqa: E402  (the fetched package)


def main():
    spec = json.loads(sys.argv[2])
    config = wasmtime.WasiConfig()
    config.argv = spec["args"]
    config.env = list(spec["env"].items())
    config.inherit_stdin()
    config.inherit_stdout()
    config.inherit_stderr()
    for guest, path in spec["dirs"].items():
        config.preopen_dir(path, guest)
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    store.set_wasi(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, spec["file"]))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as end:
        return end.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
