;; `_start` takes a parameter, which no command's does.
(module
  (memory (export "memory") 1)
  (func (export "_start") (param i32)))
