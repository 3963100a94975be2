;; What test_dump.py dumps and test_bisect.py runs: its exit status is 3 * 7 + (65 ^ 0x5a).
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $multiply (param $a i32) (param $b i32) (result i32)
    (i32.mul (local.get $a) (local.get $b)))
  (func $mix (param $a i32) (result i32) (local $i i32)
    (loop $again
      (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 5))))
    (i32.xor (local.get $a) (i32.const 0x5a)))
  (func $sum (param $a i32) (result i32)
    (i32.add (call $multiply (local.get $a) (i32.const 7)) (call $mix (i32.const 65))))
  (func (export "_start")
    (call $exit (call $sum (i32.const 3)))))
