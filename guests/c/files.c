/* POSIX files as wasi-libc has them: stdio, descriptors, directories, links, and the errno of each failure. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void stdio(void) {
    FILE *file = fopen("stdio.txt", "w+");
    CHECK(file != NULL);
    if (file == NULL) return;
    CHECK(fprintf(file, "line %d\nline %d\n", 1, 2) == 14);
    CHECK(fseek(file, 0, SEEK_SET) == 0);
    char line[32];
    CHECK(fgets(line, sizeof line, file) != NULL && strcmp(line, "line 1\n") == 0);
    CHECK(ftell(file) == 7);
    CHECK(fgets(line, sizeof line, file) != NULL && strcmp(line, "line 2\n") == 0);
    CHECK(fgets(line, sizeof line, file) == NULL && feof(file));
    CHECK(fclose(file) == 0);
    file = fopen("stdio.txt", "a");
    CHECK(file != NULL && fputs("line 3\n", file) >= 0 && fclose(file) == 0);
    struct stat info;
    CHECK(stat("stdio.txt", &info) == 0 && info.st_size == 21 && S_ISREG(info.st_mode));
    CHECK(remove("stdio.txt") == 0);
    puts("stdio: done");
}

static void descriptors(void) {
    int fd = open("fd.bin", O_CREAT | O_EXCL | O_RDWR, 0644);
    CHECK(fd >= 0);
    CHECK_ERROR(open("fd.bin", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
    struct iovec out[3] = {{"one,", 4}, {"", 0}, {"two", 3}};
    CHECK(writev(fd, out, 3) == 7);
    CHECK(pwrite(fd, "T", 1, 4) == 1);
    CHECK(lseek(fd, 0, SEEK_CUR) == 7);
    char left[4], right[8];
    struct iovec in[2] = {{left, sizeof left}, {right, sizeof right}};
    CHECK(preadv(fd, in, 2, 0) == 7 && memcmp(left, "one,", 4) == 0 && memcmp(right, "Two", 3) == 0);
    CHECK(ftruncate(fd, 3) == 0 && lseek(fd, 0, SEEK_END) == 3);
    CHECK_ERROR(lseek(fd, -10, SEEK_SET), EINVAL);
    CHECK(posix_fallocate(fd, 0, 100) == 0);
    struct stat info;
    CHECK(fstat(fd, &info) == 0 && info.st_size == 100 && info.st_nlink == 1);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0 && (fcntl(fd, F_GETFL) & O_APPEND) != 0);
    CHECK(write(fd, "!", 1) == 1 && lseek(fd, 0, SEEK_END) == 101);
    struct timespec times[2] = {{1000000000, 5}, {1000000001, 7}};
    CHECK(futimens(fd, times) == 0 && fstat(fd, &info) == 0);
    CHECK(info.st_mtim.tv_sec == 1000000001 && info.st_mtim.tv_nsec == 7);
    CHECK(close(fd) == 0);
    CHECK_ERROR(close(fd), EBADF);
    CHECK_ERROR(read(fd, left, 1), EBADF);
    CHECK(unlink("fd.bin") == 0);
    puts("descriptors: done");
}

static int by_name(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void directories(void) {
    CHECK(mkdir("dir", 0755) == 0);
    CHECK_ERROR(mkdir("dir", 0755), EEXIST);
    CHECK(mkdir("dir/sub", 0755) == 0);
    char name[32];
    for (int index = 0; index < 200; index++) {
        snprintf(name, sizeof name, "dir/file-%03d", index);
        int fd = open(name, O_CREAT | O_WRONLY, 0644);
        CHECK(fd >= 0 && close(fd) == 0);
    }
    DIR *listing = opendir("dir");
    CHECK(listing != NULL);
    char *names[256];
    int count = 0;
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL && count < 256;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            CHECK(entry->d_type == (strcmp(entry->d_name, "sub") == 0 ? DT_DIR : DT_REG));
            names[count++] = strdup(entry->d_name);
        }
    }
    CHECK(count == 201);
    CHECK(listing != NULL && closedir(listing) == 0);
    qsort(names, (size_t)count, sizeof *names, by_name);
    printf("dir: %d entries, %s to %s\n", count, names[0], names[count - 1]);
    for (int index = 0; index < count; index++) free(names[index]);

    CHECK_ERROR(rmdir("dir"), ENOTEMPTY);
    CHECK_ERROR(rmdir("dir/file-000"), ENOTDIR);
    CHECK(unlink("dir/sub") == -1);
    CHECK(rmdir("dir/sub") == 0);
    for (int index = 0; index < 200; index++) {
        snprintf(name, sizeof name, "dir/file-%03d", index);
        CHECK(unlink(name) == 0);
    }
    CHECK(rmdir("dir") == 0);
    puts("directories: done");
}

static void links(void) {
    FILE *file = fopen("target", "w");
    CHECK(file != NULL && fputs("linked", file) >= 0 && fclose(file) == 0);
    CHECK(symlink("target", "soft") == 0 && link("target", "hard") == 0);
    char buffer[PATH_MAX];
    CHECK(readlink("soft", buffer, sizeof buffer) == 6 && memcmp(buffer, "target", 6) == 0);
    struct stat info, soft;
    CHECK(lstat("soft", &soft) == 0 && S_ISLNK(soft.st_mode) && soft.st_size == 6);
    CHECK(stat("soft", &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 2);
    CHECK_ERROR(open("soft", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERROR(symlink("x", "soft"), EEXIST);
    CHECK_ERROR(readlink("target", buffer, sizeof buffer), EINVAL);
    CHECK(rename("hard", "moved") == 0);
    CHECK_ERROR(access("hard", F_OK), ENOENT);
    CHECK(access("moved", R_OK | W_OK) == 0);
    CHECK(unlink("soft") == 0 && unlink("moved") == 0 && unlink("target") == 0);
    puts("links: done");
}

static void failures(void) {
    CHECK_ERROR(open("missing", O_RDONLY), ENOENT);
    CHECK_ERROR(open("missing/x", O_CREAT | O_WRONLY, 0644), ENOENT);
    CHECK_ERROR(open(".", O_WRONLY), EISDIR);
    CHECK_ERROR(unlink("missing"), ENOENT);
    CHECK_ERROR(rename("missing", "other"), ENOENT);
    struct stat info;
    CHECK_ERROR(stat("missing", &info), ENOENT);
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_ERROR(open(name, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
    CHECK_ERROR(fcntl(1000, F_GETFL), EBADF);
    puts("failures: done");
}

int main(int argc, char **argv) {
    if (argc > 1 && chdir(argv[1]) != 0) {
        fprintf(stderr, "files: cannot enter %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    stdio();
    descriptors();
    directories();
    links();
    failures();
    return checks_finish("files");
}
