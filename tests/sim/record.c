/* SPDX-License-Identifier: MIT
 *
 * The promises of docs/protocol.md about what is kept and what clients are told,
 * watched on every commit and every answer. The greatest of them: what a sender's
 * record says of a message is true in the receiver's.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

#include "ipc/ipc.h"

enum { HELD_LIFE_MS = 7 * 24 * 3600 * 1000 }; /* docs/protocol.md, "States" */

/* What is committed. */

/* The first sight of a message in the inbox's record. */
static void
check_arrival(struct sim_node *node, struct sim_mail *mail, const struct lcp_row *row)
{
    struct sim *sim = node->sim;
    struct lcp_key pin;
    char how[32];
    int64_t when;

    mail->stored++;
    sim->stored++;
    sim_say(sim, node->index,
            row->state == LCP_IN_CONSUMED  ? "consumed"
            : row->state == LCP_IN_REFUSED ? "refused"
            : row->state == LCP_IN_HELD    ? "held"
                                           : "stored",
            "m%d", mail->label);
    if (mail->stored > 1)
        sim_break(sim, "%c stored m%d twice", sim_letter(node->index), mail->label);
    if (mail->to != node->index)
        sim_break(sim, "%c stored m%d, which is not for it", sim_letter(node->index),
                  mail->label);
    if (node->watch->ops->pin_get(node->watch, row->peer, &pin, how, &when) != LCP_OK ||
        !lcp_key_eq(&pin, &row->key))
        sim_break(sim, "%c stored m%d under a key that is not the one pinned for %s",
                  sim_letter(node->index), mail->label, row->peer);
    mail->in_number = row->number;
    mail->in_state = row->state;
    mail->came_ms = sim->now_ms;
    mail->has_digest = true;
    memcpy(mail->digest, row->digest, sizeof(mail->digest));
}

static bool
check_in_row(struct sim_node *node, struct sim_mail *mail, const struct lcp_row *row)
{
    struct sim *sim = node->sim;
    char me = sim_letter(node->index);

    /* Somebody showed it what is another's: it noted that it does not take it. */
    if (row->state == LCP_IN_REFUSED && mail->to != node->index)
        return true;
    if (mail->in_number != row->number) {
        check_arrival(node, mail, row);
        return true;
    }
    if (row->state < mail->in_state)
        sim_break(sim, "%c moved received m%d back from state %d to %d", me,
                  mail->label, mail->in_state, row->state);
    if (row->state != mail->in_state && lcp_in_state_is_final(mail->in_state) &&
        row->state != LCP_IN_PURGED)
        sim_break(sim, "%c gave m%d a second end", me, mail->label);
    if (row->state == LCP_IN_HANDED && !mail->is_shown)
        sim_break(sim, "%c counts m%d as read before anybody saw it", me, mail->label);
    /* What nobody releases in seven days of its node's life is refused. */
    if (row->state == LCP_IN_REFUSED && mail->in_state == LCP_IN_HELD &&
        sim->now_ms - mail->came_ms >= HELD_LIFE_MS)
        mail->may_be_refused = true;
    mail->in_state = row->state;
    return true;
}

static const char *
out_state_name(int state)
{
    return lcp_ipc_sent_state_name(state, false);
}

/* What the sender may say, given what the receiver's record holds. */
static bool
is_true(const struct sim *sim, const struct sim_mail *mail, int out_state)
{
    bool is_legacy = mail->to >= 0 && sim_is_legacy(sim, sim_letter(mail->to));

    switch (out_state) {
    case LCP_SENT_ACKED: /* a Python node's ACK promises nothing */
        return is_legacy || mail->stored > 0;
    case LCP_SENT_HELD:
        return !is_legacy && mail->stored > 0;
    case LCP_SENT_STORED:
        return !is_legacy && mail->stored > 0 &&
               sim_word_holds(mail->in_state, LCP_WORD_STORED);
    case LCP_SENT_READ:
        return !is_legacy && sim_word_holds(mail->in_state, LCP_WORD_READ);
    case LCP_SENT_DONE:
        return !is_legacy && sim_word_holds(mail->in_state, LCP_WORD_DONE);
    case LCP_SENT_REFUSED:
        return !is_legacy && mail->may_be_refused &&
               sim_word_holds(mail->in_state, LCP_WORD_REFUSED);
    default:
        return mail->may_end; /* expired, cancelled */
    }
}

/* A peer that proved to speak 1.2 has to sign. */
static void
check_downgrade(struct sim_node *node, const struct sim_mail *mail)
{
    struct lcp_store_peer peer = {0};
    char name[2] = {sim_letter(mail->to), '\0'};

    if (node->watch->ops->peer_get(node->watch, name, &peer) == LCP_OK &&
        peer.version >= LCP_VERSION_1_2)
        sim_break(node->sim, "%c takes a bare ACK of %c's, which speaks 1.2, for m%d",
                  sim_letter(node->index), sim_letter(mail->to), mail->label);
}

