/* SPDX-License-Identifier: MIT
 *
 * Places a local listening socket at a path, and takes it away again, without ever
 * removing or following what is not ours. docs/ipc.md.
 */
#ifndef LCP_UV_LISTEN_H
#define LCP_UV_LISTEN_H

#include <sys/types.h>

#include "lcp/types.h"

enum { LCP_LISTEN_FAULT_MAX = 512 };

struct lcp_listen {
    int fd;       /* -1: none; whoever takes it closes it */
    dev_t device; /* of the socket's name, so that we remove ours only */
    ino_t inode;
    char path[108];
};

enum lcp_listen_kind {
    LCP_LISTEN_HOME, /* we hold the home's lock: a socket of ours at the path is a dead
                        one */
    LCP_LISTEN_SHARED, /* anybody's folder: a socket of ours is dead only if nobody
                          answers there */
};

/* A bound socket, mode 0600, non-blocking, not yet listening. On failure fault holds a
 * sentence. LCP_EFULL: the path is too long. LCP_EEXIST: something foreign is there.
 * LCP_EBUSY: somebody listens there. */
LCP_MUST_USE enum lcp_err lcp_listen_open(struct lcp_listen *listen, const char *path,
                                          enum lcp_listen_kind kind,
                                          char fault[static LCP_LISTEN_FAULT_MAX]);
/* Removes the name if it is still our socket. To be called before the socket is closed:
 * until then the system gives its inode to nobody else. */
void lcp_listen_remove(const struct lcp_listen *listen);

#endif
