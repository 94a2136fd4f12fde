/* SPDX-License-Identifier: MIT
 *
 * The promises of docs/protocol.md about the wire, watched on every datagram that
 * leaves and every one that arrives.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

enum {
    GAP_MIN_MS = 190, /* between two transmissions of a message by one process: the
                         least RTO is 200 */
    TYPE_AT = 8,
};

bool
sim_read_id(const uint8_t *payload, size_t len, char id[static LCP_ID_MAX + 1])
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

/* How long the transmission of this ordinal keeps its place in the window at the least:
 * RTOs are between 200 ms and 3 s, doubling. */
static uint64_t
wait_ms(uint32_t ordinal)
{
    static const uint64_t waits[] = {200, 400, 800, 1600, 3000};

    return ordinal >= 1 && ordinal <= 5 ? waits[ordinal - 1] : waits[0];
}

/* Counts mail that is under way from one node to another; what is done with leaves
 * the list. */
static void
check_window(struct sim *sim, int from, int to, int mail)
{
    struct sim_node *node = &sim->nodes[from];
    int *active = node->active[to];
    size_t kept = 0, window;
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
    window = sim_is_legacy(sim, sim_letter(to)) ? SIM_WINDOW_MAX : SIM_WINDOW_1_2_MAX;
    if (kept > window)
        sim_break(sim, "%c has %zu messages under way to %c, the window is %zu",
                  sim_letter(from), kept, sim_letter(to), window);
}

/* What a Python node acknowledged stops; what was not keeps its distances. */
static void
check_schedule(struct sim *sim, const struct sim_node *node,
               const struct sim_mail *mail)
{
    uint64_t gap_ms = sim->now_ms - mail->last_ms;

    if (mail->acked_life == node->life && sim_is_legacy(sim, sim_letter(mail->to)))
        sim_break(sim, "%c sends m%d after hearing its ACK", sim_letter(node->index),
                  mail->label);
    /* Once it may be hurried: its peer has just come back. */
    if (mail->transmissions > 1 && gap_ms < GAP_MIN_MS && mail->gap_ms < GAP_MIN_MS)
        sim_break(sim, "%c sends m%d three times within %d ms", sim_letter(node->index),
                  mail->label, (int)(gap_ms + mail->gap_ms));
}