static bool
check_out_row(struct sim_node *node, struct sim_mail *mail, const struct lcp_row *row)
{
    struct sim *sim = node->sim;
    char me = sim_letter(node->index);

    if (mail->out_number != row->number) {
        if (mail->is_ours)
            sim_break(sim, "%c has m%d twice in its outbox", me, mail->label);
        mail->is_ours = true;
        mail->out_number = row->number;
        mail->out_state = LCP_SENT_QUEUED;
    }
    if (row->state < mail->out_state)
        sim_break(sim, "%c moved m%d back from %s to %s", me, mail->label,
                  out_state_name(mail->out_state), out_state_name(row->state));
    if (row->state == mail->out_state)
        return true;
    if (lcp_out_state_is_final(mail->out_state))
        sim_break(sim, "%c gave m%d a second end", me, mail->label);
    mail->out_state = row->state;
    sim_say(sim, node->index, "settled", "m%d %s", mail->label,
            out_state_name(row->state));
    if (!is_true(sim, mail, row->state))
        sim_break(sim, "%c counts m%d as %s, which is not so", me, mail->label,
                  out_state_name(row->state));
    if (row->state == LCP_SENT_ACKED)
        check_downgrade(node, mail);
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
    int value = 0;

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
    if (lcp_ipc_sent_state_parse(state, &value) != LCP_OK ||
        (value > LCP_SENT_EXPIRED && !is_true(sim, mail, value)))
        sim_break(sim, "%c says of m%d that it is %s, which is not so",
                  sim_letter(request->node), mail->label, state);
}

/* What remains. */

/* Does its sender know that its receiver has it? */
static bool
is_undelivered(const struct sim_mail *mail)
{
    bool has_ended = mail->may_end && mail->out_state > LCP_SENT_QUEUED;

    return mail->is_accepted && !has_ended && mail->out_state < LCP_SENT_ACKED;
}

/* Does its sender know what became of it? */
static bool
is_untold(const struct sim *sim, const struct sim_mail *mail)
{
    enum lcp_word word = LCP_WORD_STORED;
    static const int states[] = {[LCP_WORD_STORED] = LCP_SENT_STORED,
                                 [LCP_WORD_READ] = LCP_SENT_READ,
                                 [LCP_WORD_DONE] = LCP_SENT_DONE,
                                 [LCP_WORD_REFUSED] = LCP_SENT_REFUSED};

    if (!mail->is_ours || mail->stored == 0 || sim_is_legacy(sim, sim_letter(mail->to)))
        return false;
    for (int w = LCP_WORD_STORED; w <= LCP_WORD_REFUSED; w++)
        if (sim_word_holds(mail->in_state, (enum lcp_word)w))
            word = (enum lcp_word)w;
    return mail->out_state != states[word];
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
    int index; /* of the node */
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
    struct tally tally = {.sim = sim, .index = index};
    uint64_t want = 0;

    for (size_t i = 0; i < sim->mail_count; i++)
        want += sim->mails[i].is_ours && sim->mails[i].from == index;
    if (node->watch->ops->each(node->watch, &query, count_row, &tally) != LCP_OK ||
        tally.rows != want)
        sim_break(sim, "%c's outbox holds %d messages, not %d", sim_letter(index),
                  (int)tally.rows, (int)want);
}

static bool
count_in_row(void *ctx, const struct lcp_row *row)
{
    struct tally *tally = ctx;
    const struct sim_mail *mail = sim_find_mail(tally->sim, row->id);

    tally->rows += mail != NULL && mail->in_number == row->number &&
                   mail->to == tally->index && sim_index(row->peer[0]) == mail->from;
    return true;
}

/* What was once committed is there, after all that happened to the disk. */
static void
check_inbox(struct sim *sim, int index)
{
    struct sim_node *node = &sim->nodes[index];
    struct lcp_query query = {.dir = LCP_IN,
                              .state_min = INT32_MIN,
                              .state_max = INT32_MAX,
                              .without_raw = true};
    struct tally tally = {.sim = sim, .index = index};
    uint64_t want = 0;

    for (size_t i = 0; i < sim->mail_count; i++)
        want += sim->mails[i].to == index && sim->mails[i].stored > 0 &&
                sim->mails[i].from >= 0;
    if (node->watch->ops->each(node->watch, &query, count_in_row, &tally) != LCP_OK ||
        tally.rows != want)
        sim_break(sim, "%c's inbox holds %d messages, not %d", sim_letter(index),
                  (int)tally.rows, (int)want);
}

void
sim_expect_all_delivered(struct sim *sim, bool told)
{
    for (size_t i = 0; i < sim->mail_count; i++) {
        const struct sim_mail *mail = &sim->mails[i];

        if (is_undelivered(mail))
            sim_break(sim, "m%d from %c to %c was accepted and is %s%s", mail->label,
                      sim_letter(mail->from), sim_letter(mail->to),
                      out_state_name(mail->out_state),
                      mail->stored > 0 ? ", though stored" : "");
        else if (told && is_untold(sim, mail))
            sim_break(sim, "m%d from %c to %c is %s at its sender, %d at its receiver",
                      mail->label, sim_letter(mail->from), sim_letter(mail->to),
                      out_state_name(mail->out_state), mail->in_state);
    }
    for (int i = 0; i < sim->options.nodes; i++)
        if (!sim->nodes[i].is_legacy) {
            check_outbox(sim, i);
            check_inbox(sim, i);
        }
}

int
sim_out_state(struct sim *sim, const char *id)
{
    const struct sim_mail *mail = sim_find_mail(sim, id);

    return mail != NULL && mail->is_ours ? mail->out_state : -100;
}

int
sim_in_state(struct sim *sim, const char *id)
{
    const struct sim_mail *mail = sim_find_mail(sim, id);

    return mail != NULL && mail->stored > 0 ? mail->in_state : -100;
}
