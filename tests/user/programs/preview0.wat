;; A program for WASI preview 0: prints, and looks at standard output's status,
;; whose layout differs from preview 1.
(module
  (import "wasi_unstable" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
  (import "wasi_unstable" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "preview 0\n")
  (data (i32.const 64) "\ff\ff\ff\ff\ff\ff\ff\ff")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 10))
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (call $exit (i32.const 1))))
    ;; 56 bytes: what stands behind them stays
    (i64.store (i32.const 256) (i64.const -1))
    (if (call $stat (i32.const 1) (i32.const 200))
      (then (call $exit (i32.const 2))))
    (if (i64.ne (i64.load (i32.const 256)) (i64.const -1))
      (then (call $exit (i32.const 3))))
    (if (i32.ne (i32.load (i32.const 220)) (i32.const 1))  ;; nlink
      (then (call $exit (i32.const 4))))
    ;; a stream cannot seek: SPIPE
    (if (i32.ne (call $seek (i32.const 1) (i64.const 0) (i32.const 2) (i32.const 300))
                (i32.const 70))
      (then (call $exit (i32.const 5))))
    (call $exit (i32.const 7))))
