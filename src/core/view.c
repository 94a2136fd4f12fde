/* SPDX-License-Identifier: MIT
 *
 * What the machine lets be seen: peers, counters, strangers. Changes nothing.
 */
#include "core/machine.h"

uint32_t
lcp_core_peer_find(const struct lcp_core *core, const char *name)
{
    return lcp_peers_by_name(&core->peers, name);
}

bool
lcp_core_peer_view(const struct lcp_core *core, uint64_t now_ms, uint32_t index,
                   struct lcp_core_peer_view *view)
{
    const struct lcp_peer *p = lcp_peers_at(&core->peers, index);
    uint64_t now = lcp_core_look_at(core, now_ms);

    if (p == NULL)
        return false;
    *view = (struct lcp_core_peer_view){
        .endpoint = p->endpoint,
        .has_key = lcp_key_is_set(&p->key),
        .version = p->version,
        .has_fresh_hello = p->was_fresh && now - p->fresh_ms <= lcp_live_fresh_ms(core),
        .is_online = p->is_online,
        .is_away = p->is_away,
        .was_heard = p->was_heard,
        .silent_ms = now - p->life_ms,
        .rtt_ms = lcp_rto_rtt_ms(&p->rto),
        .rto_ms = lcp_tries_rto_ms(core, p),
        .window = lcp_window_size(core, p),
        .later_ms = p->later_ms > now ? p->later_ms - now : 0,
        .inflight = p->inflight,
        .received = p->received,
        .rejected = p->rejected,
        .transmitted = p->transmitted,
        .settled = p->settled,
    };
    memcpy(view->name, p->name, sizeof(view->name));
    memcpy(view->key, p->key.bytes, sizeof(view->key));
    return true;
}

uint32_t
lcp_core_peer_of_key(const struct lcp_core *core, const uint8_t key[LCP_KEY_BYTES])
{
    struct lcp_key wanted;

    memcpy(wanted.bytes, key, sizeof(wanted.bytes));
    return lcp_peers_by_key(&core->peers, &wanted);
}

uint64_t
lcp_core_counter(const struct lcp_core *core, enum lcp_counter counter)
{
    return counter < LCP_COUNT_MAX ? core->counters[counter] : 0;
}

const char *
lcp_counter_name(enum lcp_counter counter)
{
    static const char *const names[LCP_COUNT_MAX] = {
        [LCP_COUNT_DATAGRAMS] = "datagrams",
        [LCP_COUNT_TOO_SHORT] = "too_short",
        [LCP_COUNT_BAD_MAGIC] = "bad_magic",
        [LCP_COUNT_UNKNOWN_TYPE] = "unknown_type",
        [LCP_COUNT_STRANGER] = "stranger",
        [LCP_COUNT_THROTTLED] = "throttled",
        [LCP_COUNT_BAD_UTF8] = "bad_utf8",
        [LCP_COUNT_BAD_JSON] = "bad_json",
        [LCP_COUNT_JSON_SURROGATE] = "json_surrogate",
        [LCP_COUNT_JSON_DUPLICATE] = "json_duplicate",
        [LCP_COUNT_JSON_NUMBER] = "json_number",
        [LCP_COUNT_JSON_DEPTH] = "json_depth",
        [LCP_COUNT_JSON_NODES] = "json_nodes",
        [LCP_COUNT_BAD_MEMBER] = "bad_member",
        [LCP_COUNT_BAD_ID] = "bad_id",
        [LCP_COUNT_BAD_SECURITY] = "bad_security",
        [LCP_COUNT_NOT_FOR_US] = "not_for_us",
        [LCP_COUNT_OTHER_KEY] = "other_key",
        [LCP_COUNT_BAD_SIGNATURE] = "bad_signature",
        [LCP_COUNT_CONFLICT] = "conflict",
        [LCP_COUNT_REFUSED] = "refused",
        [LCP_COUNT_LATER] = "later",
        [LCP_COUNT_ADMISSIONS_FULL] = "admissions_full",
        [LCP_COUNT_STORED] = "stored",
        [LCP_COUNT_DUPLICATE] = "duplicate",
        [LCP_COUNT_MERGED] = "merged",
        [LCP_COUNT_ACK_MATCHED] = "ack_matched",
        [LCP_COUNT_ACK_UNMATCHED] = "ack_unmatched",
        [LCP_COUNT_HEARTBEATS] = "heartbeats",
        [LCP_COUNT_TX] = "tx",
        [LCP_COUNT_RETRIES] = "retries",
        [LCP_COUNT_SLEPT] = "slept",
        [LCP_COUNT_DIFFERS] = "differs",
        [LCP_COUNT_HELLOS] = "hellos",
        [LCP_COUNT_HELLO_FRESH] = "hello_fresh",
        [LCP_COUNT_HELLO_STALE] = "hello_stale",
        [LCP_COUNT_HELLO_REPEATED] = "hello_repeated",
        [LCP_COUNT_BAD_HELLO] = "bad_hello",
        [LCP_COUNT_RECEIPTS] = "receipts",
        [LCP_COUNT_BAD_RECEIPT] = "bad_receipt",
        [LCP_COUNT_RECEIPT_FOREIGN] = "receipt_foreign",
        [LCP_COUNT_ACK_NOT_ENOUGH] = "ack_not_enough",
        [LCP_COUNT_NOT_TAKEN] = "not_taken",
        [LCP_COUNT_SECOND_CHANCE] = "second_chance",
        [LCP_COUNT_BAD_HEARTBEAT] = "bad_heartbeat",
    };

    return counter < LCP_COUNT_MAX ? names[counter] : "";
}

size_t
lcp_core_strangers(const struct lcp_core *core, uint64_t now_ms,
                   struct lcp_stranger *out, size_t cap)
{
    return lcp_strangers_list(&core->strangers, lcp_core_look_at(core, now_ms), out,
                              cap);
}
