/* SPDX-License-Identifier: MIT
 *
 * Everything of a home that a daemon needs before its loop starts: folder, lock,
 * configuration, key, record, folders of the seed.
 */
#ifndef LCP_UV_HOME_H
#define LCP_UV_HOME_H

#include "conf/conf.h"
#include "store/mirror.h"
#include "uv/daemon.h"

enum { LCP_HOME_FAULT_MAX = LCP_PATH_MAX + LCP_CONF_FAULT_MAX };

struct lcp_home {
    char path[LCP_PATH_MAX];
    struct lcp_os_lock lock;
    struct lcp_conf conf;
    struct lcp_identity identity;
    struct lcp_store *writer, *reader, *mirror_reader;
    struct lcp_mirror *mirror;
    const struct lcp_daemon_options *options;
    const char *code;  /* of a fault, for programs; NULL: by the exit code */
    uint64_t resealed; /* messages of the record that was sealed anew */
};

/* Fills in path alone. Returns an exit code: 0, or with a sentence in fault 1. */
int lcp_home_find(struct lcp_home *home, const struct lcp_daemon_options *options,
                  char fault[static LCP_HOME_FAULT_MAX]);
/* The rest. Exit code 0, 1 or 2 (configuration). Whatever it says, lcp_home_close
 * is due. */
int lcp_home_open(struct lcp_home *home, char fault[static LCP_HOME_FAULT_MAX]);
/* Reads HOME/lcp.conf anew with the flags laid over it. fault: LCP_CONF_FAULT_MAX. */
LCP_MUST_USE enum lcp_err lcp_home_load_conf(const struct lcp_home *home,
                                             struct lcp_conf *conf, char *fault);
/* With `checkpoint` moves the log into the database; LCP_ELOST: it could not be synced.
 */
LCP_MUST_USE enum lcp_err lcp_home_close(struct lcp_home *home, bool checkpoint);

#endif
