// Runs the calls that generate.py planned in Node's engine and writes what
// must come out as a script of the specification suite's format.
//
// usage: node expect.js GENERATED_DIR SPEC_DIR
'use strict';
const fs = require('fs');
const path = require('path');

const [generated, spec] = process.argv.slice(2);
const NAMES = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64' };
const view = new DataView(new ArrayBuffer(8));

function toValue(type, bits) {
  if (type === 'i32') return Number(BigInt.asIntN(32, BigInt(bits)));
  if (type === 'i64') return BigInt.asIntN(64, BigInt(bits));
  view.setBigUint64(0, BigInt(bits), true);
  return type === 'f32' ? view.getFloat32(0, true) : view.getFloat64(0, true);
}

function toBits(type, value) {
  if (type === 'i32') return String(value >>> 0);
  if (type === 'i64') return String(BigInt.asUintN(64, value));
  if (Number.isNaN(value)) return type === 'f32' ? '2143289344' : '9221120237041090560';
  view.setBigUint64(0, 0n, true);
  if (type === 'f32') view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return String(view.getBigUint64(0, true));
}

// The specification's words; '' where this engine does not tell them apart.
const TRAPS = [
  [/unreachable/, 'unreachable'],
  [/memory access out of bounds/, 'out of bounds memory access'],
  [/by zero/, 'integer divide by zero'],
  [/divide result unrepresentable/, 'integer overflow'],
  [/float unrepresentable/, ''],
  [/table index is out of bounds/, 'undefined element'],
  [/null function or function signature/, ''],
];

function trapText(error) {
  for (const [pattern, text] of TRAPS) if (pattern.test(error.message)) return text;
  throw error;
}

const plan = JSON.parse(fs.readFileSync(path.join(generated, 'calls.json')));
const manifest = {};
plan.forEach((calls, number) => {
  const name = `fuzz/m${number}`;
  const directory = path.join(spec, name);
  fs.mkdirSync(directory, { recursive: true });
  const bytes = fs.readFileSync(path.join(generated, `${number}.wasm`));
  const file = `m${number}.0.wasm`;
  fs.writeFileSync(path.join(directory, file), bytes);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const commands = [{ type: 'module', line: 1, filename: file }];
  calls.forEach(([field, bits, [params, results] = [[], []]], index) => {
    const types = params.map((t) => NAMES[t]);
    const args = types.map((type, i) => ({ type, value: bits[i] }));
    const action = { type: 'invoke', field, args };
    const line = index + 2;
    let out;
    try {
      out = instance.exports[field](...types.map((type, i) => toValue(type, bits[i])));
    } catch (error) {
      commands.push({ type: 'assert_trap', line, action, text: trapText(error), expected: [] });
      return;
    }
    const values = results.length === 1 ? [out] : out || [];
    const expected = results.map((t, i) => ({ type: NAMES[t], value: toBits(NAMES[t], values[i]) }));
    commands.push({ type: 'assert_return', line, action, expected });
  });
  fs.writeFileSync(path.join(directory, `m${number}.json`),
                   JSON.stringify({ source_filename: `m${number}.wast`, commands }));
  manifest[name] = { features: [] };
});
fs.writeFileSync(path.join(spec, 'manifest.json'), JSON.stringify(manifest));
