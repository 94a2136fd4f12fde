/* SPDX-License-Identifier: MIT
 *
 * The daemon as a whole: home, lock, key, record, pump, loop. For cli/cmd_node.c
 * (and cmd_version.c, which asks what it is linked with).
 */
#ifndef LCP_UV_DAEMON_H
#define LCP_UV_DAEMON_H

#include "lcp/types.h"

struct lcp_daemon_options {
    const char *home; /* NULL: default home */
    bool json;        /* what is said at the start, also as one object on stdout */
    bool detach; /* go to the background; log in HOME/lcp.log, rotated at 10 MiB, one
                    old one */
    bool reseal; /* look the record through first, and seal it anew if it is sound */
    /* Legacy lcp_node's flags; NULL or 0: not given. They beat environment and file. */
    const char *my_ip;
    const char *peer_ip;
    uint16_t port;
};

/* Runs until SIGINT or SIGTERM (then 0, within 2 s) or until something fails. Writes a
 * sentence to stderr when it cannot start. Returns the exit code of lcp(1): 0, 1, 2
 * (configuration), 70 (storage lost). */
int lcp_daemon_main(const struct lcp_daemon_options *options);

const char *lcp_uv_version(void);

#endif
