;; Wants 4 GiB of memory from the beginning and touches all of it.
(module
  (memory (export "memory") 65536)
  (func (export "_start") (local $at i32)
    (loop $again
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $again (local.get $at)))))
