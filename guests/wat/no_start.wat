;; Neither a command nor a reactor: a function, but no `_start` and no `_initialize`.
(module
  (memory (export "memory") 1)
  (func (export "answer") (result i32) (i32.const 42)))
