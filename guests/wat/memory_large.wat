;; Declares 2 GiB of memory from the start: more than a limit below that allows.
(module
  (memory (export "memory") 32768)
  (func (export "_start")))
