;; A choice of the smaller of two floats by comparing them, with values that tell the operand
;; orders of minss apart: NaN and zeros of both signs.
;; call 0 f32:1 f32:nan -> f32
;; call 0 f32:nan f32:2 -> f32
;; call 0 f32:0 f32:-0 -> f32
;; call 0 f32:-0 f32:0 -> f32
;; call 1 f64:0 f64:-0 -> f64
;; call 1 f64:-0 f64:0 -> f64
;; call 1 f64:nan f64:-1 -> f64
(module
  (func (export "f0") (param f32 f32) (result f32)
    (select (local.get 0) (local.get 1) (f32.lt (local.get 0) (local.get 1))))
  (func (export "f1") (param f64 f64) (result f64)
    (select (local.get 1) (local.get 0) (f64.gt (local.get 0) (local.get 1)))))
