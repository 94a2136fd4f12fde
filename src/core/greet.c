/* SPDX-License-Identifier: MIT
 *
 * HELLO, both ways: whose nonce is echoed, and what that proves. A clock, a restored
 * backup or a recording cannot echo a random number of ours that is minutes old at
 * most. docs/protocol.md "LCP/1.2".
 */
#include "core/machine.h"

#include "base/bugs.h"
#include "base/text.h"

enum { ANSWER_PAUSE_MS = 1000 }; /* one HELLO a second in answer to theirs */

/* Ours. */

static void
draw_nonce(struct lcp_core *core, uint8_t out[static LCP_NONCE_BYTES])
{
    for (size_t i = 0; i < LCP_NONCE_BYTES; i += 4) {
        uint32_t drawn = lcp_draw_u32(&core->nonces);

        for (size_t k = 0; k < 4; k++)
            out[i + k] = (uint8_t)(drawn >> 8 * k);
    }
}

/* Half the time a nonce is live, so that it still is when it arrives and is answered.
 * While we slept the peer did not. */
static bool
will_convince(const struct lcp_core *core, const struct lcp_peer *p)
{
    return p->has_echo && p->echo_ms >= core->woke_ms &&
           core->now_ms - p->echo_ms <= lcp_live_fresh_ms(core) / 2;
}

void
lcp_greet_sign(struct lcp_core *core, uint32_t peer, uint32_t seq)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_nonce *nonce = &p->nonces[p->next_nonce];
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_HELLO_SIGN, peer);
    const uint8_t *echo = p->has_answer ? p->answer : p->echo;

    p->next_nonce = (p->next_nonce + 1) % LCP_NONCES_REMEMBERED;
    draw_nonce(core, nonce->bytes);
    nonce->at_ms = core->now_ms;
    nonce->told_boot = p->has_answer            ? p->answer_boot
                       : will_convince(core, p) ? p->echo_boot
                                                : 0;
    nonce->is_set = true;
    out->to = p->endpoint;
    lcp_frame_encode(seq, LCP_PACKET_HEARTBEAT, out->header);
    memcpy(out->nonce, nonce->bytes, sizeof(out->nonce));
    memcpy(out->echo, echo, sizeof(out->echo));
    out->has_echo = p->has_echo;
    p->has_answer = false;
    lcp_gate_count(core, LCP_COUNT_TX);
}

/* Theirs. */

void
lcp_greet_forget(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->hello_ticket = 0;
    p->heard_count = 0;
    p->has_echo = p->has_answer = p->was_fresh = false;
    p->online_ms = p->fresh_ms = p->later_ms = 0;
    memset(p->heard, 0, sizeof(p->heard));
    if (p->retry_due_ms != LCP_NEVER) {
        p->retry_due_ms = core->now_ms;
        lcp_live_rearm(core, peer);
    }
}

/* The nonce of ours, if it is live. */
static const struct lcp_nonce *
find_nonce(const struct lcp_core *core, const struct lcp_peer *p,
           const uint8_t bytes[static LCP_NONCE_BYTES])
{
    for (size_t i = 0; i < LCP_NONCES_REMEMBERED; i++) {
        const struct lcp_nonce *nonce = &p->nonces[i];

        if (nonce->is_set && memcmp(nonce->bytes, bytes, LCP_NONCE_BYTES) == 0)
            return core->now_ms - nonce->at_ms <= lcp_live_fresh_ms(core) ? nonce
                                                                          : NULL;
    }
    return NULL;
}

static bool
was_heard(const struct lcp_peer *p, const uint8_t nonce[static LCP_NONCE_BYTES])
{
    uint32_t count = p->heard_count < LCP_NONCES_REMEMBERED ? p->heard_count
                                                            : LCP_NONCES_REMEMBERED;

    for (uint32_t i = 0; i < count; i++)
        if (memcmp(p->heard[i], nonce, LCP_NONCE_BYTES) == 0)
            return true;
    return p->hello_ticket != 0 && memcmp(p->hello_nonce, nonce, LCP_NONCE_BYTES) == 0;
}

/* Never 0: that stands for none. */
static uint64_t
boot_of(const struct lcp_hello *hello)
{
    uint8_t bytes[LCP_BOOT_CHARS / 2] = {0};
    uint64_t boot = 0;

    if (lcp_hex_parse(lcp_span_str(hello->boot), bytes, sizeof(bytes)) != LCP_OK)
        return 1;
    for (size_t i = 0; i < sizeof(bytes); i++)
        boot = boot << 8 | bytes[i];
    return boot == 0 ? 1 : boot;
}

