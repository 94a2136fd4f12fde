/* SPDX-License-Identifier: MIT
 *
 * Files and folders. What is written here is seen by others as the old file or the new
 * one, whole; what is durable has reached the disk, its name included, when the call
 * returns.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "base/os.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/os_error.h"

enum {
    READ_FIRST_BYTES =
        4096, /* when the system does not know the size: /proc and its like */
    TEMP_SUFFIX_BYTES = 48, /* ".tmp-<pid>-<number>" */
    TEMP_TRIES_MAX = 100,   /* names left behind by crashes under the same pid */
};

enum lcp_err
lcp_os_mkdir(const char *path)
{
    int number;

    if (mkdir(path, 0700) == 0)
        return LCP_OK;
    number = errno;
    if (number == EEXIST && lcp_os_is_folder(path))
        return LCP_OK;
    return lcp_os_fail_as(number);
}

bool
lcp_os_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

bool
lcp_os_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Reads until the end or until cap bytes are there. */
static enum lcp_err
read_up_to(int fd, char *out, size_t cap, size_t *len)
{
    *len = 0;
    while (*len < cap) {
        ssize_t got = read(fd, out + *len, cap - *len);

        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lcp_os_fail();
        *len += (size_t)got;
    }
    return LCP_OK;
}

/* Grows the buffer until the end of the file fits with one byte to spare. */
static enum lcp_err
read_all(int fd, size_t guess, size_t max, char **data, size_t *len)
{
    size_t cap = guess, have = 0;
    char *buf = NULL;
    enum lcp_err err;

    for (;;) {
        char *bigger = realloc(buf, cap);
        size_t got = 0;

        if (bigger == NULL) {
            err = LCP_ENOMEM;
            break;
        }
        buf = bigger;
        err = read_up_to(fd, buf + have, cap - have, &got);
        have += got;
        if (err != LCP_OK)
            break;
        if (have > max) {
            err = LCP_EFULL;
            break;
        }
        if (have < cap) {
            buf[have] = '\0';
            *data = buf;
            *len = have;
            return LCP_OK;
        }
        /* max + 2: one byte to notice that there is more than max, one for the NUL. */
        cap = cap < (max + 2) / 2 ? cap * 2 : max + 2;
    }
    free(buf);
    return err;
}

enum lcp_err
lcp_os_read_file(const char *path, size_t max, char **data, size_t *len)
{
    struct stat st;
    size_t guess = READ_FIRST_BYTES;
    enum lcp_err err;
    /* Without O_NONBLOCK a pipe at this path would hold us here. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    assert(max < SIZE_MAX / 4);
    if (fd < 0)
        return lcp_os_fail();
    if (fstat(fd, &st) != 0) {
        err = lcp_os_fail();
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        err = lcp_os_fail_as(EINVAL);
        goto out;
    }
    if (st.st_size > 0 && (uintmax_t)st.st_size > max) {
        err = LCP_EFULL;
        goto out;
    }
    if (st.st_size > 0)
        guess = (size_t)st.st_size + 1;
    if (guess > max + 2)
        guess = max + 2;
    err = read_all(fd, guess, max, data, len);

out:
    close(fd);
    return err;
}

static enum lcp_err
write_all(int fd, struct lcp_span data)
{
    size_t done = 0;

    while (done < data.len) {
        ssize_t put = write(fd, data.data + done, data.len - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return lcp_os_fail();
        done += (size_t)put;
    }
    return LCP_OK;
}

/* A full disk is told as such: nothing was promised yet. Any other failure means that
 * the system may have dropped pages it will never report again. */
static enum lcp_err
sync_fd(int fd)
{
    int failed;
    enum lcp_err err;

#if defined(__APPLE__)
    /* fsync() there stops at the drive's cache. */
    failed = fcntl(fd, F_FULLFSYNC);
    if (failed == 0 || errno != ENOTSUP)
        goto out;
#endif
    do {
        failed = fsync(fd);
    } while (failed != 0 && errno == EINTR);
#if defined(__APPLE__)
out:
#endif
    if (failed == 0)
        return LCP_OK;
    err = lcp_os_fail();
    return err == LCP_ENOSPACE ? err : LCP_ELOST;
}

/* Makes a new name in the file's folder durable. */
static enum lcp_err
sync_folder_of(const char *path)
{
    char folder[LCP_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    enum lcp_err err;
    int fd;

    if (len >= sizeof(folder))
        return LCP_EFULL;
    if (slash == NULL) {
        memcpy(folder, ".", 2);
    } else if (len == 0) {
        memcpy(folder, "/", 2);
    } else {
        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return lcp_os_fail();
    errno = 0;
    err = sync_fd(fd);
    /* Some network file systems know no such thing for folders. */
    if (err != LCP_OK && errno == EINVAL)
        err = LCP_OK;
    close(fd);
    return err;
}

/* Opens a new file beside path; its name is put into temp. */
static enum lcp_err
open_temp(const char *path, char *temp, size_t cap, int *out)
{
    static atomic_uint counter; /* two threads may write the same file */

    for (int tries = 0; tries < TEMP_TRIES_MAX; tries++) {
        int len = snprintf(temp, cap, "%s.tmp-%ld-%u", path, (long)getpid(),
                           atomic_fetch_add(&counter, 1));
        int fd;

        if (len < 0 || (size_t)len >= cap)
            return LCP_EFULL;
        fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0) {
            *out = fd;
            return LCP_OK;
        }
        if (errno != EEXIST)
            return lcp_os_fail();
    }
    return LCP_EEXIST;
}

/* Content, exact mode whatever the umask, and with durable the disk. Closes fd. */
static enum lcp_err
fill_and_close(int fd, struct lcp_span data, unsigned mode, bool durable)
{
    enum lcp_err err = write_all(fd, data);

    if (err == LCP_OK && fchmod(fd, (mode_t)mode) != 0)
        err = lcp_os_fail();
    if (err == LCP_OK && durable)
        err = sync_fd(fd);
    /* Network file systems report a full disk as late as here. */
    if (close(fd) != 0 && err == LCP_OK && errno != EINTR)
        err = lcp_os_fail();
    return err;
}

enum lcp_err
lcp_os_write_file(const char *path, struct lcp_span data, unsigned mode, bool durable)
{
    char temp[LCP_PATH_MAX + TEMP_SUFFIX_BYTES];
    int fd = -1;
    enum lcp_err err = open_temp(path, temp, sizeof(temp), &fd);

    if (err != LCP_OK)
        return err;
    err = fill_and_close(fd, data, mode, durable);
    if (err == LCP_OK && rename(temp, path) != 0)
        err = lcp_os_fail();
    if (err != LCP_OK) {
        unlink(temp);
        return err;
    }
    return durable ? sync_folder_of(path) : LCP_OK;
}

/* For file systems without hard links: the name comes first, so a crash can leave it
 * with less than the whole content, but never over another file. */
static enum lcp_err
create_without_link(const char *path, struct lcp_span data, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    enum lcp_err err;

    if (fd < 0)
        return lcp_os_fail();
    err = fill_and_close(fd, data, mode, true);
    if (err != LCP_OK)
        unlink(path);
    return err;
}

enum lcp_err
lcp_os_create_file(const char *path, struct lcp_span data, unsigned mode)
{
    char temp[LCP_PATH_MAX + TEMP_SUFFIX_BYTES];
    int fd = -1, number;
    enum lcp_err err = open_temp(path, temp, sizeof(temp), &fd);

    if (err != LCP_OK)
        return err;
    err = fill_and_close(fd, data, mode, true);
    /* link() refuses a taken name, which rename() would replace. */
    if (err == LCP_OK && link(temp, path) != 0) {
        number = errno;
        if (number == EPERM || number == EOPNOTSUPP || number == ENOSYS)
            err = create_without_link(path, data, mode);
        else
            err = lcp_os_fail_as(number);
    }
    unlink(temp);
    return err == LCP_OK ? sync_folder_of(path) : err;
}

enum lcp_err
lcp_os_open_line(const char *path, unsigned mode, intptr_t *handle)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                  (mode_t)mode);

    if (fd < 0)
        return lcp_os_fail();
    *handle = fd;
    return LCP_OK;
}

