/* Sorts, multiplies and hashes: the same result on every engine and at every level of optimisation. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 100000
#define SIDE 64

static uint64_t state = 88172645463325252u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

int main(void) {
    uint64_t *numbers = malloc(COUNT * sizeof *numbers);
    if (numbers == NULL) {
        fputs("FAILED compute: malloc\n", stderr);
        return 1;
    }
    for (size_t index = 0; index < COUNT; index++) {
        numbers[index] = next();
    }
    qsort(numbers, COUNT, sizeof *numbers, compare);
    uint64_t hash = 14695981039346656037u;
    for (size_t index = 0; index < COUNT; index++) {
        if (index > 0 && numbers[index - 1] > numbers[index]) {
            fprintf(stderr, "FAILED compute: order at %zu\n", index);
            return 1;
        }
        hash = (hash ^ numbers[index]) * 1099511628211u;
    }
    free(numbers);
    printf("sorted %d, hash %016llx\n", COUNT, (unsigned long long)hash);

    static double left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];
    for (int row = 0; row < SIDE; row++) {
        for (int column = 0; column < SIDE; column++) {
            left[row][column] = row + column;
            right[row][column] = row - column;
        }
    }
    double beside = 0;
    for (int row = 0; row < SIDE; row++) {
        for (int column = 0; column < SIDE; column++) {
            double sum = 0;
            for (int inner = 0; inner < SIDE; inner++) {
                sum += left[row][inner] * right[inner][column];
            }
            product[row][column] = sum;
        }
        beside += product[row][(row + 1) % SIDE];
    }
    printf("beside the diagonal %.1f, root %.6f\n", beside, sqrt(fabs(beside)));
    return 0;
}
