;; None of these has a template: the table may grow beyond a small block.
(module
  (table (export "table") 1 1000 funcref)
  (func (export "call") (param i32 i32) (result i32) (local.get 0)))
