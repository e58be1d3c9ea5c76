/* Prints its arguments, one line each, after a greeting. */
#include <stdio.h>

int main(int argc, char **argv) {
    puts("Hello from C!");
    for (int index = 1; index < argc; index++) {
        printf("arg %d: %s\n", index, argv[index]);
    }
    return 0;
}
