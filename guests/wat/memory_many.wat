;; Two memories whose sum is what counts against a limit.
(module
  (memory (export "memory") 1024)
  (memory $other 1024)
  (func (export "_start")
    (i32.store8 $other (i32.const 5) (i32.const 1))))
