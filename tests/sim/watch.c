/* SPDX-License-Identifier: MIT
 *
 * The promises of docs/protocol.md, watched where they could be broken: on every
 * datagram that leaves, every one that arrives, every commit and every answer to a
 * client.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

#include "ipc/ipc.h"

enum {
    GAP_MIN_MS = 400, /* between two transmissions of a message by one process */
};

/* Our messages begin with their id. */
static bool
read_id(const uint8_t *payload, size_t len, char id[static LCP_ID_MAX + 1])
{
    static const char head[] = "{\"id\":\"";
    size_t at = sizeof(head) - 1, n = 0;

    if (len < at || memcmp(payload, head, at) != 0)
        return false;
    while (at < len && payload[at] != '"' && n < LCP_ID_MAX)
        id[n++] = (char)payload[at++];
    id[n] = '\0';
    return n > 0 && strlen(id) == n;
}

/* Sequence numbers. */

static uint64_t
seq_key(int node, int other, uint32_t seq)
{
    return (uint64_t)(node + 1) << 48 | (uint64_t)(other + 1) << 40 | seq;
}

static uint32_t
read_seq(const uint8_t *bytes)
{
    return (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 |
           (uint32_t)bytes[6] << 8 | bytes[7];
}

/* What leaves. */

/* How long the transmission of this ordinal keeps its place in the window at the least.
 */
static uint64_t
wait_ms(uint32_t ordinal)
{
    static const uint64_t waits[] = {500, 1000, 2000, 3000, 3000};

    return ordinal >= 1 && ordinal <= 5 ? waits[ordinal - 1] : waits[0];
}

/* Counts mail that is under way from one node to another; what is done with leaves
 * the list. */
static void
check_window(struct sim *sim, int from, int to, int mail)
{
    struct sim_node *node = &sim->nodes[from];
    int *active = node->active[to];
    size_t kept = 0;
    bool is_known = false;

    for (size_t i = 0; i < node->active_count[to]; i++) {
        const struct sim_mail *m = &sim->mails[active[i]];
        bool is_under_way = m->life == node->life && m->acked_life != node->life &&
                            m->out_state == LCP_SENT_QUEUED &&
                            m->busy_until_ms > sim->now_ms;

        if (active[i] == mail)
            is_known = true;
        else if (!is_under_way)
            continue;
        active[kept++] = active[i];
    }
    if (!is_known && kept < SIM_ACTIVE_MAX)
        active[kept++] = mail;
    node->active_count[to] = kept;
    if (kept > SIM_WINDOW_MAX)
        sim_break(sim, "%c has %zu messages under way to %c, the window is %d",
                  sim_letter(from), kept, sim_letter(to), SIM_WINDOW_MAX);
}

/* What was acknowledged stops; what was not keeps its distances. */
static void
check_schedule(struct sim *sim, const struct sim_node *node,
               const struct sim_mail *mail)
{
    uint64_t gap_ms = sim->now_ms - mail->last_ms;

    if (mail->acked_life == node->life)
        sim_break(sim, "%c sends m%d after hearing its ACK", sim_letter(node->index),
                  mail->label);
    if (mail->transmissions > 0 && gap_ms < GAP_MIN_MS)
        sim_break(sim, "%c sends m%d twice within %d ms", sim_letter(node->index),
                  mail->label, (int)gap_ms);
}

static void
data_leaves(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len,
            bool is_lost)
{
    struct sim_node *node = &sim->nodes[from];
    char id[LCP_ID_MAX + 1];
    struct sim_mail *mail;
    struct sim_seq *seq;

    if (!read_id(bytes + LCP_HEADER_BYTES, len - LCP_HEADER_BYTES, id)) {
        sim_break(sim, "%c sends DATA that does not begin with an id",
                  sim_letter(from));
        return;
    }
    mail = sim_mail(sim, id, from, to);
    if (mail->from != from || mail->to != to)
        sim_break(sim, "%c sends m%d, which is not its own", sim_letter(from),
                  mail->label);
    if (mail->life != node->life) {
        mail->life = node->life;
        mail->transmissions = 0;
        mail->last_ms = 0;
    }
    check_schedule(sim, node, mail);
    mail->last_ms = sim->now_ms;
    mail->transmissions++;
    mail->busy_until_ms = sim->now_ms + wait_ms(mail->transmissions);
    node->last_seq = read_seq(bytes);
    seq = sim_seqs_put(&sim->sent, seq_key(from, to, node->last_seq));
    seq->mail = mail->label - 1;
    seq->life = node->life;
    seq->ordinal = mail->transmissions;
    sim_say(sim, from, "send", "m%d try %u%s", mail->label, mail->transmissions,
            is_lost ? " (lost)" : "");
    check_window(sim, from, to, mail->label - 1);
}

/* An ACK says: it is on my disk. */
static void
ack_leaves(struct sim *sim, int from, int to, const uint8_t *bytes, bool is_lost)
{
    struct sim_seq *seq = sim_seqs_find(&sim->delivered,
                                        seq_key(from, to, read_seq(bytes)));
    const struct sim_mail *mail;

    if (seq == NULL) {
        sim_break(sim, "%c acknowledges to %c what never came", sim_letter(from),
                  sim_letter(to));
        return;
    }
    if (seq->mail < 0) {
        sim_note(sim, from, "beatack", "to %c%s", sim_letter(to),
                 is_lost ? " (lost)" : "");
        return;
    }
    mail = &sim->mails[seq->mail];
    if (seq->was_stored)
        sim_say(sim, from, "repeat", "m%d", mail->label);
    sim_say(sim, from, "ack", "m%d%s", mail->label, is_lost ? " (lost)" : "");
    if (mail->stored == 0)
        sim_break(sim, "%c acknowledges m%d, which is not on its disk",
                  sim_letter(from), mail->label);
}

void
sim_watch_sent(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len,
               bool is_lost)
{
    struct sim_seq *seq;

    sim_mix_number(sim, (uint64_t)from << 32 | (uint64_t)to << 16 | is_lost);
    sim_mix(sim, bytes, len);
    if (len < LCP_HEADER_BYTES || memcmp(bytes, "LCP1", 4) != 0) {
        sim_break(sim, "%c sends what is no packet", sim_letter(from));
        return;
    }
    switch (bytes[8]) {
    case LCP_PACKET_DATA:
        data_leaves(sim, from, to, bytes, len, is_lost);
        break;
    case LCP_PACKET_ACK:
        ack_leaves(sim, from, to, bytes, is_lost);
        break;
    case LCP_PACKET_HEARTBEAT:
        seq = sim_seqs_put(&sim->sent, seq_key(from, to, read_seq(bytes)));
        seq->life = sim->nodes[from].life;
        sim_note(sim, from, "beat", "to %c%s", sim_letter(to),
                 is_lost ? " (lost)" : "");
        break;
    default:
        sim_break(sim, "%c sends a packet of type %d", sim_letter(from), bytes[8]);
    }
}

/* What arrives. */

static void
ack_arrives(struct sim *sim, int from, int to, const uint8_t *bytes)
{
    struct sim_seq *seq = sim_seqs_find(&sim->sent, seq_key(to, from, read_seq(bytes)));
    struct sim_mail *mail;

    if (seq == NULL || seq->mail < 0 || seq->life != sim->nodes[to].life)
        return;
    mail = &sim->mails[seq->mail];
    if (mail->life == seq->life &&
        mail->transmissions - seq->ordinal < SIM_ACKS_REMEMBERED)
        mail->acked_life = seq->life;
}

void
sim_watch_delivered(struct sim *sim, const struct sim_event *event)
{
    int from = event->from, to = event->node;
    const uint8_t *bytes = event->bytes;
    char id[LCP_ID_MAX + 1];
    struct sim_mail *mail = NULL;
    struct sim_seq *seq;

    sim_mix_number(sim, sim->now_ms);
    if (event->len < LCP_HEADER_BYTES || memcmp(bytes, "LCP1", 4) != 0)
        return;
    if (bytes[8] == LCP_PACKET_ACK) {
        ack_arrives(sim, from, to, bytes);
        return;
    }
    if (bytes[8] == LCP_PACKET_DATA) {
        if (!read_id(bytes + LCP_HEADER_BYTES, event->len - LCP_HEADER_BYTES, id))
            return;
        /* Damaged mail must not be acknowledged, unless it is a known message whose
         * signature alone is damaged: that needs no verification. */
        mail = event->is_corrupt ? sim_find_mail(sim, id) : sim_mail(sim, id, -1, to);
        if (event->is_corrupt && (mail == NULL || mail->stored == 0))
            return;
    }
    seq = sim_seqs_put(&sim->delivered, seq_key(to, from, read_seq(bytes)));
    seq->life = sim->nodes[to].life;
    if (mail != NULL) {
        seq->mail = mail->label - 1;
        seq->was_stored = mail->stored > 0;
    }
}

/* What is committed. */

static bool
check_in_row(struct sim_node *node, struct sim_mail *mail, const struct lcp_row *row)
{
    struct sim *sim = node->sim;
    struct lcp_key pin;
    char how[32];
    int64_t when;

    if (mail->in_number != row->number) {
        mail->stored++;
        sim->stored++;
        sim_say(sim, node->index, row->state == LCP_IN_CONSUMED ? "consumed" : "stored",
                "m%d", mail->label);
        if (mail->stored > 1)
            sim_break(sim, "%c stored m%d twice", sim_letter(node->index), mail->label);
        if (mail->to != node->index)
            sim_break(sim, "%c stored m%d, which is not for it",
                      sim_letter(node->index), mail->label);
        if (node->watch->ops->pin_get(node->watch, row->peer, &pin, how, &when) !=
                LCP_OK ||
            !lcp_key_eq(&pin, &row->key))
            sim_break(sim,
                      "%c stored m%d under a key that is not the one pinned for %s",
                      sim_letter(node->index), mail->label, row->peer);
        mail->in_number = row->number;
        mail->in_state = row->state;
        return true;
    }
    if (row->state < mail->in_state)
        sim_break(sim, "%c moved received m%d back from state %d to %d",
                  sim_letter(node->index), mail->label, mail->in_state, row->state);
    mail->in_state = row->state;
    return true;
}

static const char *
out_state_name(int state)
{
    return lcp_ipc_sent_state_name(state);
}

static bool
check_out_row(struct sim_node *node, struct sim_mail *mail, const struct lcp_row *row)
{
    struct sim *sim = node->sim;

    if (mail->out_number != row->number) {
        if (mail->is_ours)
            sim_break(sim, "%c has m%d twice in its outbox", sim_letter(node->index),
                      mail->label);
        mail->is_ours = true;
        mail->out_number = row->number;
        mail->out_state = LCP_SENT_QUEUED;
    }
    if (row->state < mail->out_state)
        sim_break(sim, "%c moved m%d back from %s to %s", sim_letter(node->index),
                  mail->label, out_state_name(mail->out_state),
                  out_state_name(row->state));
    if (row->state == mail->out_state)
        return true;
    mail->out_state = row->state;
    sim_say(sim, node->index, "settled", "m%d %s", mail->label,
            out_state_name(row->state));
    if (row->state == LCP_SENT_ACKED && mail->stored == 0)
        sim_break(sim, "%c counts m%d as acknowledged, its receiver does not have it",
                  sim_letter(node->index), mail->label);
    if (row->state != LCP_SENT_ACKED && !mail->may_end)
        sim_break(sim, "%c gave m%d up (%s)", sim_letter(node->index), mail->label,
                  out_state_name(row->state));
    return true;
}

static bool
check_row(void *ctx, const struct lcp_row *row)
{
    struct sim_node *node = ctx;
    int other = row->peer[0] != '\0' ? sim_index(row->peer[0]) : -1;
    struct sim_mail *mail;

    node->watched = row->changed;
    if (row->dir == LCP_IN) {
        mail = sim_mail(node->sim, row->id, other, node->index);
        return check_in_row(node, mail, row);
    }
    mail = sim_mail(node->sim, row->id, node->index, other);
    if (mail->from < 0)
        mail->from = node->index;
    return check_out_row(node, mail, row);
}

static void
check_pins(struct sim_node *node)
{
    struct sim *sim = node->sim;

    for (int i = 0; i < SIM_ENDPOINTS; i++) {
        char name[2] = {sim_letter(i), '\0'}, how[32];
        struct lcp_key key;
        int64_t when;

        if (node->watch->ops->pin_get(node->watch, name, &key, how, &when) != LCP_OK)
            continue;
        if (lcp_key_is_set(&node->pins[i]) && !lcp_key_eq(&node->pins[i], &key) &&
            !node->may_repin)
            sim_break(sim, "%c changed the key pinned for %s", sim_letter(node->index),
                      name);
        if (!lcp_key_is_set(&node->pins[i]))
            sim_note(sim, node->index, "pinned", "%s (%s)", name, how);
        node->pins[i] = key;
    }
}

uint32_t
sim_last_seq(const struct sim *sim, char node)
{
    return sim->nodes[sim_index(node)].last_seq;
}

bool
sim_has_pinned(const struct sim *sim, char node, char peer)
{
    return lcp_key_is_set(&sim->nodes[sim_index(node)].pins[sim_index(peer)]);
}

void
sim_watch_commit(struct sim_node *node)
{
    if (node->watch->ops->each_changed(node->watch, node->watched, UINT32_MAX,
                                       check_row, node) != LCP_OK)
        sim_break(node->sim, "%c's record cannot be read", sim_letter(node->index));
    check_pins(node);
}

/* What a client is told. */

static bool
member_text(const struct lcp_json *doc, const char *name, char *out, size_t cap)
{
    uint32_t at = lcp_json_member(doc, 0, name);

    return at != 0 && lcp_json_is(doc, at, LCP_JSON_STRING) &&
           lcp_json_string(doc, at, out, cap, NULL) == LCP_OK;
}

void
sim_watch_reply(struct sim *sim, const struct sim_request *request)
{
    struct lcp_json_node rows[64];
    struct lcp_json doc = {.nodes = rows, .cap = 64};
    char id[LCP_ID_MAX + 1], state[32];
    struct sim_mail *mail;

    if (lcp_json_parse(lcp_span(request->reply, strcspn(request->reply, "\n")), &doc) !=
        LCP_JSON_FAULT_NONE) {
        sim_break(sim, "an answer is no JSON: %.80s", request->reply);
        return;
    }
    if (!lcp_json_is(&doc, lcp_json_member(&doc, 0, "accepted"), LCP_JSON_TRUE) ||
        !member_text(&doc, "id", id, sizeof(id)) ||
        !member_text(&doc, "state", state, sizeof(state)))
        return;
    mail = sim_find_mail(sim, id);
    if (mail == NULL || !mail->is_ours) {
        sim_break(sim, "%c accepted %s, which is not on its disk",
                  sim_letter(request->node), id);
        return;
    }
    mail->is_accepted = true;
    if (strcmp(state, "acked") == 0 && mail->stored == 0)
        sim_break(sim, "%c says that m%d arrived, which it did not",
                  sim_letter(request->node), mail->label);
}

/* What remains. */

static bool
is_undelivered(const struct sim_mail *mail)
{
    bool has_ended = mail->may_end && mail->out_state > LCP_SENT_QUEUED;

    return mail->is_accepted && !has_ended && mail->out_state != LCP_SENT_ACKED;
}

size_t
sim_undelivered(const struct sim *sim)
{
    size_t count = 0;

    for (size_t i = 0; i < sim->mail_count; i++)
        count += is_undelivered(&sim->mails[i]);
    return count;
}

size_t
sim_stored(const struct sim *sim)
{
    return sim->stored;
}

struct tally {
    struct sim *sim;
    uint64_t rows;
};

static bool
count_row(void *ctx, const struct lcp_row *row)
{
    struct tally *tally = ctx;
    const struct sim_mail *mail = sim_find_mail(tally->sim, row->id);

    if (mail == NULL || mail->out_number != row->number ||
        mail->out_state != row->state)
        sim_break(tally->sim,
                  "the record holds a message #%d that nobody saw committed",
                  (int)row->number);
    tally->rows++;
    return true;
}

/* Reads the outboxes once more from the beginning: what was accepted is there, and
 * nothing else. */
static void
check_outbox(struct sim *sim, int index)
{
    struct sim_node *node = &sim->nodes[index];
    struct lcp_query query = {
        .dir = LCP_OUT, .state_max = INT32_MAX, .without_raw = true};
    struct tally tally = {.sim = sim};
    uint64_t want = 0;

    for (size_t i = 0; i < sim->mail_count; i++)
        want += sim->mails[i].is_ours && sim->mails[i].from == index;
    if (node->watch->ops->each(node->watch, &query, count_row, &tally) != LCP_OK ||
        tally.rows != want)
        sim_break(sim, "%c's outbox holds %d messages, not %d", sim_letter(index),
                  (int)tally.rows, (int)want);
}

void
sim_expect_all_delivered(struct sim *sim)
{
    for (size_t i = 0; i < sim->mail_count; i++) {
        const struct sim_mail *mail = &sim->mails[i];

        if (is_undelivered(mail))
            sim_break(sim, "m%d from %c to %c was accepted and is %s%s", mail->label,
                      sim_letter(mail->from), sim_letter(mail->to),
                      out_state_name(mail->out_state),
                      mail->stored > 0 ? ", though stored" : "");
    }
    for (int i = 0; i < sim->options.nodes; i++)
        check_outbox(sim, i);
}
