;; Imports a function that nothing provides.
(module
  (import "weather" "forecast" (func $forecast (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (drop (call $forecast (i32.const 1)))))
