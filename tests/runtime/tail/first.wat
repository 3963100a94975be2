(; One of two instances that call each other in tail position, through imports and
   through the table that they share, between functions with and without areas;
   test_tail.c runs them. Every step counts argument 0 down and adds 1 to argument
   1; functions with areas add their other arguments, too, and take away what those
   must come to. ;)
(module $first
  (type $small (func (param i64 i64) (result i64))) (type $big (func (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64))) (type $wide (func (param i64 i64) (result i64 i64 i64 i64 i64 i64 i64 i64))) (type $wide_big (func (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64 i64 i64 i64 i64 i64 i64)))
  (type $void (func))
  (import "host" "twice" (func $twice (param i32) (result i32)))
  (table (export "table") 10 funcref)
  (func $small (export "small") (type $small)
    (if (i64.eqz (local.get 0)) (then (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 1)) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15) (i64.const 16) (i64.const 17) (i64.const 18) (i64.const 19) (return_call_indirect (type $big) (i32.const 1)))
  (func $big (export "big") (type $big)
    (if (i64.eqz (local.get 0)) (then (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (local.get 1) (local.get 2)) (local.get 3)) (local.get 4)) (local.get 5)) (local.get 6)) (local.get 7)) (local.get 8)) (local.get 9)) (local.get 10)) (local.get 11)) (local.get 12)) (local.get 13)) (local.get 14)) (local.get 15)) (local.get 16)) (local.get 17)) (local.get 18)) (local.get 19)) (i64.const -188)) (return_call_indirect (type $small) (i32.const 0)))
  (func $wide (export "wide") (type $wide)
    (if (i64.eqz (local.get 0)) (then (local.get 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 1)) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15) (i64.const 16) (i64.const 17) (i64.const 18) (i64.const 19) (return_call_indirect (type $wide_big) (i32.const 2)))
  (func $wide_big (export "wide_big") (type $wide_big)
    (if (i64.eqz (local.get 0)) (then (local.get 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (local.get 1) (local.get 2)) (local.get 3)) (local.get 4)) (local.get 5)) (local.get 6)) (local.get 7)) (local.get 8)) (local.get 9)) (local.get 10)) (local.get 11)) (local.get 12)) (local.get 13)) (local.get 14)) (local.get 15)) (local.get 16)) (local.get 17)) (local.get 18)) (local.get 19)) (i64.const -188)) (return_call_indirect (type $wide) (i32.const 3)))
  (func $weigh (export "weigh") (type $small) (local i64)
    local.get 0 local.get 1 call $wide
    local.set 2 drop i64.add i64.add i64.add i64.add i64.add
    i64.const 10 i64.mul local.get 2 i64.add)
  (func $through_host (export "through_host") (param i32) (result i32)
    local.get 0 return_call $twice)
  (func $many_through_host (export "many_through_host") (param i32) (result i32) (local i32)
    loop
      local.get 1 i32.const 1 call $through_host i32.add local.set 1
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0
    end
    local.get 1)
  (func $outer (export "outer")
    call $to_trap
    i32.const 0 call $through_host drop)
  (func $to_trap (return_call_indirect (type $void) (i32.const 4)))
  (func $deep (export "deep") (param i64 i64) (result i64)
    (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (call_indirect (type $small) (i32.const 5)) (i64.const 1) i64.add)
  (func $deep_big (export "deep_big") (type $big)
    (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15) (i64.const 16) (i64.const 17) (i64.const 18) (i64.const 19) (call_indirect (type $big) (i32.const 6)) (i64.const 1) i64.add)
  (func $sink (export "sink") (param i64 i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (call $leap) (i64.const 1) i64.add)
  (func $leap (type $small) (; too long to be inlined ;)
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
    local.get 0 local.get 1 (return_call_indirect (type $small) (i32.const 7)))
  (func $sink_big (export "sink_big") (type $big)
    (if (i64.eqz (local.get 0)) (then (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15) (i64.const 16) (i64.const 17) (i64.const 18) (i64.const 19) (call $leap_big) (i64.const 1) i64.add)
  (func $leap_big (type $big)
    local.get 0 local.get 1 local.get 2 local.get 3 local.get 4 local.get 5 local.get 6 local.get 7 local.get 8 local.get 9 local.get 10 local.get 11 local.get 12 local.get 13 local.get 14 local.get 15 local.get 16 local.get 17 local.get 18 local.get 19 (return_call_indirect (type $big) (i32.const 8)))
  (func $sink_grow (export "sink_grow") (param i64 i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (call $leap_grow) (i64.const 1) i64.add)
  (func $leap_grow (type $small)
    local.get 0 local.get 1 (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15) (i64.const 16) (i64.const 17) (i64.const 18) (i64.const 19) (return_call_indirect (type $big) (i32.const 9)))
  (func $grow (export "grow") (param i64 i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 1)) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15) (i64.const 16) (i64.const 17) (i64.const 18) (i64.const 19) (return_call $grow_big))
  (func $grow_big (type $big)
    (if (i64.eqz (local.get 0)) (then (local.get 1) return))
    (i64.sub (local.get 0) (i64.const 1)) (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (i64.add (local.get 1) (local.get 2)) (local.get 3)) (local.get 4)) (local.get 5)) (local.get 6)) (local.get 7)) (local.get 8)) (local.get 9)) (local.get 10)) (local.get 11)) (local.get 12)) (local.get 13)) (local.get 14)) (local.get 15)) (local.get 16)) (local.get 17)) (local.get 18)) (local.get 19)) (i64.const -188)) (return_call $grow)))
