#!/usr/bin/env python3
"""Writes random valid WebAssembly modules and calls to make.

usage: generate.py SEED COUNT OUTPUT_DIR

Each module N becomes OUTPUT_DIR/N.wasm, and the calls OUTPUT_DIR/calls.json:
a list, per module, of [export, [argument bits...]]. Programs always end:
loops and calls burn fuel, and a function without fuel returns at once. Bits
of NaNs that the specification leaves open never reach anything visible.
"""
import json
import os
import random
import struct
import sys

I32, I64, F32, F64 = 0x7F, 0x7E, 0x7D, 0x7C
TYPES = (I32, I64, F32, F64)
VOID = 0x40

INTERESTING_32 = [0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7FFF, 0x8000,
                  0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFF80, 0xFFFFFFFE,
                  0xFFFFFFFF, 0x55555555, 0xAAAAAAAA, 1000, 65535, 65536]
INTERESTING_64 = INTERESTING_32 + [0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0x100000000,
                                   0xFFFFFFFF00000000, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF80000000,
                                   0xFFFFFFFF7FFFFFFF, 0x80000000000, 0x0123456789ABCDEF]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, 3.14159, 1e10, -1e10, 1e-10,
          2147483647.0, 2147483648.0, -2147483648.0, -2147483649.0, 4294967295.0, 4294967296.0,
          9223372036854775807.0, -9223372036854775808.0, 18446744073709551615.0, 1e30, -1e30,
          float('inf'), float('-inf'), float('nan'), -0.9, 0.9, 4294967295.9, -2147483648.9,
          2147483647.9, 1e-40, 1e-310, 3.4e38, 16777217.0]


def uleb(n):
    out = bytearray()
    while True:
        byte = n & 0x7F
        n >>= 7
        out.append(byte | (0x80 if n else 0))
        if not n:
            return bytes(out)


