// Runs a WASI preview 1 program under Node's V8: node wasi_run.mjs [--dir HOST=GUEST] FILE ARGS…
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
const preopens = {};
const env = {};
for (; args.length && args[0].startsWith('--'); args.splice(0, 2)) {
	const at = args[1].indexOf('=');
	const name = args[1].slice(0, at);
	const value = args[1].slice(at + 1);
	if (args[0] === '--dir') preopens[value] = name;
	else if (args[0] === '--env') env[name] = value;
	else throw new Error(`unknown option ${args[0]}`);
}
const wasi = new WASI({ version: 'preview1', args, env, preopens, returnOnExit: true });
const module = await WebAssembly.compile(readFileSync(args[0]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
