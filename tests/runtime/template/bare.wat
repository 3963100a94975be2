;; Without a memory.
(module
  (type $t (func (param i32) (result i32)))
  (import "host" "early" (func $early (type $t)))
  (table $t 2 2 funcref)
  (elem (i32.const 0) $early)
  (func (export "call") (param i32 i32) (result i32)
    (call_indirect $t (type $t) (local.get 1) (local.get 0)))
  (func (export "direct") (param i32 i32) (result i32) (call $early (local.get 0)))
  (func (export "grow") (param i32 i32) (result i32) (table.size $t)))
