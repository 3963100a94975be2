(module ;; touches 5 GiB of a 64-bit memory, page by page
  (memory i64 1 262144)
  (func $touch (export "_start") (local $i i64)
    (if (i64.eq (memory.grow (i64.const 131072)) (i64.const -1)) (then unreachable))
    (local.set $i (i64.const 3221225472))
    (loop $next
      (i64.store (local.get $i) (local.get $i))
      (local.set $i (i64.add (local.get $i) (i64.const 4096)))
      (br_if $next (i64.lt_u (local.get $i) (i64.const 8589934592))))))
