/* SPDX-License-Identifier: MIT
 *
 * A model of the Python node, docs/protocol.md part 1: acknowledges DATA before it
 * looks at it, numbers from 1 at every start, tries five times and forgets. Knows no
 * HELLO and no RECEIPT; its mail carries no marker.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/msg.h"

enum { HEARTBEAT_MS = 30000, TRIES_MAX = 5, TYPE_AT = 8 };

bool
sim_is_legacy(const struct sim *sim, char node)
{
    return node != 'X' && sim->nodes[sim_index(node)].is_legacy;
}

static void
put_header(uint8_t *bytes, uint32_t seq, uint8_t type)
{
    memcpy(bytes, "LCP1", 4);
    bytes[4] = (uint8_t)(seq >> 24);
    bytes[5] = (uint8_t)(seq >> 16);
    bytes[6] = (uint8_t)(seq >> 8);
    bytes[7] = (uint8_t)seq;
    bytes[TYPE_AT] = type;
}

static uint32_t
seq_of(const uint8_t *bytes)
{
    return (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 |
           (uint32_t)bytes[6] << 8 | bytes[7];
}

static void
beat(struct sim *sim, uint64_t arg)
{
    struct sim_node *node = &sim->nodes[arg >> 32];
    uint8_t bytes[LCP_HEADER_BYTES];

    if (!node->is_legacy_up || (uint32_t)arg != (uint32_t)node->life)
        return;
    for (int i = 0; i < sim->options.nodes; i++) {
        if (i == node->index)
            continue;
        put_header(bytes, node->legacy_seq++, LCP_PACKET_HEARTBEAT);
        sim_transmit(sim, node->index, i, bytes, sizeof(bytes), false);
    }
    sim_at(sim, sim_now_ms(sim) + HEARTBEAT_MS, beat, arg);
}

void
sim_legacy_start(struct sim_node *node)
{
    node->life++;
    node->is_legacy_up = true;
    node->legacy_seq = 1;
    sim_at(node->sim, sim_now_ms(node->sim), beat,
           (uint64_t)node->index << 32 | (uint32_t)node->life);
}

void
sim_legacy_stop(struct sim_node *node)
{
    node->is_legacy_up = false;
    node->life++;
}

/* The bytes of a message as a Python node makes it. Only letters in text: the canonical
 * form is written by hand here, as a check of ours. */
static size_t
build(struct sim *sim, const struct sim_node *node, char to, const char *id,
      const char *text, uint8_t *out, size_t cap)
{
    char canon[SIM_TEXT_MAX * 2], key[LCP_KEY_B64 + 1], sig_text[LCP_SIG_B64 + 1];
    uint8_t sig[LCP_SIG_BYTES];
    int len;

    (void)sim;
    len = snprintf(canon, sizeof(canon),
                   "{\"from\":\"%c\",\"id\":\"%s\",\"message\":\"%s\",\"timestamp\":"
                   "\"2026-03-28T12:00:00+00:00\",\"to\":\"%c\",\"type\":\"chat\"}",
                   sim_letter(node->index), id, text, to);
    assert(len > 0 && (size_t)len < sizeof(canon));
    lcp_sign(&node->identity, lcp_span(canon, (size_t)len), sig);
    lcp_key_print(&node->identity.key, key);
    lcp_base64_print(sig, sizeof(sig), sig_text);
    len = snprintf((char *)out, cap,
                   "{\"id\":\"%s\",\"from\":\"%c\",\"to\":\"%c\",\"timestamp\":"
                   "\"2026-03-28T12:00:00+00:00\",\"type\":\"chat\",\"message\":\"%s\","
                   "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"%s\","
                   "\"signature\":\"%s\"}}",
                   id, sim_letter(node->index), to, text, key, sig_text);
    assert(len > 0 && (size_t)len < cap);
    return (size_t)len;
}

