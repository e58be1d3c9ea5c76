// Goroutines, channels, timers, clocks, randomness, and a scanner over stdin, all at once.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"time"
)

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "FAILED concurrency: "+format+"\n", values...)
	os.Exit(1)
}

func main() {
	sum()
	timers()
	random()
	input()
	fmt.Println("concurrency: done")
}

func sum() {
	numbers, results := make(chan int), make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for number := range numbers {
				results <- number * number
			}
		}()
	}
	go func() {
		for number := range 1000 {
			numbers <- number
		}
		close(numbers)
		workers.Wait()
		close(results)
	}()
	total := 0
	for square := range results {
		total += square
	}
	fmt.Println("squares:", total)
}

func timers() {
	start := time.Now()
	ticker := time.NewTicker(5 * time.Millisecond)
	for range 4 {
		<-ticker.C
	}
	ticker.Stop()
	if passed := time.Since(start); passed < 15*time.Millisecond {
		fail("four ticks of 5 ms took %v", passed)
	}
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	select {
	case <-deadline.Done():
		fmt.Println("deadline:", deadline.Err())
	case <-time.After(time.Minute):
		fail("the deadline never came")
	}
}

func random() {
	first, second := make([]byte, 1<<16), make([]byte, 1<<16)
	if _, err := rand.Read(first); err != nil {
		fail("rand: %v", err)
	}
	if _, err := rand.Read(second); err != nil {
		fail("rand: %v", err)
	}
	if sha256.Sum256(first) == sha256.Sum256(second) {
		fail("two draws are the same")
	}
	fmt.Println("random: different")
}

// Reads stdin in one goroutine while another ticks: reading must not stop the clock of the program.
func input() {
	lines := make(chan string)
	go func() {
		scanner := bufio.NewScanner(os.Stdin)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		close(lines)
	}()
	count := 0
	for line := range lines {
		count++
		fmt.Printf("line %d: %s\n", count, line)
	}
	fmt.Println("lines:", count)
}
