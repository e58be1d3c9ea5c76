/* Linked with --import-memory: the memory comes from the host, and everything must work all the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    size_t size = 4u << 20;
    char *block = malloc(size);
    if (block == NULL) {
        fputs("FAILED imported_memory: malloc of 4 MiB\n", stderr);
        return 1;
    }
    memset(block, 7, size);
    unsigned long sum = 0;
    for (size_t index = 0; index < size; index++) {
        sum += (unsigned char)block[index];
    }
    free(block);
    printf("memory: %lu pages at least, sum %lu\n", (unsigned long)(size >> 16), sum);
    return sum == 7ul * size ? 0 : 1;
}
