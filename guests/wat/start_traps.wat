;; Has a start function, and it traps before `_start` is ever called.
(module
  (memory (export "memory") 1)
  (func $boom unreachable)
  (start $boom)
  (func (export "_start")))