def sleb(n):
    out = bytearray()
    while True:
        byte = n & 0x7F
        n >>= 7
        if (n == 0 and not byte & 0x40) or (n == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def signed(n, bits):
    return n - (1 << bits) if n >> (bits - 1) & 1 else n


def f32_bits(x):
    try:
        return struct.unpack('<I', struct.pack('<f', x))[0]
    except OverflowError:
        return 0x7F800000 if x > 0 else 0xFF800000


def f64_bits(x):
    return struct.unpack('<Q', struct.pack('<d', x))[0]


def const(kind, bits):
    if kind == I32:
        return b'\x41' + sleb(signed(bits & 0xFFFFFFFF, 32))
    if kind == I64:
        return b'\x42' + sleb(signed(bits & (1 << 64) - 1, 64))
    if kind == F32:
        return b'\x43' + struct.pack('<I', bits)
    return b'\x44' + struct.pack('<Q', bits)


def section(number, body):
    return bytes([number]) + uleb(len(body)) + body


def vector(items):
    items = list(items)
    return uleb(len(items)) + b''.join(items)


# (opcode, operand types) by result type
OPS = {t: [] for t in TYPES}
for code in range(0x46, 0x50):
    OPS[I32].append((bytes([code]), (I32, I32)))
for code in range(0x51, 0x5B):
    OPS[I32].append((bytes([code]), (I64, I64)))
for code in range(0x5B, 0x61):
    OPS[I32].append((bytes([code]), (F32, F32)))
for code in range(0x61, 0x67):
    OPS[I32].append((bytes([code]), (F64, F64)))
OPS[I32] += [(b'\x45', (I32,)), (b'\x50', (I64,))]
for base, kind in ((0x67, I32), (0x79, I64)):
    for code in range(base, base + 3):
        OPS[kind].append((bytes([code]), (kind,)))
    for code in range(base + 3, base + 18):
        OPS[kind].append((bytes([code]), (kind, kind)))
    # arithmetic again, without division: it matters most
    for code in (3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17):
        OPS[kind].append((bytes([base + code]), (kind, kind)))
for base, kind in ((0x8B, F32), (0x99, F64)):
    for code in range(base, base + 7):
        OPS[kind].append((bytes([code]), (kind,)))
    for code in range(base + 7, base + 13):
        OPS[kind].append((bytes([code]), (kind, kind)))
    OPS[kind].append((bytes([base + 13]), (kind, 'canon')))
OPS[I32] += [(b'\xa7', (I64,)), (b'\xc0', (I32,)), (b'\xc1', (I32,)), (b'\xbc', ('canon32',))]
OPS[I32] += [(bytes([0xA8 + i]), ((F32, F32, F64, F64)[i],)) for i in range(4)]
OPS[I32] += [(b'\xfc' + bytes([i]), ((F32, F32, F64, F64)[i],)) for i in range(4)] * 2
OPS[I64] += [(b'\xac', (I32,)), (b'\xad', (I32,)), (b'\xc2', (I64,)), (b'\xc3', (I64,)),
             (b'\xc4', (I64,)), (b'\xbd', ('canon64',))]
OPS[I64] += [(bytes([0xAE + i]), ((F32, F32, F64, F64)[i],)) for i in range(4)]
OPS[I64] += [(b'\xfc' + bytes([4 + i]), ((F32, F32, F64, F64)[i],)) for i in range(4)] * 2
OPS[F32] += [(bytes([0xB2 + i]), ((I32, I32, I64, I64)[i],)) for i in range(4)]
OPS[F32] += [(b'\xb6', (F64,)), (b'\xbe', (I32,))]
OPS[F64] += [(bytes([0xB7 + i]), ((I32, I32, I64, I64)[i],)) for i in range(4)]
OPS[F64] += [(b'\xbb', (F32,)), (b'\xbf', (I64,))]

LOADS = {I32: [(0x28, 4), (0x2C, 1), (0x2D, 1), (0x2E, 2), (0x2F, 2)],
         I64: [(0x29, 8), (0x30, 1), (0x31, 1), (0x32, 2), (0x33, 2), (0x34, 4), (0x35, 4)],
         F32: [(0x2A, 4)], F64: [(0x2B, 8)]}
STORES = {I32: [(0x36, 4), (0x3A, 1), (0x3B, 2)], I64: [(0x37, 8), (0x3C, 1), (0x3D, 2), (0x3E, 4)],
          F32: [(0x38, 4)], F64: [(0x39, 8)]}
GLOBALS = [I64, I32, I64, F32, F64, I32]  # 0 is the fuel


class Function:
    def __init__(self, module, index):
        rng = module.rng
        self.module, self.index, self.rng = module, index, rng
        self.params = [rng.choice(TYPES) for _ in range(rng.choice((0, 1, 2, 2, 3, 4, 6, 12, 20)))]
        self.results = [rng.choice(TYPES) for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3, 9, 16)))]
        self.locals = [rng.choice(TYPES) for _ in range(rng.choice((1, 3, 6, 12, 30)))]
        self.counters = []
        self.labels = []  # what each enclosing label carries: a list of types
        self.budget = rng.choice((20, 60, 150, 400))
        self.canon = {}

    def local_types(self):
        return self.params + self.locals

    def new_local(self, kind):
        self.locals.append(kind)
        return len(self.params) + len(self.locals) - 1

    def pick_local(self, kind):
        reserved = set(self.counters) | set(self.canon.values())
        found = [i for i, t in enumerate(self.local_types()) if t == kind and i not in reserved]
        return self.rng.choice(found) if found else None

    # --- expressions
    def leaf(self, kind):
        rng = self.rng
        local = self.pick_local(kind)
        if local is not None and rng.random() < 0.7:
            return b'\x20' + uleb(local)
        if rng.random() < 0.1:
            which = rng.choice([i for i, t in enumerate(GLOBALS) if t == kind and i] or [None])
            if which is not None:
                return b'\x23' + uleb(which)
        return const(kind, self.random_bits(kind))

    def random_bits(self, kind):
        rng = self.rng
        if kind == I32:
            return rng.choice(INTERESTING_32) if rng.random() < 0.7 else rng.getrandbits(32)
        if kind == I64:
            return rng.choice(INTERESTING_64) if rng.random() < 0.7 else rng.getrandbits(64)
        value = rng.choice(FLOATS) if rng.random() < 0.8 else rng.uniform(-1e6, 1e6)
        return f32_bits(value) if kind == F32 else f64_bits(value)

    def canonical(self, kind, depth):
        """A float whose NaN is the canonical positive one."""
        if kind not in self.canon:
            self.canon[kind] = self.new_local(kind)
        t = uleb(self.canon[kind])
        nan = const(kind, 0x7FC00000 if kind == F32 else 0x7FF8000000000000)
        equal = b'\x5b' if kind == F32 else b'\x61'
        return (self.expr(kind, depth) + b'\x22' + t + nan + b'\x20' + t + b'\x20' + t + equal +
                b'\x1b')

    def address(self, depth):
        rng = self.rng
        kind = rng.random()
        if kind < 0.1:
            return self.expr(I32, depth), rng.choice((0, 4, 65528, 0x7FFEFFF8, 0x7FFFFFFF,
                                                      0x80000000, 0xFFFFFFF0))
        if kind < 0.25:
            return const(I32, rng.randrange(0, 65536)), rng.randrange(0, 64)
        mask = rng.choice((0xFF, 0xFFFC, 0xFFF8, 0xFFF))
        return self.expr(I32, depth) + const(I32, mask) + b'\x71', rng.choice((0, 0, 4, 8, 100))

    def load(self, kind, depth):
        code, size = self.rng.choice(LOADS[kind])
        address, offset = self.address(depth)
        align = self.rng.randrange(0, size.bit_length())
        return address + bytes([code]) + uleb(align) + uleb(offset)

    def expr(self, kind, depth):
        rng = self.rng
        self.budget -= 1
        if depth <= 0 or self.budget <= 0:
            return self.leaf(kind)
        roll = rng.random()
        if roll < 0.15:
            return self.leaf(kind)
        if roll < 0.25:
            return self.load(kind, depth - 1)
        if roll < 0.31:
            a, b = self.expr(kind, depth - 1), self.expr(kind, depth - 1)
            return a + b + self.expr(I32, depth - 1) + b'\x1b'
        if roll < 0.35:
            local = self.pick_local(kind)
            if local is not None:
                return self.expr(kind, depth - 1) + b'\x22' + uleb(local)
        if roll < 0.40:
            cond = self.expr(I32, depth - 1)
            self.labels.append([kind])
            a, b = self.expr(kind, depth - 1), self.expr(kind, depth - 1)
            self.labels.pop()
            return cond + b'\x04' + bytes([kind]) + a + b'\x05' + b + b'\x0b'
        if roll < 0.44:
            self.labels.append([kind])
            body = self.expr(kind, depth - 1) + self.expr(I32, depth - 1) + b'\x0d' + uleb(0)
            body += b'\x1a' + self.statements(depth - 1, 1) + self.expr(kind, depth - 1)
            self.labels.pop()
            return b'\x02' + bytes([kind]) + body + b'\x0b'
        if roll < 0.50:
            call = self.call([kind], depth - 1)
            if call is not None:
                return call
        if roll < 0.51 and kind == I32:
            return b'\x3f\x00'
        opcode, operands = rng.choice(OPS[kind])
        out = b''
        for operand in operands:
            if operand == 'canon':
                out += self.canonical(kind, depth - 1)
            elif operand in ('canon32', 'canon64'):
                out += self.canonical(F32 if operand == 'canon32' else F64, depth - 1)
            else:
                out += self.expr(operand, depth - 1)
        return out + opcode

    def call(self, results, depth):
        """A call with these results, of an earlier function, or None."""
        rng = self.rng
        fits = [f for f in self.module.functions[:self.index] if f.results == results]
        if not fits:
            return None
        callee = rng.choice(fits)
        out = b''.join(self.expr(t, min(depth, 2)) for t in callee.params)
        if rng.random() < 0.35:
            index = const(I32, callee.index)
            if rng.random() < 0.1:
                index = self.expr(I32, 1) + const(I32, 31) + b'\x71'
            return out + index + b'\x11' + uleb(self.module.type_of(callee)) + b'\x00'
        return out + b'\x10' + uleb(callee.index)

    # --- statements
    def statements(self, depth, count):
        return b''.join(self.statement(depth) for _ in range(count))

    def fuel_check(self):
        """Burns fuel; returns default results when there is none."""
        leave = b''.join(const(t, 0) for t in self.results) + b'\x0f'
        return (b'\x23\x00\x50\x04\x40' + leave + b'\x0b' + b'\x23\x00\x42\x01\x7d\x24\x00')

    def statement(self, depth):
        rng = self.rng
        self.budget -= 1
        roll = rng.random()
        if depth <= 0 or self.budget <= 0 or roll < 0.35:
            kind = rng.choice(TYPES)
            local = self.pick_local(kind)
            if local is None:
                return b'\x01'
            return self.expr(kind, min(depth, 4)) + b'\x21' + uleb(local)
        if roll < 0.52:
            kind = rng.choice(TYPES)
            code, size = rng.choice(STORES[kind])
            address, offset = self.address(depth - 1)
            value = self.expr(kind, depth - 1) if kind in (I32, I64) else self.canonical(kind, depth - 1)
            if rng.random() < 0.3 and kind in (I32, I64) and size == (4 if kind == I32 else 8):
                where = self.pick_local(I32)
                if where is not None:  # load, operate, store
                    load = 0x28 if kind == I32 else 0x29
                    op = (0x6A, 0x6B, 0x71, 0x72, 0x73)[rng.randrange(5)] + (0x12 if kind == I64 else 0)
                    place = b'\x20' + uleb(where)
                    return (place + place + bytes([load]) + b'\x00\x08' + value + bytes([op]) +
                            bytes([code]) + b'\x00\x08')
            return address + value + bytes([code]) + uleb(0) + uleb(offset)
        if roll < 0.62:
            cond = self.expr(I32, depth - 1)
            self.labels.append([])
            body = self.statements(depth - 1, rng.randrange(1, 4))
            other = b'\x05' + self.statements(depth - 1, rng.randrange(1, 3)) if rng.random() < .5 else b''
            self.labels.pop()
            return cond + b'\x04\x40' + body + other + b'\x0b'
        if roll < 0.74:
            return self.loop(depth)
        if roll < 0.82:
            self.labels.append([])
            body = self.statements(depth - 1, rng.randrange(1, 4))
            body += self.expr(I32, depth - 1) + b'\x0d\x00' + self.statements(depth - 1, 1)
            self.labels.pop()
            return b'\x02\x40' + body + b'\x0b'
        if roll < 0.88:
            return self.switch(depth)
        if roll < 0.92:
            which = rng.randrange(1, len(GLOBALS))
            kind = GLOBALS[which]
            value = self.expr(kind, depth - 1) if kind in (I32, I64) else self.canonical(kind, depth - 1)
            return value + b'\x24' + uleb(which)
        if roll < 0.95 and self.labels:
            options = [i for i, t in enumerate(reversed(self.labels)) if t == []]
            if options:
                return self.expr(I32, depth - 1) + b'\x0d' + uleb(rng.choice(options))
        if roll < 0.98:
            fits = [f.results for f in self.module.functions[:self.index]]
            if fits:
                results = rng.choice(fits)
                call = self.call(results, depth - 1)
                return call + self.consume(results)
        return b'\x01'

    def consume(self, results):
        out = b''
        for kind in reversed(results):
            local = self.pick_local(kind)
            out += b'\x1a' if local is None else b'\x21' + uleb(local)
        return out

    def loop(self, depth):
        counter = self.new_local(I32)
        self.counters.append(counter)
        self.labels.append([])
        rounds = self.rng.choice((1, 2, 3, 5, 8, 20))
        body = self.fuel_check() + self.statements(depth - 1, self.rng.randrange(1, 5))
        self.labels.pop()
        c = uleb(counter)
        return (const(I32, rounds) + b'\x21' + c + b'\x03\x40' + body + b'\x20' + c +
                b'\x41\x01\x6b\x22' + c + b'\x04\x40\x0c\x01\x0b\x0b')

    def switch(self, depth):
        rng = self.rng
        cases = rng.choice((1, 2, 3, 6, 12))
        out = b''
        for _ in range(cases + 1):
            out += b'\x02\x40'
        self.labels += [[] for _ in range(cases + 1)]
        targets = [rng.randrange(0, cases + 1) for _ in range(rng.choice((0, 1, 3, 5, 9, 20)))]
        out += self.expr(I32, depth - 1)
        if rng.random() < 0.7:
            out += const(I32, 15) + b'\x71'
        out += b'\x0e' + vector(uleb(t) for t in targets) + uleb(rng.randrange(0, cases + 1))
        for i in range(cases + 1):
            self.labels.pop()
            out += b'\x0b' + self.statements(depth - 1, 1)
            if i < cases and rng.random() < 0.5:
                out += b'\x0c' + uleb(cases - 1 - i)
        return out

    def build(self):
        rng = self.rng
        body = self.fuel_check() + self.statements(5, rng.randrange(1, 8))
        for kind in self.results:
            body += self.expr(kind, 3) if kind in (I32, I64) else self.canonical(kind, 3)
        body += b'\x0b'
        groups = vector(uleb(1) + bytes([t]) for t in self.locals)
        self.code = uleb(len(groups + body)) + groups + body


