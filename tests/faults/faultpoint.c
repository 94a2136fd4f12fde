/* SPDX-License-Identifier: MIT
 *
 * Loaded before the daemon (LD_PRELOAD) by the tests: counts its calls that write,
 * sync, send, rename and remove, by what they touch, and lets one of them go wrong.
 *
 * LCP_FAULT_LOG  a file that gets one line "<call> <class> <number>" for each call when
 *                LCP_FAULT_COUNT is set, and "struck <call> <class> <number>" for a
 * strike. LCP_FAULT_AT   "<call>:<class>:<number>", "*" for any; number 0 is every one,
 * and with a "+" behind it that one and all that follow. LCP_FAULT_DO   "kill" (before
 * the call), "torn" (after half of a write), "killed" (behind the call), or the errno
 * to fail with. LCP_FAULT_WHILE  when set, strikes only while this file exists.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call {
    PWRITE,
    WRITE,
    FSYNC,
    FDATASYNC,
    SENDMSG,
    RENAME,
    UNLINK,
    FTRUNCATE,
    LINK,
    CALLS
};
enum class {
    LOG,
    BASE,
    JOURNAL,
    INDEX,
    NEW_BASE,
    MIRROR,
    SEEN,
    LOCK,
    DOOR,
    FOLDER,
    UDP,
    LOCAL,
    OTHER,
    CLASSES
};
enum deed { PASS, FAIL, KILL, TORN, KILLED };

static const char *const call_names[CALLS] = {"pwrite",    "write",     "fsync",
                                              "fdatasync", "sendmsg",   "rename",
                                              "unlink",    "ftruncate", "link"};
static const char *const class_names[CLASSES] = {
    "wal",  "db",   "journal", "shm", "newdb", "mirror", "seen",
    "lock", "door", "folder",  "udp", "local", "other"};

static atomic_long counts[CALLS][CLASSES];

ssize_t pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at);

static bool
ends(const char *path, const char *with)
{
    size_t len = strlen(path), tail = strlen(with);

    return len >= tail && strcmp(path + len - tail, with) == 0;
}

static enum class class_of_path(const char *path) {
    static const struct {const char * part; bool at_end; enum class is;}
rows[] = {{"lcp.db-wal", true, LOG},
          {"lcp.db", true, BASE},
          {"lcp.db-journal", true, JOURNAL},
          {"lcp.db-shm", true, INDEX},
          {"lcp.db.tmp-", false, NEW_BASE},
          {"/data/inbox", false, MIRROR},
          {"/data/outbox", false, MIRROR},
          {"/seen_ids.json", false, SEEN},
          {"lcp.lock", true, LOCK},
          {"lcp.sock", true, DOOR},
          {"/data", true, FOLDER}};

for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (rows[i].at_end ? ends(path, rows[i].part) : strstr(path, rows[i].part) != NULL)
        return rows[i].is;
}
return OTHER;
}

static enum class class_of(int fd) {
    char link[64], path[1024]; int saved = errno, type = 0;
    socklen_t type_len = sizeof(type); ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    if (len >= 0){path[len] = '\0'; if (strncmp(path, "socket:", 7) !=
                                        0){errno = saved; return class_of_path(path);}
}
if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0)
    type = 0;
errno = saved;
return type == SOCK_DGRAM ? UDP : type == SOCK_STREAM ? LOCAL : OTHER;
}

static void
note(const char *what, enum call call, enum class class, long number)
{
    const char *path = getenv("LCP_FAULT_LOG");
    char line[96];
    int fd, len = snprintf(line, sizeof(line), "%s%s %s %ld\n", what, call_names[call],
                           class_names[class], number);

    fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                      : -1;
    if (fd < 0)
        return;
    (void)syscall(SYS_write, fd, line, (size_t)len);
    syscall(SYS_close, fd);
}

/* Does the word at *at, up to a colon, mean this name? Moves behind the colon. */
static bool
takes(const char **at, const char *name)
{
    size_t len = strcspn(*at, ":,");
    bool is_it = (len == 1 && **at == '*') ||
                 (len == strlen(name) && strncmp(*at, name, len) == 0);

    *at += (*at)[len] == ':' ? len + 1 : len;
    return is_it;
}

