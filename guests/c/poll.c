/* poll, select, nanosleep and the clocks, as wasi-libc makes them of poll_oneoff. */
#include "check.h"

#include <poll.h>
#include <sched.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(void) {
    struct pollfd out = {.fd = 1, .events = POLLOUT};
    CHECK(poll(&out, 1, 1000) == 1 && (out.revents & POLLOUT) != 0);

    long long start = now();
    struct timespec twenty = {0, 20 * 1000 * 1000};
    CHECK(nanosleep(&twenty, NULL) == 0);
    CHECK(now() - start >= 20 * 1000 * 1000);

    fd_set writable;
    FD_ZERO(&writable);
    FD_SET(1, &writable);
    struct timeval second = {1, 0};
    CHECK(select(2, NULL, &writable, NULL, &second) == 1 && FD_ISSET(1, &writable));

    struct pollfd closed = {.fd = 500, .events = POLLIN};
    CHECK(poll(&closed, 1, 100) == 1 && closed.revents == POLLNVAL);
    CHECK(sched_yield() == 0);

    /* Data on stdin, then its end: both make it readable. */
    char buffer[64];
    long total = 0;
    for (;;) {
        struct pollfd in = {.fd = 0, .events = POLLIN};
        CHECK(poll(&in, 1, 10000) == 1);
        long count = read(0, buffer, sizeof buffer);
        CHECK(count >= 0);
        if (count <= 0) break;
        total += count;
    }
    printf("stdin: %ld bytes\n", total);
    return checks_finish("poll");
}
