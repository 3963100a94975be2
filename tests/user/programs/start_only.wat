;; Everything happens in the start function.
(module
  (func $main)
  (start $main))
