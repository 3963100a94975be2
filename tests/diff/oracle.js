// What Node's engine makes of generated modules, in the words of diff_engine.
//
// usage: node oracle.js [--verbose] FILE...
//
// A file is a module. Its custom section "diff.base" holds the module it
// imports from as "base"; "diff.calls" the calls:
//
//   count, then a call each: function index i (export "f<i>"), parameter types,
//   result types (counts and bytes), 8 little-endian bytes an argument.
//
// References as arguments: 0 is null; a function is 1 + its index, an extern
// value any other number. Before each call the export "g0", the fuel, is set
// to 400 and "g1", the depth, to 0, if they exist. After each call the state (globals
// but "v<i>", tables, memory of both modules, in the order of their exports) is hashed.
'use strict';
const fs = require('fs');

const verbose = process.argv[2] === '--verbose';
const files = process.argv.slice(verbose ? 3 : 2);
const [I32, I64, F32, F64, FUNC] = [0x7f, 0x7e, 0x7d, 0x7c, 0x70];
const view = new DataView(new ArrayBuffer(8));
const externs = Array.from({ length: 16 }, (_, id) => ({ id }));

const TRAPS = [
  [/unreachable/, 'unreachable'],
  [/memory access out of bounds|data segment/, 'memory'],
  [/by zero/, 'zero'],
  [/divide result unrepresentable|float unrepresentable/, 'range'],
  [/table index is out of bounds|table access|element segment/, 'table'],
  [/null function or function signature/, 'call'],
  [/Maximum call stack/, 'stack'],
  [/unaligned/, 'unaligned'],
  [/dereferencing a null/, 'null'],
];

function trapName(error) {
  for (const [pattern, name] of TRAPS) if (pattern.test(error.message)) return name;
  throw error;
}

class Reader {
  constructor(bytes) {
    this.bytes = new Uint8Array(bytes);
    this.at = 0;
  }
  u32() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
  types() {
    return Array.from({ length: this.u32() }, () => this.bytes[this.at++]);
  }
  u64() {
    let value = 0n;
    for (let i = 7n; i >= 0n; i--) value = value << 8n | BigInt(this.bytes[this.at + Number(i)]);
    this.at += 8;
    return value;
  }
}

function argument(exports, type, bits) {
  view.setBigUint64(0, bits, true);
  if (type === I32) return view.getInt32(0, true);
  if (type === I64) return view.getBigInt64(0, true);
  if (type === F32) return view.getFloat32(0, true);
  if (type === F64) return view.getFloat64(0, true);
  if (bits === 0n) return null;
  return type === FUNC ? exports['f' + (Number(bits) - 1)] : externs[Number(bits)];
}

function reference(value) {
  if (value === null) return 'null';
  return typeof value === 'function' ? 'f' + value.name : 'e' + value.id;
}

function hex(bits, digits) {
  return bits.toString(16).padStart(digits, '0');
}

function text(type, value) {
  if (type === I32) return hex(value >>> 0, 8);
  if (type === I64) return hex(BigInt.asUintN(64, value), 16);
  if (type !== F32 && type !== F64) return reference(value);
  if (Number.isNaN(value)) return 'nan';
  if (type === F32) {
    view.setFloat32(0, value);
    return hex(view.getUint32(0), 8);
  }
  view.setFloat64(0, value);
  return hex(view.getBigUint64(0), 16);
}

// A global's type cannot be asked for: numbers of any type go as f64.
function globalText(value) {
  if (typeof value === 'bigint') return text(I64, value);
  return typeof value === 'number' ? text(F64, value) : reference(value);
}

function mix(hash, word) {
  hash = Math.imul(hash ^ word, 0x85ebca6b);
  return (hash << 13 | hash >>> 19) >>> 0;
}

function hashText(hash, string) {
  for (let i = 0; i < string.length; i++) hash = mix(hash, string.charCodeAt(i));
  return hash;
}

function stateOf(instance, names) {
  let hash = 0;
  const parts = [];
  for (const { name, kind } of names) {
    if (name[0] === 'v') continue; // a global of vectors
    const value = instance.exports[name];
    let part = '';
    if (kind === 'global') {
      part = globalText(value.value);
    } else if (kind === 'table') {
      // Of a table with 64-bit indices the length is a BigInt, and so are they.
      const wide = typeof value.length === 'bigint';
      for (let i = 0; i < value.length; i++) part += reference(value.get(wide ? BigInt(i) : i)) + ' ';
    } else if (kind === 'memory') {
      const words = new Uint32Array(value.buffer);
      let sum = 0;
      for (let i = 0; i < words.length; i++) sum = mix(sum, words[i]);
      part = `${words.length} ${hex(sum, 8)}`;
    } else {
      continue;
    }
    if (verbose) parts.push(`  ${name} ${part}\n`);
    hash = hashText(hash, part);
  }
  return [hash, parts.join('')];
}

class Program {
  constructor(bytes) {
    this.module = new WebAssembly.Module(bytes);
    this.parts = [];
    this.exports = {};
  }
  add(module, imports) {
    const instance = new WebAssembly.Instance(module, imports);
    this.parts.push([instance, WebAssembly.Module.exports(module)]);
    return instance.exports;
  }
  start() {
    const [base] = WebAssembly.Module.customSections(this.module, 'diff.base');
    const imports = {};
    if (base) imports.base = this.add(new WebAssembly.Module(base), {});
    this.exports = this.add(this.module, imports);
  }
  state() {
    let out = 'state';
    let details = '';
    for (const [instance, names] of this.parts) {
      const [hash, more] = stateOf(instance, names);
      out += ' ' + hex(hash, 8);
      details += more;
    }
    return out + '\n' + details;
  }
  call(reader) {
    const idx = reader.u32();
    const params = reader.types();
    const results = reader.types();
    const args = params.map((type) => argument(this.exports, type, reader.u64()));
    let line = `f${idx}`;
    if (this.exports.g0) this.exports.g0.value = 400n;
    if (this.exports.g1) this.exports.g1.value = 0;
    try {
      const out = this.exports[`f${idx}`](...args);
      const values = results.length === 1 ? [out] : out || [];
      line += results.map((type, i) => ' ' + text(type, values[i])).join('');
    } catch (error) {
      line += ' trap ' + trapName(error);
    }
    return line + '\n';
  }
}

function run(bytes) {
  const program = new Program(bytes);
  let out = '';
  try {
    program.start();
  } catch (error) {
    out += 'start: trap ' + trapName(error) + '\n';
    return program.parts.length > 0 ? out + program.state() : out;
  }
  out += program.state();
  const [calls] = WebAssembly.Module.customSections(program.module, 'diff.calls');
  const reader = new Reader(calls);
  for (let count = reader.u32(); count > 0; count--) {
    out += program.call(reader);
    out += program.state();
  }
  return out;
}

for (const file of files) {
  let out;
  try {
    out = run(fs.readFileSync(file));
  } catch (error) {
    out = `refused: ${error.message}\n`;
  }
  fs.writeSync(1, `== ${file}\n${out}`);
}
