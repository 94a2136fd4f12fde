/* SPDX-License-Identifier: MIT
 *
 * Loaded before the daemon (LD_PRELOAD) by the tests. LCP_KILL_AT is "<where>:<n>" and
 * ends the process with SIGKILL inside a commit: at the n-th write to the database's
 * log, with nothing of it written ("write") or half of it ("torn"), before the n-th
 * sync of the log ("sync") or right behind it ("synced"); LCP_KILL_LOG gets a line
 * first, as evidence where the process died. Two others let it live, and strike while
 * the file LCP_KILL_LOG exists: "no-space:0" fails every write to the log, "bad-sync:0"
 * every sync of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long writes;
static atomic_long syncs;

ssize_t pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at);
int fdatasync(int fd);
int fsync(int fd);

static bool
is_log(int fd)
{
    char link[64], path[512];
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path));
    return len > 4 && memcmp(path + len - 4, "-wal", 4) == 0;
}

static bool
is_due(const char *where, long count)
{
    const char *at = getenv("LCP_KILL_AT");
    size_t len = strlen(where);

    return at != NULL && strncmp(at, where, len) == 0 && at[len] == ':' &&
           (count < 0 || count == strtol(at + len + 1, NULL, 10));
}

/* For the faults that come and go with a file. */
static bool
is_struck(const char *fault)
{
    const char *path = getenv("LCP_KILL_LOG");

    return is_due(fault, -1) && path != NULL && access(path, F_OK) == 0;
}

static void
die(const char *where)
{
    const char *path = getenv("LCP_KILL_LOG");
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;

    if (fd >= 0) {
        (void)!write(fd, where, strlen(where));
        (void)!write(fd, "\n", 1);
    }
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static ssize_t
log_write(int fd, const void *data, size_t size, off_t at)
{
    if (is_log(fd)) {
        long count = atomic_fetch_add(&writes, 1) + 1;

        if (is_struck("no-space")) {
            errno = ENOSPC;
            return -1;
        }
        if (is_due("write", count))
            die("write");
        if (is_due("torn", count)) {
            syscall(SYS_pwrite64, fd, data, size / 2, at);
            die("torn");
        }
    }
    return syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
    return log_write(fd, data, size, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return log_write(fd, data, size, at);
}

static int
log_sync(int fd, long number)
{
    long count;
    int result;

    if (!is_log(fd))
        return (int)syscall(number, fd);
    if (is_struck("bad-sync")) {
        errno = EIO;
        return -1;
    }
    count = atomic_fetch_add(&syncs, 1) + 1;
    if (is_due("sync", count))
        die("sync");
    result = (int)syscall(number, fd);
    if (is_due("synced", count))
        die("synced");
    return result;
}

int
fdatasync(int fd)
{
    return log_sync(fd, SYS_fdatasync);
}

int
fsync(int fd)
{
    return log_sync(fd, SYS_fsync);
}
