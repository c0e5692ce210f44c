/* A disk that fails: preloaded, it takes the place of the C library's calls for files of one folder.

   cc -shared -fPIC -o faulty_disk.so faulty_disk.c -ldl
*/

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { SHORT = -1, CUT = -2 }; /* a short write, and one after which the disk is full; else an errno */

static char folder[PATH_MAX];
static int kind, at, calls, stays;

/* Fail from the `number`-th call on that changes a file of `path`, or, unless `lasting`, that call alone. */
void faulty_disk(const char *path, int what, int number, int lasting) {
    snprintf(folder, sizeof folder, "%s", path);
    kind = what, at = number, stays = lasting, calls = 0;
}

/* Return how many calls there have been. */
int faulty_disk_calls(void) { return calls; }

static int fails(const char *path) {
    if (!folder[0] || !strstr(path, folder))
        return 0;
    calls++;
    return calls == at || (at && calls > at && stays);
}

static int fails_on(int descriptor) {
    char link[64], path[PATH_MAX];
    if (!folder[0])
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return fails(path);
}

static int failed(void) {
    errno = kind < 0 ? ENOSPC : kind;
    return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (!fails_on(descriptor))
        return REAL(write)(descriptor, bytes, count);
    if (kind < 0 && calls == at && count > 1)
        return REAL(write)(descriptor, bytes, count / 2);
    if (kind == SHORT)
        return REAL(write)(descriptor, bytes, count);
    return failed();
}

int fsync(int descriptor) {
    return fails_on(descriptor) && kind != SHORT ? failed() : REAL(fsync)(descriptor);
}

int rename(const char *from, const char *to) {
    return fails(to) && kind != SHORT ? failed() : REAL(rename)(from, to);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (flags & O_CREAT && fails(path) && kind != SHORT)
        return failed();
    return REAL(open64)(path, flags, mode);
}