/* A member's eight bytes of hex, found without parsing: a guess that only decides which
 * bucket pays, and whether this was heard. */
static bool
peek(struct lcp_span payload, const char *name, uint8_t out[static LCP_NONCE_BYTES])
{
    enum { DIGITS = 2 * LCP_NONCE_BYTES };
    size_t len = strlen(name);

    for (size_t i = 0; i + len + DIGITS < payload.len; i++) {
        const uint8_t *at = payload.data + i;

        if (at[0] != '"' || memcmp(at, name, len) != 0)
            continue;
        for (at += len; at < payload.data + payload.len && strchr(" :\"", *at); at++)
            if (*at == '\0')
                return false;
        return (size_t)(payload.data + payload.len - at) >= DIGITS &&
               lcp_hex_parse(lcp_span(at, DIGITS), out, LCP_NONCE_BYTES) == LCP_OK;
    }
    return false;
}

static enum lcp_counter
check_hello(struct lcp_core *core, struct lcp_span payload)
{
    const struct lcp_hello *hello = &core->hello;
    enum lcp_msg_fault fault = lcp_hello_parse(payload, core->scratch, &core->hello);

    if (fault == LCP_MSG_BAD_JSON)
        return LCP_COUNT_BAD_HEARTBEAT;
    if (fault != LCP_MSG_OK) {
        uint32_t type = lcp_json_member(&hello->object.doc, 0, "type");

        return type != 0 && lcp_json_equals(&hello->object.doc, type, "hello")
                   ? LCP_COUNT_BAD_HELLO
                   : LCP_COUNT_BAD_HEARTBEAT;
    }
    return lcp_gate_is_for_us(core, &hello->object.doc, hello->object.to)
               ? LCP_COUNT_MAX
               : LCP_COUNT_BAD_HELLO;
}

/* One is verified at a time; one that echoes a live nonce of ours goes before one that
 * does not, which anybody can make. */
static bool
may_verify(const struct lcp_peer *p, bool is_proven)
{
    return p->hello_ticket == 0 || (is_proven && !p->is_hello_proven);
}

static void
start_hello(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame,
            bool is_proven)
{
    const struct lcp_hello *hello = &core->hello;
    struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_HELLO, peer);

    if (++core->hello_count == 0)
        core->hello_count = 1;
    p->hello_ticket = (uint64_t)core->hello_count << 32 | peer;
    p->is_hello_proven = is_proven;
    memcpy(p->hello_nonce, hello->nonce, sizeof(p->hello_nonce));
    memset(p->hello_echo, 0, sizeof(p->hello_echo));
    if (hello->has_echo)
        memcpy(p->hello_echo, hello->echo, sizeof(p->hello_echo));
    p->hello_boot = boot_of(hello);
    p->is_hello_1_2 = hello->is_1_2;
    out->ticket = p->hello_ticket;
    out->payload = frame->payload;
    out->message = hello;
    out->seq = frame->seq;
}

/* Parsed and acknowledged; then, if it can be theirs, verified. */
static void
take_hello(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame,
           enum lcp_purse purse)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    const struct lcp_hello *hello = &core->hello;
    enum lcp_counter fault = check_hello(core, frame->payload);
    bool is_proven;

    if (fault != LCP_COUNT_MAX) {
        lcp_gate_reject(core, peer, fault, purse, 1);
        return;
    }
    lcp_gate_count(core, LCP_COUNT_HELLOS);
    lcp_core_stage_bare(core, peer, LCP_PACKET_ACK, frame->seq);
    if (!lcp_gate_may_be_from(core, peer, &hello->object.key)) {
        lcp_gate_reject(core, peer, LCP_COUNT_OTHER_KEY, purse, 1);
        return;
    }
    lcp_gate_charge(core, peer, purse, 1);
    is_proven = hello->has_echo && find_nonce(core, p, hello->echo) != NULL;
    if (was_heard(p, hello->nonce) || !may_verify(p, is_proven)) {
        lcp_gate_count(core, LCP_COUNT_HELLO_REPEATED);
        return;
    }
    start_hello(core, peer, frame, is_proven);
    p->hello_purse = purse;
}