enum lcp_err
lcp_os_write_line(intptr_t handle, struct lcp_span line)
{
    ssize_t put;

    do {
        put = pwrite((int)handle, line.data, line.len, 0);
    } while (put < 0 && errno == EINTR);
    if (put < 0)
        return lcp_os_fail();
    return (size_t)put == line.len ? LCP_OK : LCP_ENOSPACE;
}

void
lcp_os_close_line(intptr_t handle)
{
    if (handle >= 0)
        close((int)handle);
}

enum lcp_err
lcp_os_rename(const char *from, const char *to)
{
    return rename(from, to) == 0 ? LCP_OK : lcp_os_fail();
}

enum lcp_err
lcp_os_remove(const char *path)
{
    return unlink(path) == 0 ? LCP_OK : lcp_os_fail();
}

enum lcp_err
lcp_os_read_seed(const char *path, uint8_t seed[static LCP_SEED_BYTES])
{
    char bytes[LCP_SEED_BYTES + 1]; /* one more shows a file that is too long */
    struct stat st;
    size_t len = 0;
    enum lcp_err err;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        err = lcp_os_fail();
        goto out;
    }
    /* The opened file is judged, not the name: that could be another one by now. */
    if (fstat(fd, &st) != 0) {
        err = lcp_os_fail();
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        err = LCP_EFORMAT;
        goto out;
    }
    if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        err = lcp_os_fail_as(EPERM);
        goto out;
    }
    err = read_up_to(fd, bytes, sizeof(bytes), &len);
    if (err == LCP_OK && len != LCP_SEED_BYTES)
        err = LCP_EFORMAT;

out:
    if (fd >= 0)
        close(fd);
    if (err == LCP_OK)
        memcpy(seed, bytes, LCP_SEED_BYTES);
    else
        lcp_wipe(seed, LCP_SEED_BYTES);
    lcp_wipe(bytes, sizeof(bytes));
    return err;
}

enum lcp_err
lcp_os_each_entry(const char *path, bool (*each)(void *ctx, const char *name),
                  void *ctx)
{
    DIR *folder = opendir(path);
    enum lcp_err err = LCP_OK;

    if (folder == NULL)
        return lcp_os_fail();
    for (;;) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(folder);
        if (entry == NULL) {
            if (errno != 0)
                err = lcp_os_fail();
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!each(ctx, entry->d_name))
            break;
    }
    closedir(folder);
    return err;
}
