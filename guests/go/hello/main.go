// Prints a greeting, its arguments and one environment variable.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("Hello from Go!")
	for index, argument := range os.Args[1:] {
		fmt.Printf("arg %d: %s\n", index+1, argument)
	}
	if value, found := os.LookupEnv("GREETING"); found {
		fmt.Println("GREETING:", value)
	}
}
