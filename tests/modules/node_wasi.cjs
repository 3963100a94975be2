// Runs a WASI module under Node: node node_wasi.cjs '{"file", "args", "env", "dirs"}'
'use strict';
const fs = require('node:fs');
const { WASI } = require('node:wasi');

const spec = JSON.parse(process.argv[2]);
const compiled = new WebAssembly.Module(fs.readFileSync(spec.file));
const wanted = new Set(WebAssembly.Module.imports(compiled).map((entry) => entry.module));
const wasi = new WASI({
	version: wanted.has('wasi_unstable') ? 'unstable' : 'preview1',
	args: spec.args,
	env: spec.env,
	preopens: spec.dirs,
	returnOnExit: true,
});
const instance = new WebAssembly.Instance(compiled, wasi.getImportObject());
process.exitCode = wasi.start(instance);
