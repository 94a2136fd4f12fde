/* SPDX-License-Identifier: MIT
 *
 * Unix sockets by hand instead of uv_pipe_bind(): that one cuts long paths silently,
 * and on closing removes the path whoever owns it by then.
 */
#define _GNU_SOURCE
#include "uv/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool
to_address(const char *path, struct sockaddr_un *out)
{
    size_t len = strlen(path);

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len == 0 || len >= sizeof(out->sun_path))
        return false;
    memcpy(out->sun_path, path, len + 1);
    return true;
}

static int
new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0)
        return -1;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    close(fd);
    return -1;
}

/* True only when the system says that nobody listens. */
static bool
is_dead(const struct sockaddr_un *address)
{
    int fd = new_socket();
    bool refused;

    if (fd < 0)
        return false;
    refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
              errno == ECONNREFUSED;
    close(fd);
    return refused;
}

/* Makes room at the path, if what is there is a dead socket of ours. */
static enum lcp_err
clear_path(const struct sockaddr_un *address, enum lcp_listen_kind kind, char *fault)
{
    const char *path = address->sun_path;
    struct stat st;

    if (lstat(path, &st) != 0)
        return LCP_OK; /* bind() will tell */
    if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()) {
        snprintf(
            fault, LCP_LISTEN_FAULT_MAX,
            "%s is there and is not a socket of ours; it was left alone, move it away",
            path);
        return LCP_EEXIST;
    }
    if (kind == LCP_LISTEN_SHARED && !is_dead(address)) {
        snprintf(fault, LCP_LISTEN_FAULT_MAX,
                 "%s belongs to another program that is running", path);
        return LCP_EBUSY;
    }
    if (unlink(path) == 0 || errno == ENOENT)
        return LCP_OK;
    snprintf(fault, LCP_LISTEN_FAULT_MAX, "the dead socket %s cannot be removed: %s",
             path, strerror(errno));
    return LCP_EPERM;
}

static enum lcp_err
bind_private(int fd, const struct sockaddr_un *address, struct lcp_listen *listen,
             char *fault)
{
    struct stat st;
    mode_t old = umask(0177);
    int failed = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    int number = errno;

    (void)umask(old);
    if (failed == 0 && lstat(address->sun_path, &st) == 0) {
        listen->device = st.st_dev;
        listen->inode = st.st_ino;
        return LCP_OK;
    }
    snprintf(fault, LCP_LISTEN_FAULT_MAX, "cannot make the socket %s: %s",
             address->sun_path, strerror(number));
    return number == ENOSPC ? LCP_ENOSPACE : LCP_EIO;
}

enum lcp_err
lcp_listen_open(struct lcp_listen *listen, const char *path, enum lcp_listen_kind kind,
                char fault[static LCP_LISTEN_FAULT_MAX])
{
    struct sockaddr_un address;
    enum lcp_err err;
    int fd;

    *listen = (struct lcp_listen){.fd = -1};
    if (!to_address(path, &address) || strlen(path) >= sizeof(listen->path)) {
        snprintf(fault, LCP_LISTEN_FAULT_MAX,
                 "the socket path %.200s is %zu bytes long, the system allows %zu: use "
                 "a home with a shorter path",
                 path, strlen(path), sizeof(address.sun_path) - 1);
        return LCP_EFULL;
    }
    err = clear_path(&address, kind, fault);
    if (err != LCP_OK)
        return err;
    fd = new_socket();
    if (fd < 0) {
        snprintf(fault, LCP_LISTEN_FAULT_MAX, "cannot make a socket: %s",
                 strerror(errno));
        return LCP_EIO;
    }
    err = bind_private(fd, &address, listen, fault);
    if (err != LCP_OK) {
        close(fd);
        return err;
    }
    memcpy(listen->path, path, strlen(path) + 1);
    listen->fd = fd;
    return LCP_OK;
}

void
lcp_listen_remove(const struct lcp_listen *listen)
{
    struct stat st;

    if (listen->path[0] == '\0' || lstat(listen->path, &st) != 0)
        return;
    if (S_ISSOCK(st.st_mode) && st.st_dev == listen->device &&
        st.st_ino == listen->inode)
        (void)unlink(listen->path);
}
