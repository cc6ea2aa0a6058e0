/* A disk that fails: while the file named by FAILING_DISK is there, nothing is written to a journal's
   files and nothing is synced; with FAILING_SYNC only the syncing fails. Loaded into a child process by LD_PRELOAD. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int fd, int syncs) {
    const char *flag = getenv("FAILING_DISK");
    char link[64], path[4096];
    if (flag == NULL || access(flag, F_OK) != 0 || (getenv("FAILING_SYNC") && !syncs))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (strstr(path, "journal.db") == NULL)
        return 0;
    errno = EIO;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
    return fails(fd, 0) ? -1 : REAL(pwrite64)(fd, from, count, at);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t at) {
    return fails(fd, 0) ? -1 : REAL(pwrite)(fd, from, count, at);
}

ssize_t write(int fd, const void *from, size_t count) { return fails(fd, 0) ? -1 : REAL(write)(fd, from, count); }

int fdatasync(int fd) { return fails(fd, 1) ? -1 : REAL(fdatasync)(fd); }

int fsync(int fd) { return fails(fd, 1) ? -1 : REAL(fsync)(fd); }