class Module:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.types, self.functions = [], []
        count = self.rng.choice((2, 4, 8))
        for i in range(count):
            self.functions.append(Function(self, i))
            self.type_of(self.functions[i])
        for f in self.functions:
            f.build()

    def type_of(self, function):
        key = (tuple(function.params), tuple(function.results))
        if key not in self.types:
            self.types.append(key)
        return self.types.index(key)

    def hash_function(self):
        """Mixes all of memory and the globals into an i64."""
        body = b'\x03\x40'  # local 0: address, local 1: hash
        body += b'\x20\x01\x42\x05\x89\x20\x00\x29\x00\x00\x85\x42\xb3\x83\x80\x80\x10\x7e\x21\x01'
        body += b'\x20\x00\x41\x08\x6a\x22\x00\x41\x80\x80\x04\x49\x0d\x00\x0b\x20\x01'
        for i, kind in enumerate(GLOBALS):
            if i:
                body += b'\x23' + uleb(i)
                body += {I32: b'\xad', I64: b'', F32: b'\xbc\xad', F64: b'\xbd'}[kind] + b'\x85'
                body += b'\x42\x07\x89'
        body += b'\x0b'
        groups = vector([uleb(1) + bytes([I32]), uleb(1) + bytes([I64])])
        return uleb(len(groups + body)) + groups + body

    def refuel_function(self):
        body = b'\x42' + sleb(3000) + b'\x24\x00\x0b'
        return uleb(len(body) + 1) + b'\x00' + body

    def binary(self):
        hash_type, refuel_type = len(self.types), len(self.types) + 1
        types = [b'\x60' + vector(bytes([t]) for t in p) + vector(bytes([t]) for t in r)
                 for p, r in self.types + [((), (I64,)), ((), ())]]
        count = len(self.functions)
        funcs = [uleb(self.type_of(f)) for f in self.functions] + [uleb(hash_type), uleb(refuel_type)]
        exports = [uleb(len('f%d' % i)) + b'f%d' % i + b'\x00' + uleb(i) for i in range(count)]
        exports += [b'\x04hash\x00' + uleb(count), b'\x06refuel\x00' + uleb(count + 1)]
        data = bytes(self.rng.getrandbits(8) for _ in range(2048))
        globals_ = [bytes([t]) + b'\x01' + const(t, 0) + b'\x0b' for t in GLOBALS]
        out = b'\0asm\x01\0\0\0'
        out += section(1, vector(types)) + section(3, vector(funcs))
        out += section(4, b'\x01\x70\x00\x20') + section(5, b'\x01\x00\x01')
        out += section(6, vector(globals_)) + section(7, vector(exports))
        out += section(9, b'\x01\x00\x41\x00\x0b' + vector(uleb(i) for i in range(count)))
        out += section(10, vector([f.code for f in self.functions] +
                                  [self.hash_function(), self.refuel_function()]))
        out += section(11, b'\x01\x00\x41\x00\x0b' + uleb(len(data)) + data)
        return out

    def calls(self):
        out = []
        for i, f in enumerate(self.functions):
            for _ in range(4):
                out.append(['refuel', [], [[], []]])
                bits = [str(f.random_bits(t)) for t in f.params]
                out.append(['f%d' % i, bits, [f.params, f.results]])
        return out + [['hash', [], [[], [I64]]]]


def main():
    seed, count, directory = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    os.makedirs(directory, exist_ok=True)
    plan = []
    for i in range(count):
        module = Module(seed * 1000003 + i)
        with open(os.path.join(directory, '%d.wasm' % i), 'wb') as file:
            file.write(module.binary())
        plan.append(module.calls())
    with open(os.path.join(directory, 'calls.json'), 'w') as file:
        json.dump(plan, file)


if __name__ == '__main__':
    main()
