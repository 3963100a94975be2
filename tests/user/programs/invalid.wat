;; Well-formed, but function 1 leaves an i64 where an i32 is wanted.
(module
  (func $fine)
  (func $broken (result i32) i64.const 1)
  (func (export "_start")))
