// A reactor: built with -buildmode=c-shared, it exports functions and has `_initialize` for `_start`.
package main

import "fmt"

var calls int32

//go:wasmexport add
func add(left, right int32) int32 {
	return left + right
}

//go:wasmexport greet
func greet() {
	calls++
	fmt.Printf("hello from a Go reactor, call %d\n", calls)
}

func main() {}
