/* SPDX-License-Identifier: MIT
 *
 * lcp.conf: read (inih), overlaid by the environment and flags, and edited with its
 * comments kept. A table row for each key. Knows base only; man/lcp.conf.5 describes
 * every key.
 */
#ifndef LCP_CONF_CONF_H
#define LCP_CONF_CONF_H

#include "base/crypto.h"
#include "base/os.h"

enum {
    LCP_CONF_PEERS_MAX = 10000,
    LCP_CONF_FAULT_MAX = 320,
};

enum { LCP_ALLOW_MAX = 16 };

/* What a peer may do here; zero means no limit. docs/protocol.md "Policy". */
struct lcp_policy {
    char allow[LCP_ALLOW_MAX][LCP_TYPE_MAX + 1]; /* types of mail; ping and pong are the
                                                    daemon's and always allowed */
    size_t allow_count;                          /* 0: all */
    uint32_t rate_per_hour;
    uint64_t quota_messages, quota_bytes;
    bool hold;            /* its mail waits for a person */
    bool min_version_1_2; /* unmarked mail is refused */
};

struct lcp_conf_peer {
    char name[LCP_NAME_MAX + 1];
    struct lcp_endpoint endpoint;
    struct lcp_key key; /* all zero: pinned at first contact */
    struct lcp_policy policy;
    unsigned line; /* of its [Peer] */
};

struct lcp_conf {
    char home[LCP_PATH_MAX];
    char name[LCP_NAME_MAX + 1];
    char aliases[LCP_ALIASES_MAX][LCP_NAME_MAX + 1];
    size_t alias_count;
    struct lcp_endpoint address; /* bind here */
    bool has_address;
    char legacy_socket[108]; /* LegacySocket / IPC_SOCKET; "" = none. Default:
                                /tmp/lcp.sock for the default home, none for others */
    uint32_t ipc_port;       /* Windows */
    uint32_t retries_max, retry_base_ms, ack_timeout_ms, heartbeat_ms, peer_timeout_ms;
    uint64_t ttl_s;              /* default of SEND: 86,400 */
    uint64_t retention_s;        /* 0 = keep everything */
    bool require_key;            /* RequireKey: no key is pinned at first contact */
    uint32_t loop_limit;         /* LoopLimit, 30; 0: off */
    bool is_timing_fixed;        /* Timing = fixed: waits of LCP/1.1, to compare with */
    uint32_t peers_max;          /* room for peers, default max(64, 2 x configured) */
    struct lcp_conf_peer *peers; /* malloc'ed; lcp_conf_free */
    size_t peer_count;
};

/* Reads HOME/lcp.conf, then the environment (getenv is passed in: name -> value or
 * NULL). On failure fault (LCP_CONF_FAULT_MAX) holds "path:line: what is wrong, what
 * was expected". LCP_ENOTFOUND: no such file. */
LCP_MUST_USE enum lcp_err lcp_conf_load(const char *home,
                                        const char *(*env)(const char *name),
                                        struct lcp_conf *conf, char *fault);
void lcp_conf_free(struct lcp_conf *conf);

/* Edits of the file at HOME/lcp.conf, keeping every comment and line that is not
 * theirs; written whole or not at all, and refused (with fault) when the result would
 * not load. */
LCP_MUST_USE enum lcp_err lcp_conf_create(const char *home, const char *name,
                                          const char *address,
                                          char *fault); /* LCP_EEXIST */
LCP_MUST_USE enum lcp_err lcp_conf_peer_add(const char *home, const char *name,
                                            const char *address, const char *key_b64,
                                            char *fault); /* key may be NULL; EEXIST */
LCP_MUST_USE enum lcp_err lcp_conf_peer_remove(const char *home, const char *name,
                                               char *fault);
/* Sets one key of a [Peer] ("Address", "PublicKey", later policy keys; "Name" cannot be
 * changed); value NULL deletes the line. */
LCP_MUST_USE enum lcp_err lcp_conf_peer_set(const char *home, const char *name,
                                            const char *key, const char *value,
                                            char *fault);

#endif