static bool
fits(const char *at, enum call call, enum class class, long number)
{
    bool is_call = takes(&at, call_names[call]),
         is_class = takes(&at, class_names[class]);
    char *end;
    long wanted = strtol(at, &end, 10);

    return is_call && is_class &&
           (wanted == 0 || number == wanted || (*end == '+' && number > wanted));
}

static bool
is_due(enum call call, enum class class, long number)
{
    const char *at = getenv("LCP_FAULT_AT"), *during = getenv("LCP_FAULT_WHILE");

    while (at != NULL && !fits(at, call, class, number)) {
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL && (during == NULL || access(during, F_OK) == 0);
}

static enum deed
deed_of(const char *what, int *number)
{
    static const struct {
        const char *name;
        enum deed deed;
        int number;
    } rows[] = {{"kill", KILL, 0},        {"torn", TORN, 0},
                {"killed", KILLED, 0},    {"EIO", FAIL, EIO},
                {"ENOSPC", FAIL, ENOSPC}, {"EINTR", FAIL, EINTR},
                {"EAGAIN", FAIL, EAGAIN}, {"EROFS", FAIL, EROFS}};

    for (size_t i = 0; what != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(what, rows[i].name) == 0) {
            *number = rows[i].number;
            return rows[i].deed;
        }
    }
    return PASS;
}

static void
die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Counts the call and says what becomes of it; errno is set for FAIL. */
static enum deed
meet(enum call call, enum class class)
{
    int saved = errno, number = 0;
    long count = atomic_fetch_add(&counts[call][class], 1) + 1;
    enum deed deed;

    if (getenv("LCP_FAULT_COUNT") != NULL)
        note("", call, class, count);
    if (!is_due(call, class, count)) {
        errno = saved;
        return PASS;
    }
    deed = deed_of(getenv("LCP_FAULT_DO"), &number);
    note("struck ", call, class, count);
    if (deed == KILL)
        die();
    errno = deed == FAIL ? number : saved;
    return deed;
}

static long
after(enum deed deed, long result)
{
    if (deed == KILLED || deed == TORN)
        die();
    return result;
}

static ssize_t
put_at(int fd, const void *data, size_t size, off_t at)
{
    enum deed deed = meet(PWRITE, class_of(fd));

    if (deed == FAIL)
        return -1;
    if (deed == TORN)
        size /= 2;
    return after(deed, syscall(SYS_pwrite64, fd, data, size, at));
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
    return put_at(fd, data, size, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return put_at(fd, data, size, at);
}

ssize_t
write(int fd, const void *data, size_t size)
{
    enum class class = class_of(fd);
    enum deed deed;

    if (class == OTHER) /* the loop's own pipes, standard output */
        return syscall(SYS_write, fd, data, size);
    deed = meet(WRITE, class);
    if (deed == FAIL)
        return -1;
    if (deed == TORN)
        size /= 2;
    return after(deed, syscall(SYS_write, fd, data, size));
}

int
fsync(int fd)
{
    enum deed deed = meet(FSYNC, class_of(fd));

    return deed == FAIL ? -1 : (int)after(deed, syscall(SYS_fsync, fd));
}

int
fdatasync(int fd)
{
    enum deed deed = meet(FDATASYNC, class_of(fd));

    return deed == FAIL ? -1 : (int)after(deed, syscall(SYS_fdatasync, fd));
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
    enum deed deed = meet(SENDMSG, class_of(fd));

    return deed == FAIL ? -1 : after(deed, syscall(SYS_sendmsg, fd, message, flags));
}

int
rename(const char *from, const char *to)
{
    enum deed deed = meet(RENAME, class_of_path(to));

    return deed == FAIL ? -1 : (int)after(deed, syscall(SYS_rename, from, to));
}

int
unlink(const char *path)
{
    enum deed deed = meet(UNLINK, class_of_path(path));

    return deed == FAIL ? -1 : (int)after(deed, syscall(SYS_unlink, path));
}

static int
cut(int fd, off_t size)
{
    enum deed deed = meet(FTRUNCATE, class_of(fd));

    return deed == FAIL ? -1 : (int)after(deed, syscall(SYS_ftruncate, fd, size));
}

int
ftruncate(int fd, off_t size)
{
    return cut(fd, size);
}

int
ftruncate64(int fd, off64_t size)
{
    return cut(fd, size);
}

int
link(const char *from, const char *to)
{
    enum deed deed = meet(LINK, class_of_path(to));

    return deed == FAIL ? -1 : (int)after(deed, syscall(SYS_link, from, to));
}
