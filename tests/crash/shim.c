/* Preloaded into a program under test: counts its writes below one folder, and kills it, or fails, at the n-th.
 *
 *   FAULT_FOLDER  only files below this folder count (an absolute path)
 *   FAULT_COUNTER a file of 16 bytes, mapped: the number of writes so far, then the number of the one that was hit
 *   FAULT_AT      the number of the write to hit, from 1; absent or 0: only count
 *   FAULT_MODE    kill-before | kill-after | kill-torn | fail-one | fail-on      (fail-on: this one and every later one)
 *   FAULT_ERRNO   the error of the two last
 *
 * A write is anything that changes what a later process finds: write, pwrite, pwritev, ftruncate, fallocate, fsync,
 * fdatasync, rename, link, unlink, mkdir, rmdir, and open when it creates or empties a file.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT, KILL_BEFORE, KILL_AFTER, KILL_TORN, FAIL_ONE, FAIL_ON };
enum verdict { GO, GO_THEN_DIE, TEAR, FAIL };

static _Atomic unsigned long *counter;
static const char *folder;
static size_t folder_length;
static unsigned long at;
static enum mode mode;
static int error_number;

__attribute__((constructor)) static void start(void) {
    const char *file = getenv("FAULT_COUNTER"), *number = getenv("FAULT_AT"), *how = getenv("FAULT_MODE");
    const char *error = getenv("FAULT_ERRNO");
    folder = getenv("FAULT_FOLDER");
    if (!file || !folder) return;
    folder_length = strlen(folder);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) _exit(97);
    void *map = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) _exit(98);
    syscall(SYS_close, fd);
    at = number ? strtoul(number, NULL, 10) : 0;
    error_number = error ? atoi(error) : EIO;
    if (how && at) {
        if (!strcmp(how, "kill-before")) mode = KILL_BEFORE;
        else if (!strcmp(how, "kill-after")) mode = KILL_AFTER;
        else if (!strcmp(how, "kill-torn")) mode = KILL_TORN;
        else if (!strcmp(how, "fail-one")) mode = FAIL_ONE;
        else if (!strcmp(how, "fail-on")) mode = FAIL_ON;
        else _exit(99);
    }
    counter = map;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

static int below(const char *path) {
    return path && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

static int fd_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

static enum verdict judge(int counts) {
    if (!counter || !counts) return GO;
    unsigned long number = atomic_fetch_add(counter, 1) + 1;
    int hit = number == at || (mode == FAIL_ON && number > at);
    if (!at || !hit) return GO;
    atomic_store(counter + 1, number);
    switch (mode) {
    case KILL_BEFORE: die();
    case KILL_AFTER: return GO_THEN_DIE;
    case KILL_TORN: return TEAR;
    default: errno = error_number; return FAIL;
    }
}

static long after(enum verdict verdict, long result) {
    if (verdict != GO) die();
    return result;
}

/* The return type, the name, its parameters, the call, whether it counts. Of what cannot be torn, a torn one never happens. */
#define HOOK(type, name, parameters, arguments, counts)                                                                  \
    type name parameters {                                                                                               \
        static type(*real) parameters;                                                                                   \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                                       \
        enum verdict verdict = judge(counts);                                                                            \
        if (verdict == FAIL) return (type)-1;                                                                            \
        if (verdict == TEAR) die();                                                                                      \
        return (type)after(verdict, (long)real arguments);                                                               \
    }

#define HOOK_DATA(name, parameters, whole, half)                                                                         \
    ssize_t name parameters {                                                                                            \
        static ssize_t(*real) parameters;                                                                                \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                                       \
        enum verdict verdict = judge(fd_below(fd));                                                                      \
        if (verdict == FAIL) return -1;                                                                                  \
        return after(verdict, verdict == TEAR ? real half : real whole);                                                 \
    }

HOOK_DATA(write, (int fd, const void *from, size_t n), (fd, from, n), (fd, from, n / 2))
HOOK_DATA(pwrite, (int fd, const void *from, size_t n, off_t to), (fd, from, n, to), (fd, from, n / 2, to))
HOOK_DATA(pwrite64, (int fd, const void *from, size_t n, off64_t to), (fd, from, n, to), (fd, from, n / 2, to))
HOOK_DATA(writev, (int fd, const struct iovec *from, int n), (fd, from, n), (fd, from, n / 2))
HOOK_DATA(pwritev, (int fd, const struct iovec *from, int n, off_t to), (fd, from, n, to), (fd, from, n / 2, to))
HOOK_DATA(pwritev64, (int fd, const struct iovec *from, int n, off64_t to), (fd, from, n, to), (fd, from, n / 2, to))
HOOK(int, ftruncate, (int fd, off_t n), (fd, n), fd_below(fd))
HOOK(int, ftruncate64, (int fd, off64_t n), (fd, n), fd_below(fd))
HOOK(int, fallocate, (int fd, int how, off_t from, off_t n), (fd, how, from, n), fd_below(fd))
HOOK(int, fallocate64, (int fd, int how, off64_t from, off64_t n), (fd, how, from, n), fd_below(fd))
HOOK(int, fsync, (int fd), (fd), fd_below(fd))
HOOK(int, fdatasync, (int fd), (fd), fd_below(fd))
HOOK(int, rename, (const char *from, const char *to), (from, to), below(to) || below(from))
HOOK(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), below(to) || below(from))
HOOK(int, renameat2, (int a, const char *from, int b, const char *to, unsigned how), (a, from, b, to, how),
     below(to) || below(from))
HOOK(int, link, (const char *from, const char *to), (from, to), below(to))
HOOK(int, linkat, (int a, const char *from, int b, const char *to, int how), (a, from, b, to, how), below(to))
HOOK(int, unlink, (const char *path), (path), below(path))
HOOK(int, unlinkat, (int a, const char *path, int how), (a, path, how), below(path))
HOOK(int, mkdir, (const char *path, mode_t rights), (path, rights), below(path))
HOOK(int, rmdir, (const char *path), (path), below(path))

#define HOOK_OPEN(name, head, call)                                                                                      \
    int name head {                                                                                                      \
        static int(*real) head;                                                                                          \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                                       \
        mode_t rights = 0;                                                                                               \
        if (how & (O_CREAT | O_TMPFILE)) {                                                                               \
            va_list more;                                                                                                \
            va_start(more, how);                                                                                         \
            rights = va_arg(more, mode_t);                                                                               \
            va_end(more);                                                                                                \
        }                                                                                                                \
        int new = how & O_TRUNC || (how & O_CREAT && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) < 0);                  \
        enum verdict verdict = judge(new && below(path));                                                                \
        if (verdict == FAIL) return -1;                                                                                  \
        if (verdict == TEAR) die();                                                                                      \
        return (int)after(verdict, real call);                                                                           \
    }

HOOK_OPEN(open, (const char *path, int how, ...), (path, how, rights))
HOOK_OPEN(open64, (const char *path, int how, ...), (path, how, rights))
HOOK_OPEN(openat, (int at_folder, const char *path, int how, ...), (at_folder, path, how, rights))
HOOK_OPEN(openat64, (int at_folder, const char *path, int how, ...), (at_folder, path, how, rights))