void
lcp_greet_take(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);
    uint8_t digest[LCP_DIGEST_BYTES], nonce[LCP_NONCE_BYTES];
    enum lcp_purse purse;

    if (frame->payload.len > LCP_SIGNED_PAYLOAD_MAX) {
        lcp_gate_reject(core, peer, LCP_COUNT_BAD_HEARTBEAT, LCP_PURSE_FIRST, 1);
        return;
    }
    if (peek(frame->payload, "\"nonce\"", nonce) && was_heard(p, nonce)) {
        lcp_gate_count(core, LCP_COUNT_HELLO_REPEATED);
        lcp_core_stage_bare(core, peer, LCP_PACKET_ACK, frame->seq);
        return;
    }
    if (peek(frame->payload, "\"echo\"", nonce) && find_nonce(core, p, nonce) != NULL) {
        purse = lcp_gate_open_proven(core, peer, 1);
    } else {
        lcp_digest(frame->payload, digest);
        purse = lcp_gate_open(core, peer, 1, digest);
    }
    if (purse != LCP_PURSES)
        take_hello(core, peer, frame, purse);
}

/* The end of a verification. */

static void
remember(struct lcp_core *core, struct lcp_peer *p, bool is_fresh)
{
    bool keeps_echo = p->has_echo && p->is_echo_fresh && !is_fresh &&
                      core->now_ms - p->echo_ms <= lcp_live_fresh_ms(core);

    memcpy(p->heard[p->heard_count++ % LCP_NONCES_REMEMBERED], p->hello_nonce,
           LCP_NONCE_BYTES);
    if (p->heard_count == 2 * LCP_NONCES_REMEMBERED) /* all are set: it may not wrap */
        p->heard_count = LCP_NONCES_REMEMBERED;
    /* An old recording must not push out the nonce that proves us to the peer. */
    if (keeps_echo)
        return;
    memcpy(p->echo, p->hello_nonce, LCP_NONCE_BYTES);
    p->echo_ms = core->now_ms;
    p->echo_boot = p->hello_boot;
    p->has_echo = true;
    p->is_echo_fresh = is_fresh;
}

/* One of ours that echoes this one, whatever the others echo. */
static void
answer(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (core->now_ms < p->answer_after_ms)
        return;
    p->answer_after_ms = core->now_ms + ANSWER_PAUSE_MS;
    memcpy(p->answer, p->hello_nonce, LCP_NONCE_BYTES);
    p->answer_boot = p->hello_boot;
    p->has_answer = true;
    lcp_live_greet(core, peer);
}

/* It lives, and its echo is that old. Has it got ours as well? That HELLO of ours which
 * it echoes says so. */
static void
end_fresh(struct lcp_core *core, uint32_t peer, uint64_t nonce_ms, uint64_t told_boot)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    lcp_gate_count(core, LCP_COUNT_HELLO_FRESH);
    if (p->is_hello_1_2)
        lcp_live_prove(core, peer);
    lcp_live_fresh(core, peer, nonce_ms);
    if (told_boot != p->hello_boot)
        answer(core, peer);
}

static void
end_hello(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    const struct lcp_nonce *echoed = find_nonce(core, p, p->hello_echo);
    bool is_fresh = echoed != NULL || lcp_bug(LCP_BUG_ECHO_IGNORED);

    remember(core, p, is_fresh);
    if (is_fresh) {
        end_fresh(core, peer, echoed == NULL ? core->now_ms : echoed->at_ms,
                  echoed == NULL ? 0 : echoed->told_boot);
    } else {
        lcp_gate_count(core, LCP_COUNT_HELLO_STALE);
        answer(core, peer);
    }
}

void
lcp_core_hello(struct lcp_core *core, uint64_t now_ms, uint64_t ticket, bool is_valid,
               const uint8_t *pinned)
{
    uint32_t peer = (uint32_t)ticket;
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (!is_valid)
        lcp_gate_count(core, LCP_COUNT_BAD_SIGNATURE);
    if (p == NULL || ticket == 0 || p->hello_ticket != ticket)
        return;
    p->hello_ticket = 0;
    if (!is_valid) {
        p->rejected++;
        return;
    }
    lcp_bucket_refund(&p->purses.of[p->hello_purse], 1);
    lcp_bucket_refund(&core->purses.of[p->hello_purse], 1);
    lcp_gate_pin(core, peer, pinned);
    end_hello(core, peer);
}
