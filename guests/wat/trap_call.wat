;; Calls through a table entry of another type, after one that is there.
(module
  (type $nothing (func))
  (type $number (func (result i32)))
  (memory (export "memory") 1)
  (table funcref (elem $fine))
  (func $fine)
  (func (export "_start")
    (call_indirect (type $nothing) (i32.const 0))
    (drop (call_indirect (type $number) (i32.const 0)))))
