;; A loop without a call in it.
(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $again (br $again))))
