/* SPDX-License-Identifier: MIT
 *
 * The small things: error numbers, clocks, paths, the terminal, the tailnet's address.
 * Files are in os_file.c, local streams in os_stream.c, processes and locks in
 * os_proc.c.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "base/os.h"

#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/os_error.h"

enum { ERROR_TEXT_BYTES = 128, PASSWD_BYTES = 4096 };

/* Of a thread, like errno itself. */
static _Thread_local int last_error;
static _Thread_local char last_error_text[ERROR_TEXT_BYTES];

static const struct {
    int number;
    enum lcp_err err;
} error_table[] = {
    {ENOENT, LCP_ENOTFOUND},     {ENOTDIR, LCP_ENOTFOUND}, {EEXIST, LCP_EEXIST},
    {ENOTEMPTY, LCP_EEXIST},     {EACCES, LCP_EPERM},      {EPERM, LCP_EPERM},
    {ELOOP, LCP_EPERM}, /* a symbolic link where O_NOFOLLOW forbids one */
    {ENOSPC, LCP_ENOSPACE},      {EDQUOT, LCP_ENOSPACE},   {EROFS, LCP_ENOSPACE},
    {EFBIG, LCP_ENOSPACE},       {ENOMEM, LCP_ENOMEM},     {ENAMETOOLONG, LCP_EFULL},
    {EMFILE, LCP_EAGAIN},        {ENFILE, LCP_EAGAIN},     {EAGAIN, LCP_EAGAIN},
    {ETIMEDOUT, LCP_ETIMEOUT},   {EPIPE, LCP_ECLOSED},     {ECONNRESET, LCP_ECLOSED},
    {ECONNREFUSED, LCP_ECLOSED}, {EBUSY, LCP_EBUSY},       {EINVAL, LCP_EINVAL},
};

enum lcp_err
lcp_os_fail_as(int number)
{
    last_error = number;
    for (size_t i = 0; i < sizeof(error_table) / sizeof(error_table[0]); i++) {
        if (error_table[i].number == number)
            return error_table[i].err;
    }
    return LCP_EIO;
}

enum lcp_err
lcp_os_fail(void)
{
    return lcp_os_fail_as(errno);
}

#if defined(__GLIBC__)
/* The GNU flavour, which _GNU_SOURCE selects, may return a text of its own. */
static const char *
error_text(int number, char *buf, size_t cap)
{
    return strerror_r(number, buf, cap);
}
#else
static const char *
error_text(int number, char *buf, size_t cap)
{
    return strerror_r(number, buf, cap) == 0 ? buf : "unknown error";
}
#endif

const char *
lcp_os_last_error(void)
{
    return error_text(last_error, last_error_text, sizeof(last_error_text));
}

uint64_t
lcp_os_mono_ms(void)
{
    struct timespec now;
    int failed = clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t ms;

    assert(failed == 0);
    (void)failed;
    ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return ms == 0 ? 1 : ms;
}

int64_t
lcp_os_wall_ms(void)
{
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);

    assert(failed == 0);
    (void)failed;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
lcp_os_sleep_ms(uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000),
                            .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

enum lcp_err
lcp_path_join(char *out, size_t cap, const char *folder, const char *name)
{
    size_t folder_len = strlen(folder), name_len = strlen(name);
    size_t slash;

    while (folder_len > 0 && folder[folder_len - 1] == '/')
        folder_len--;
    /* "/" alone keeps its slash; no folder at all gets none. */
    slash = folder_len > 0 || folder[0] == '/' ? 1 : 0;
    if (name_len >= cap || folder_len >= cap - name_len ||
        slash >= cap - name_len - folder_len)
        return LCP_EFULL;
    memmove(out, folder, folder_len);
    if (slash != 0)
        out[folder_len] = '/';
    memcpy(out + folder_len + slash, name, name_len + 1);
    return LCP_OK;
}

enum lcp_err
lcp_os_default_home(char *out, size_t cap)
{
    const char *home = getenv("LCP_HOME");
    struct passwd entry, *found = NULL;
    char buf[PASSWD_BYTES];

    if (home != NULL && home[0] != '\0') {
        if (strlen(home) >= cap)
            return LCP_EFULL;
        memcpy(out, home, strlen(home) + 1);
        return LCP_OK;
    }
    home = getenv("HOME");
    if (home != NULL && home[0] != '\0')
        return lcp_path_join(out, cap, home, ".lcp");
    if (getpwuid_r(getuid(), &entry, buf, sizeof(buf), &found) != 0 || found == NULL)
        return LCP_ENOTFOUND;
    return lcp_path_join(out, cap, entry.pw_dir, ".lcp");
}

/* 100.64.0.0/10, held as ::ffff:a.b.c.d. */
static bool
tailnet_ipv4(const struct sockaddr *address, struct lcp_endpoint *out)
{
    struct sockaddr_in in;
    uint8_t ip[4];

    memcpy(&in, address, sizeof(in));
    memcpy(ip, &in.sin_addr, sizeof(ip));
    if (ip[0] != 100 || (ip[1] & 0xc0) != 64)
        return false;
    *out = (struct lcp_endpoint){.ip = {[10] = 0xff, [11] = 0xff},
                                 .port = LCP_PORT_DEFAULT};
    memcpy(out->ip + 12, ip, sizeof(ip));
    return true;
}

static bool
tailnet_ipv6(const struct sockaddr *address, struct lcp_endpoint *out)
{
    static const uint8_t prefix[] = {0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0};
    struct sockaddr_in6 in6;

    memcpy(&in6, address, sizeof(in6));
    if (memcmp(&in6.sin6_addr, prefix, sizeof(prefix)) != 0)
        return false;
    *out = (struct lcp_endpoint){.port = LCP_PORT_DEFAULT};
    memcpy(out->ip, &in6.sin6_addr, sizeof(out->ip));
    return true;
}

enum lcp_err
lcp_os_tailnet_address(struct lcp_endpoint *out)
{
    struct ifaddrs *list = NULL;
    bool found = false, found_ipv6 = false;
    struct lcp_endpoint ipv6;

    if (getifaddrs(&list) != 0)
        return lcp_os_fail();
    /* IPv4 first: a legacy node speaks nothing else. */
    for (struct ifaddrs *at = list; at != NULL && !found; at = at->ifa_next) {
        if (at->ifa_addr == NULL || (at->ifa_flags & IFF_UP) == 0)
            continue;
        if (at->ifa_addr->sa_family == AF_INET)
            found = tailnet_ipv4(at->ifa_addr, out);
        else if (at->ifa_addr->sa_family == AF_INET6 && !found_ipv6)
            found_ipv6 = tailnet_ipv6(at->ifa_addr, &ipv6);
    }
    freeifaddrs(list);
    if (!found && found_ipv6)
        *out = ipv6;
    return found || found_ipv6 ? LCP_OK : LCP_ENOTFOUND;
}
