/* Traps that Rust's checks would turn into panics: built with -g, for traces with source lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero = 0;
static volatile int one = 1;
static volatile unsigned address = 0xfffffff0u;

__attribute__((noinline)) static int divide(int by) { return one / by; }

__attribute__((noinline)) static int load(void) { return *(volatile int *)address; }

__attribute__((noinline)) static int call(void) {
    /* A table index that holds no function. */
    int (*volatile function)(int) = (int (*)(int))0x7fffffff;
    return function(one);
}

int main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    printf("about to: %s\n", way);
    fflush(stdout);
    if (strcmp(way, "divide") == 0) return divide(zero);
    if (strcmp(way, "load") == 0) return load();
    if (strcmp(way, "call") == 0) return call();
    if (strcmp(way, "abort") == 0) abort();
    if (strcmp(way, "unreachable") == 0) __builtin_trap();
    fputs("usage: traps divide|load|call|abort|unreachable\n", stderr);
    return 64;
}