static void
data_leaves(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len,
            bool is_lost)
{
    struct sim_node *node = &sim->nodes[from];
    char id[LCP_ID_MAX + 1];
    struct sim_mail *mail;
    struct sim_seq *seq;

    if (!sim_read_id(bytes + LCP_HEADER_BYTES, len - LCP_HEADER_BYTES, id)) {
        sim_break(sim, "%c sends DATA that does not begin with an id",
                  sim_letter(from));
        return;
    }
    mail = sim_mail(sim, id, from, to);
    if (node->is_legacy) {
        seq = sim_seqs_put(&sim->sent, seq_key(from, to, read_seq(bytes)));
        seq->mail = mail->label - 1;
        seq->life = node->life;
        sim_note(sim, from, "send", "m%d as 1.1, number %u%s", mail->label,
                 read_seq(bytes), is_lost ? " (lost)" : "");
        return;
    }
    if (mail->from != from || mail->to != to)
        sim_break(sim, "%c sends m%d, which is not its own", sim_letter(from),
                  mail->label);
    if (mail->life != node->life) {
        mail->life = node->life;
        mail->transmissions = 0;
        mail->last_ms = 0;
    }
    check_schedule(sim, node, mail);
    mail->gap_ms = sim->now_ms - mail->last_ms;
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

/* An ACK says: it is on my disk. That of a Python node says nothing. */
static void
ack_leaves(struct sim *sim, int from, int to, const uint8_t *bytes, bool is_lost)
{
    struct sim_seq *seq = sim_seqs_find(&sim->delivered,
                                        seq_key(from, to, read_seq(bytes)));
    const struct sim_mail *mail;

    if (sim->nodes[from].is_legacy)
        return;
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
    for (int i = 0;
         (mail->stored == 0 || mail->to != from) && i < 3 && seq->others[i] >= 0; i++)
        mail = &sim->mails[seq->others[i]];
    if (seq->was_stored)
        sim_say(sim, from, "repeat", "m%d", mail->label);
    sim_say(sim, from, "ack", "m%d%s", mail->label, is_lost ? " (lost)" : "");
    if (mail->stored == 0 || mail->to != from)
        sim_break(sim, "%c acknowledges m%d, which is not on its disk",
                  sim_letter(from), mail->label);
}

bool
sim_word_holds(int in_state, enum lcp_word word)
{
    switch (word) {
    case LCP_WORD_HELD:
        return true;
    case LCP_WORD_STORED:
        return in_state >= LCP_IN_STORED;
    case LCP_WORD_READ:
        return in_state >= LCP_IN_HANDED;
    case LCP_WORD_DONE:
        return in_state == LCP_IN_ARCHIVED;
    case LCP_WORD_REFUSED:
        return in_state == LCP_IN_REFUSED;
    case LCP_WORD_LATER:
    case LCP_WORD_COUNT:
        break;
    }
    return false;
}

/* Every word of a receipt is true at the moment it leaves. */
static void
check_word(struct sim *sim, int from, int to, const struct lcp_receipt *receipt,
           const struct lcp_receipt_entry *entry, bool is_lost)
{
    const struct sim_mail *mail = sim_find_mail(sim, entry->id);
    bool is_conflict = strcmp(receipt->reason, "conflict") == 0;
    const char *word = lcp_word_name(receipt->word);

    if (mail == NULL) {
        sim_break(sim, "%c signs %s for %s, which nobody sent", sim_letter(from), word,
                  entry->id);
        return;
    }
    if (is_conflict || strcmp(receipt->reason, "not-for-me") == 0) {
        sim_say(sim, from, "receipt", "m%d refused: %s", mail->label, receipt->reason);
        if (is_conflict && !mail->has_conflict)
            sim_break(sim, "%c signs a conflict about m%d, of which there is one only",
                      sim_letter(from), mail->label);
        return;
    }
    sim_say(sim, from, "receipt", "m%d %s%s%s", mail->label, word,
            entry->has_seq ? "" : " (news)", is_lost ? " (lost)" : "");
    if (receipt->word == LCP_WORD_LATER)
        return;
    if (mail->to != from || (mail->from >= 0 && mail->from != to))
        sim_break(sim, "%c signs %s for m%d to %c: it is none of theirs",
                  sim_letter(from), word, mail->label, sim_letter(to));
    if (mail->stored == 0 || !sim_word_holds(mail->in_state, receipt->word))
        sim_break(sim, "%c signs %s for m%d, which its record does not say",
                  sim_letter(from), word, mail->label);
    if (mail->has_digest &&
        memcmp(mail->digest, entry->digest, sizeof(mail->digest)) != 0)
        sim_break(sim, "%c signs %s for other content than that of m%d",
                  sim_letter(from), word, mail->label);
}

static void
receipt_leaves(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len,
               bool is_lost)
{
    struct lcp_receipt receipt;
    struct sim_seq *seq;

    if (sim->scratch == NULL)
        sim->scratch = malloc(sizeof(*sim->scratch));
    assert(sim->scratch != NULL);
    if (sim_is_legacy(sim, sim_letter(to)))
        sim_break(sim, "%c sends a receipt to %c, which speaks 1.1", sim_letter(from),
                  sim_letter(to));
    if (len > LCP_SIGNED_PACKET_MAX ||
        lcp_receipt_parse(lcp_span(bytes + LCP_HEADER_BYTES, len - LCP_HEADER_BYTES),
                          sim->scratch, &receipt) != LCP_MSG_OK) {
        sim_break(sim, "%c sends a receipt that is none", sim_letter(from));
        return;
    }
    for (uint32_t i = 0; i < receipt.count; i++)
        check_word(sim, from, to, &receipt, &receipt.entries[i], is_lost);
    seq = sim_seqs_put(&sim->sent, seq_key(from, to, read_seq(bytes)));
    seq->life = sim->nodes[from].life;
    sim_note(sim, from, "signed", "to %c%s", sim_letter(to), is_lost ? " (lost)" : "");
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
    switch (bytes[TYPE_AT]) {
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
        if (len > LCP_SIGNED_PACKET_MAX)
            sim_break(sim, "%c sends a HELLO of %zu bytes", sim_letter(from), len);
        break;
    case LCP_PACKET_RECEIPT:
        receipt_leaves(sim, from, to, bytes, len, is_lost);
        break;
    default:
        sim_break(sim, "%c sends a packet of type %d", sim_letter(from),
                  bytes[TYPE_AT]);
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
    if (bytes[TYPE_AT] == LCP_PACKET_ACK) {
        if (!event->is_foreign && !event->is_corrupt)
            ack_arrives(sim, from, to, bytes);
        return;
    }
    if (bytes[TYPE_AT] == LCP_PACKET_DATA) {
        if (!sim_read_id(bytes + LCP_HEADER_BYTES, event->len - LCP_HEADER_BYTES, id))
            return;
        /* Damaged mail must not be acknowledged, unless it is a known message whose
         * signature alone is damaged: that needs no verification. */
        mail = event->is_corrupt || event->is_foreign ? sim_find_mail(sim, id)
                                                      : sim_mail(sim, id, -1, to);
        if (mail == NULL || (event->is_corrupt && mail->stored == 0))
            return;
    }
    seq = sim_seqs_find(&sim->delivered, seq_key(to, from, read_seq(bytes)));
    if (seq == NULL || mail == NULL || seq->mail != mail->label - 1)
        seq = sim_seqs_put(&sim->delivered, seq_key(to, from, read_seq(bytes)));
    seq->life = sim->nodes[to].life;
    if (mail != NULL) {
        seq->mail = mail->label - 1;
        seq->was_stored = mail->stored > 0;
    }
}
