/* Checks that name what failed, for the guests in C. */
#ifndef HOLM_GUESTS_CHECK_H
#define HOLM_GUESTS_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int checks_failed = 0;
static int checks_passed = 0;

/* `condition` must hold. */
#define CHECK(condition)                                                                  \
    do {                                                                                  \
        errno = 0;                                                                        \
        if (condition) {                                                                  \
            checks_passed++;                                                              \
        } else {                                                                          \
            checks_failed++;                                                              \
            fprintf(stderr, "FAILED %s:%d: %s (%s)\n", __FILE_NAME__, __LINE__, #condition, strerror(errno)); \
        }                                                                                 \
    } while (0)

/* `call` must fail, and with the error `want`. */
#define CHECK_ERROR(call, want)                                                           \
    do {                                                                                  \
        errno = 0;                                                                        \
        long result = (long)(call);                                                       \
        int got = errno;                                                                  \
        if (result == -1 && got == (want)) {                                              \
            checks_passed++;                                                              \
        } else {                                                                          \
            checks_failed++;                                                              \
            fprintf(stderr, "FAILED %s:%d: %s: got %ld (%s), want %s\n", __FILE_NAME__, __LINE__, #call, result, \
                    strerror(got), strerror(want));                                       \
        }                                                                                 \
    } while (0)

static inline int checks_finish(const char *name) {
    if (checks_failed == 0) {
        printf("%s: all %d checks passed\n", name, checks_passed);
        return 0;
    }
    printf("%s: %d of %d checks failed\n", name, checks_failed, checks_failed + checks_passed);
    return 1;
}

#endif
