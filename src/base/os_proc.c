/* SPDX-License-Identifier: MIT
 *
 * Processes: the lock that keeps a home to one daemon, the way into the background, and
 * the log file that a daemon writes there.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os_error.h"

enum { PID_TEXT_BYTES = 32 };

/* What the background process tells the one that waits in the foreground. */
struct report {
    long pid, exit_code; /* no padding that would leave with it */
};

/* Between lcp_os_detach() and lcp_os_detached(): a process detaches once. */
static int report_fd = -1;
static int log_fd = -1;

/* Whoever holds the lock wrote its pid there; 0 when it had no time to yet. */
static long
read_holder(int fd)
{
    char text[PID_TEXT_BYTES] = {0};
    long pid;

    if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
        return 0;
    pid = strtol(text, NULL, 10);
    return pid > 0 ? pid : 0;
}

long
lcp_os_pid(void)
{
    return (long)getpid();
}

size_t
lcp_os_files_left(size_t max)
{
    struct rlimit limit;
    size_t left = 0;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return max;
    for (int fd = 0; (rlim_t)fd < limit.rlim_cur && left < max; fd++)
        left += fcntl(fd, F_GETFD) < 0;
    return left;
}

enum lcp_err
lcp_os_lock(const char *path, struct lcp_os_lock *lock, long *pid)
{
    char text[PID_TEXT_BYTES];
    int len, number;
    /* No O_TRUNC: the pid of a holder must survive our knocking. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    lock->handle = -1;
    if (pid != NULL)
        *pid = 0;
    if (fd < 0)
        return lcp_os_fail();
    /* flock() and not fcntl(): that one is lost as soon as anything in this process
     * closes any descriptor of the file. */
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        number = errno;
        if (number == EINTR)
            continue;
        if (number == EWOULDBLOCK && pid != NULL)
            *pid = read_holder(fd);
        close(fd);
        return number == EWOULDBLOCK ? LCP_EBUSY : lcp_os_fail_as(number);
    }
    /* The pid is for people; a full disk does not keep a daemon from its home. */
    len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)
        (void)!ftruncate(fd, 0);
    if (pid != NULL)
        *pid = (long)getpid();
    lock->handle = fd;
    return LCP_OK;
}

void
lcp_os_unlock(struct lcp_os_lock *lock)
{
    if (lock->handle < 0)
        return;
    /* The file stays: removing it would let two processes lock two files of one name.
     */
    (void)!ftruncate((int)lock->handle, 0);
    close((int)lock->handle);
    lock->handle = -1;
}

static int
open_log(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The parent's part: the word of the child, or its silence. */
static enum lcp_err
await_report(int fd, pid_t middle, long *pid)
{
    struct report report = {0};
    ssize_t got;

    while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
        ;
    do {
        got = read(fd, &report, sizeof(report));
    } while (got < 0 && errno == EINTR);
    close(fd);
    if (got != (ssize_t)sizeof(report))
        report.pid = report.exit_code = 0;
    *pid = report.exit_code != 0 ? report.exit_code : report.pid;
    return report.pid != 0 && report.exit_code == 0 ? LCP_OK : LCP_EIO;
}

/* In the first child: a session of its own, and a second child that does not lead it,
 * so that it can never get a terminal again. Returns in that second child only. */
static void
leave_session(void)
{
    int null_fd;
    pid_t child;

    if (setsid() < 0)
        _exit(1);
    child = fork();
    if (child < 0)
        _exit(1);
    if (child > 0)
        _exit(0);
    null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0)
        _exit(1);
    if (null_fd != STDIN_FILENO)
        close(null_fd);
    /* Neither an impatient starter nor a client that left may end a daemon. */
    (void)signal(SIGPIPE, SIG_IGN);
}

void
lcp_os_guard_stdio(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", O_RDONLY); /* the lowest number that is free */
    }
}

/* What our starter left open is not ours to hold: whoever reads the other end of a pipe
 * would wait for as long as we live. ours is open still. */
static void
close_inherited(int ours, int ours_too)
{
    enum { FIRST = 3, LAST_MAX = 65536 };
    long last = sysconf(_SC_OPEN_MAX);

    if (last < 0 || last > LAST_MAX)
        last = LAST_MAX;
    for (int fd = FIRST; fd < last; fd++) {
        if (fd != ours && fd != ours_too)
            (void)close(fd);
    }
}

enum lcp_err
lcp_os_detach(const char *log_path, long *pid)
{
    int ends[2] = {-1, -1};
    int log = open_log(log_path);
    enum lcp_err err;
    pid_t middle;

    if (log < 0)
        return lcp_os_fail();
    if (pipe(ends) != 0) {
        err = lcp_os_fail();
        goto fail;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    /* What stdio has not written yet would come out twice. */
    fflush(NULL);
    middle = fork();
    if (middle < 0) {
        err = lcp_os_fail();
        goto fail;
    }
    if (middle > 0) {
        close(log);
        close(ends[1]);
        return await_report(ends[0], middle, pid);
    }
    close_inherited(log, ends[1]);
    leave_session();
    report_fd = ends[1];
    log_fd = log;
    *pid = 0;
    return LCP_OK;

fail:
    close(log);
    if (ends[0] >= 0) {
        close(ends[0]);
        close(ends[1]);
    }
    return err;
}

void
lcp_os_detached(int exit_code)
{
    struct report report = {.pid = (long)getpid(), .exit_code = exit_code};

    if (report_fd < 0)
        return;
    fflush(NULL);
    /* Only now: an error on the way was still told to the person who started us. And
     * before the report: whoever reads our output to its end must see that end. */
    if (dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        report.exit_code = 1;
    if (log_fd > STDERR_FILENO)
        close(log_fd);
    /* A parent that was killed meanwhile misses nothing; one that waits gets all
     * or EOF. */
    (void)!write(report_fd, &report, sizeof(report));
    close(report_fd);
    report_fd = -1;
    log_fd = -1;
}

enum lcp_err
lcp_os_rotate_log(const char *log_path, uint64_t max_bytes)
{
    char old[LCP_PATH_MAX];
    struct stat st;
    enum lcp_err err = LCP_OK;
    int len, fd;

    if (fstat(STDERR_FILENO, &st) != 0)
        return lcp_os_fail();
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < max_bytes)
        return LCP_OK;
    len = snprintf(old, sizeof(old), "%s.1", log_path);
    if (len < 0 || (size_t)len >= sizeof(old))
        return LCP_EFULL;
    if (rename(log_path, old) != 0)
        return lcp_os_fail();
    fd = open_log(log_path);
    if (fd < 0)
        return lcp_os_fail(); /* and go on in the old one */
    fflush(NULL);
    if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        err = lcp_os_fail();
    if (fd > STDERR_FILENO)
        close(fd);
    return err;
}