static void
try_again(struct sim *sim, uint64_t at)
{
    static const uint64_t waits[TRIES_MAX] = {500, 1000, 2000, 3000, 3000};
    struct sim_try *t = &sim->tries[at];
    const struct sim_node *node = &sim->nodes[t->node];

    if (t->is_acked || t->tries == TRIES_MAX || !node->is_legacy_up ||
        t->life != node->life)
        return;
    sim_transmit(sim, t->node, t->to, t->bytes, t->len, false);
    sim_at(sim, sim_now_ms(sim) + waits[t->tries++], try_again, at);
}

void
sim_legacy_send(struct sim *sim, char from, char to, const char *id, const char *text)
{
    struct sim_node *node = sim_node(sim, from);
    uint8_t bytes[SIM_TEXT_MAX * 4];
    struct sim_try *t;
    size_t len;

    if (!node->is_legacy_up)
        return;
    len = LCP_HEADER_BYTES + build(sim, node, to, id, text, bytes + LCP_HEADER_BYTES,
                                   sizeof(bytes) - LCP_HEADER_BYTES);
    sim->tries = sim_grow(sim->tries, sim->try_count, &sim->try_cap,
                          sizeof(sim->tries[0]));
    t = &sim->tries[sim->try_count];
    *t = (struct sim_try){.node = node->index,
                          .to = sim_index(to),
                          .life = node->life,
                          .seq = node->legacy_seq++,
                          .len = len};
    put_header(bytes, t->seq, LCP_PACKET_DATA);
    t->bytes = malloc(len);
    assert(t->bytes != NULL);
    memcpy(t->bytes, bytes, len);
    try_again(sim, sim->try_count++);
}

/* It would die of a packet that is no message, for good. */
static void
take_data(struct sim *sim, struct sim_node *node, const struct sim_event *event)
{
    struct lcp_msg msg;
    struct sim_mail *mail;

    if (event->is_corrupt || event->is_foreign)
        return; /* what becomes of that is not our doing */
    if (sim->scratch == NULL)
        sim->scratch = malloc(sizeof(*sim->scratch));
    assert(sim->scratch != NULL);
    if (lcp_msg_parse(
            lcp_span(event->bytes + LCP_HEADER_BYTES, event->len - LCP_HEADER_BYTES),
            sim->scratch, &msg) != LCP_MSG_OK) {
        sim_break(sim, "%c sent what a Python node may die of",
                  sim_letter(event->from));
        return;
    }
    mail = sim_mail(sim, msg.id, event->from, node->index);
    if (mail->stored > 0)
        return;
    mail->stored = 1;
    mail->in_state = LCP_IN_STORED;
    sim->stored++;
    sim_say(sim, node->index, "stored", "m%d", mail->label);
}

static void
take_ack(struct sim *sim, const struct sim_node *node, uint32_t seq)
{
    for (size_t i = sim->try_count; i-- > 0;) {
        struct sim_try *t = &sim->tries[i];

        if (t->node == node->index && t->life == node->life && t->seq == seq)
            t->is_acked = true;
    }
}

void
sim_legacy_deliver(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    uint8_t ack[LCP_HEADER_BYTES];

    sim_watch_delivered(sim, event);
    if (!node->is_legacy_up || event->len < LCP_HEADER_BYTES ||
        memcmp(event->bytes, "LCP1", 4) != 0)
        return;
    put_header(ack, seq_of(event->bytes), LCP_PACKET_ACK);
    switch (event->bytes[TYPE_AT]) {
    case LCP_PACKET_DATA:
        sim_transmit(sim, node->index, event->from, ack, sizeof(ack), false);
        take_data(sim, node, event);
        break;
    case LCP_PACKET_HEARTBEAT:
        sim_transmit(sim, node->index, event->from, ack, sizeof(ack), false);
        break;
    case LCP_PACKET_ACK:
        take_ack(sim, node, seq_of(event->bytes));
        break;
    default:
        break;
    }
}
