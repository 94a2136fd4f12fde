/* SPDX-License-Identifier: MIT
 *
 * Who a process is, in words for a record: user, number and the name it gave itself.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "base/os.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

/* The name is what the process calls itself now, so it is foreign text, and of
 * another process if that one has ended and its number was given again. */
static void
print_who(unsigned long uid, long pid, char *out, size_t cap)
{
    char path[64], name[64] = "", shown[64];
    FILE *file;
    size_t len = 0;

    snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
    file = fopen(path, "rbe");
    if (file != NULL) {
        len = fread(name, 1, sizeof(name), file);
        fclose(file);
    }
    while (len > 0 && name[len - 1] == '\n')
        len--;
    lcp_text_escape(lcp_span(name, len), false, shown, sizeof(shown));
    if (len > 0)
        snprintf(out, cap, "uid %lu, pid %ld (%s)", uid, pid, shown);
    else
        snprintf(out, cap, "uid %lu, pid %ld", uid, pid);
}

void
lcp_os_who_self(char *out, size_t cap)
{
    print_who((unsigned long)getuid(), (long)getpid(), out, cap);
}

void
lcp_os_who_peer(int fd, char *out, size_t cap)
{
#if defined(SO_PEERCRED) && defined(__linux__)
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
        print_who((unsigned long)cred.uid, (long)cred.pid, out, cap);
        return;
    }
#else
    uid_t uid;
    gid_t gid;

    if (getpeereid(fd, &uid, &gid) == 0) {
        snprintf(out, cap, "uid %lu", (unsigned long)uid);
        return;
    }
#endif
    snprintf(out, cap, "%s", "");
}
