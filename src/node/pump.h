/* SPDX-License-Identifier: MIT
 *
 * The pump carries out the machine's outputs and feeds it the completions. It is the
 * only place that sees the machine, the record and the local clients at once; it knows
 * the outside through world.h alone.
 *
 * The world calls the functions below on one thread, and after any of them asks
 * lcp_pump_next_ms when to call lcp_pump_tick.
 */
#ifndef LCP_NODE_PUMP_H
#define LCP_NODE_PUMP_H

#include "base/crypto.h"
#include "conf/conf.h"
#include "node/world.h"
#include "store/store.h"

struct lcp_pump;
struct lcp_mirror;

struct lcp_pump_config {
    struct lcp_world *world;
    const struct lcp_conf *conf;         /* copied as far as needed */
    const struct lcp_identity *identity; /* copied */
    struct lcp_store *writer,
        *reader;               /* borrowed; each used by its hand only, once running */
    struct lcp_mirror *mirror; /* borrowed; NULL: no folders (simulator) */
    const char *version;       /* of the daemon */
    const char *uv_version;    /* of the world's library; NULL: it has none */
    /* Reads HOME/lcp.conf anew for RELOAD; NULL: RELOAD is an error. On failure
     * fault (LCP_CONF_FAULT_MAX). */
    enum lcp_err (*reload)(void *ctx, struct lcp_conf *conf, char *fault);
    void *reload_ctx;
};

/* Reads pins and counters from the store on the calling thread. LCP_ECONFLICT: a key
 * in the configuration contradicts a pin; fault (LCP_CONF_FAULT_MAX bytes) then holds
 * a sentence. */
LCP_MUST_USE enum lcp_err lcp_pump_new(const struct lcp_pump_config *config,
                                       char *fault, struct lcp_pump **out);
/* Only when lcp_pump_is_idle, or when the world drops everything as in a crash. */
void lcp_pump_free(struct lcp_pump *pump);

void lcp_pump_datagram(struct lcp_pump *pump, const struct lcp_endpoint *from,
                       struct lcp_span bytes);
void lcp_pump_tick(struct lcp_pump *pump);
/* In monotone milliseconds; UINT64_MAX: nothing planned. */
uint64_t lcp_pump_next_ms(struct lcp_pump *pump);
/* A task has run. */
void lcp_pump_done(struct lcp_pump *pump, struct lcp_task *task);

/* A local client sent a request. client is the world's name for the connection, unique
 * for ever. The pump answers with exactly one reply, sooner or later. A connection has
 * at most one request open. */
void lcp_pump_request(struct lcp_pump *pump, uint64_t client, struct lcp_span request,
                      bool is_ours);
/* The connection is gone; what was open for it gets no reply. */
void lcp_pump_client_gone(struct lcp_pump *pump, uint64_t client);
void lcp_pump_replied(struct lcp_pump *pump, uint64_t client, uint64_t tag, bool ok);

/* Takes up the peers of a configuration read anew (SIGHUP), soon; how it went is
 * logged. conf is copied. LCP_ENOMEM. */
LCP_MUST_USE enum lcp_err lcp_pump_reload(struct lcp_pump *pump,
                                          const struct lcp_conf *conf);
/* What the world knows about its UDP socket. When it becomes bound, every peer is
 * greeted and what waits goes, at the next tick, which is due at once. */
void lcp_pump_set_socket(struct lcp_pump *pump, bool is_bound, int rcv_bytes,
                         int snd_bytes);

/* No new requests and admissions; open SENDs are answered with their state; running
 * tasks end. */
void lcp_pump_stop(struct lcp_pump *pump);
bool lcp_pump_is_idle(const struct lcp_pump *pump);

#endif
