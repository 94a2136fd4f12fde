/* SPDX-License-Identifier: MIT
 *
 * What the files of the verbs share. Private to node/.
 */
#ifndef LCP_NODE_VERBS_H
#define LCP_NODE_VERBS_H

#include "node/state.h"

/* Who asks, and what. */
struct lcp_ask {
    uint64_t client;
    bool is_ours;
    const struct lcp_request *r;
};

typedef void lcp_verb_fn(struct lcp_pump *p, const struct lcp_ask *a);

void lcp_ask_refuse(struct lcp_pump *p, const struct lcp_ask *a, const char *code,
                    const char *message, const char *hint);
void lcp_ask_refuse_memory(struct lcp_pump *p, const struct lcp_ask *a);
/* How many peers there are, and the first of them; 2 stands for more. */
uint32_t lcp_ask_count_peers(struct lcp_pump *p, uint32_t *first);
/* The peer of this name, or the only one there is; a legacy client, which cannot name
 * any, means the first. LCP_NO_PEER: refused already. */
uint32_t lcp_ask_peer(struct lcp_pump *p, const struct lcp_ask *a, const char *name);
/* A job that answers this client. NULL: refused already. */
struct lcp_job *lcp_ask_job(struct lcp_pump *p, const struct lcp_ask *a,
                            enum lcp_job_kind kind, uint32_t peer);
/* The same for what is audited: who asks is in it. */
struct lcp_job *lcp_ask_audited(struct lcp_pump *p, const struct lcp_ask *a,
                                enum lcp_job_kind kind, uint32_t peer);

/* verbs_mail.c */
lcp_verb_fn lcp_verb_send, lcp_verb_ack, lcp_verb_shown, lcp_verb_cancel,
    lcp_verb_purge, lcp_verb_release, lcp_verb_refuse, lcp_verb_resend;

#endif
