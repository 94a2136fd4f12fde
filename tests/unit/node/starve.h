/* SPDX-License-Identifier: MIT
 *
 * A rig whose memory ends: the linker sends every allocation of the program here, and
 * the k-th one from a chosen moment on fails, alone or with all that follow. What the
 * rig says meanwhile is held against the record at the moment it is said.
 */
#ifndef LCP_TESTS_NODE_STARVE_H
#define LCP_TESTS_NODE_STARVE_H

#include "rig.h"

#include "node/state.h"
#include "rows.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

enum { TO_ACK_MAX = 64, LABEL_MAX = 96 };

static struct {
    bool is_on;
    unsigned long calls, from, through; /* which calls fail; from 0: none */
    long live;                          /* allocations that nobody freed */
} memory;

/* What the rig said, and what bob still has to acknowledge. */
static struct {
    struct rig *r;
    struct lcp_key key; /* bob's mail is signed with it */
    char label[LABEL_MAX];
    bool speaks_receipts; /* bob answers mail with a receipt */
    bool is_bob_silent;
    uint8_t to_ack[TO_ACK_MAX][LCP_HEADER_BYTES];
    size_t to_ack_count;
    struct lcp_receipt_entry entry; /* the newest mail of ours */
    bool has_mail;
    size_t stored; /* acknowledgements of mail: each was in the record */
    size_t asked;
    uint64_t tag;
} said;

static bool
has_memory(void)
{
    if (!memory.is_on)
        return true;
    memory.calls++;
    return memory.from == 0 || memory.calls < memory.from ||
           memory.calls > memory.through;
}

static void *
note_live(void *given)
{
    memory.live += given != NULL;
    return given;
}

void *
__wrap_malloc(size_t size)
{
    return has_memory() ? note_live(__real_malloc(size)) : NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return has_memory() ? note_live(__real_calloc(count, size)) : NULL;
}

void *
__wrap_realloc(void *old, size_t size)
{
    void *given;

    if (!has_memory())
        return NULL;
    given = __real_realloc(old, size);
    memory.live += old == NULL && given != NULL;
    return given;
}

void
__wrap_free(void *old)
{
    memory.live -= old != NULL;
    __real_free(old);
}

/* ---- what is said is so ---- */

static bool
is_in_record(enum lcp_direction dir, const char *id)
{
    const struct lcp_store_ops *store = said.r->reader->ops;
    bool was_on = memory.is_on;
    struct lcp_row row = {0};
    enum lcp_err err;

    memory.is_on = false;
    err = dir == LCP_IN ? store->find_in(said.r->reader, &said.key, id, &row)
                        : store->find_out(said.r->reader, id, &row);
    memory.is_on = was_on;
    return err == LCP_OK;
}

static void
note_receipt(struct lcp_span payload)
{
    struct lcp_receipt receipt;

    REQUIRE(lcp_receipt_parse(payload, &scratch, &receipt) == LCP_MSG_OK);
    if (receipt.word == LCP_WORD_LATER)
        return;
    for (uint32_t i = 0; i < receipt.count; i++) {
        CHECK_ROW(said.label, is_in_record(LCP_IN, receipt.entries[i].id));
        said.stored++;
    }
}

static void
note_mail(struct lcp_span payload, const uint8_t *header)
{
    struct lcp_receipt_entry entry = {.has_seq = true};
    struct lcp_msg msg;

    REQUIRE(lcp_msg_parse(payload, &scratch, &msg) == LCP_MSG_OK);
    strcpy(entry.id, msg.id);
    for (int i = 4; i < 8; i++)
        entry.seq = entry.seq << 8 | header[i];
    mail_digest(payload, entry.digest);
    if (!lcp_msg_is(&msg, msg.type, "ping") && !lcp_msg_is(&msg, msg.type, "pong")) {
        CHECK_ROW(said.label, is_in_record(LCP_OUT, entry.id));
        said.entry = entry;
        said.has_mail = true;
    }
}

/* Bob's mail carries sequence number 7 and the id ID_A, unless it is a receipt's. */
static void
watch_send(struct lcp_world *w, const struct lcp_endpoint *to, struct lcp_span header,
           struct lcp_span payload)
{
    uint8_t type = header.data[8];

    send_datagram(w, to, header, payload);
    if (type == LCP_PACKET_ACK && header.data[7] == 7) {
        CHECK_ROW(said.label, is_in_record(LCP_IN, ID_A));
        said.stored++;
    }
    if (type == LCP_PACKET_RECEIPT)
        note_receipt(payload);
    if (type == LCP_PACKET_DATA)
        note_mail(payload, header.data);
    if (type != LCP_PACKET_ACK && said.to_ack_count < TO_ACK_MAX)
        memcpy(said.to_ack[said.to_ack_count++], header.data, LCP_HEADER_BYTES);
}

static void
watch_reply(struct lcp_world *w, uint64_t client, struct lcp_span bytes, bool end,
            uint64_t tag)
{
    char id[LCP_UUID_CHARS + 1] = "";
    const char *at;

    reply(w, client, bytes, end, tag);
    said.tag = tag;
    if (strstr(said.r->f.reply, "\"accepted\":true") == NULL)
        return;
    at = strstr(said.r->f.reply, "\"id\":\"");
    REQUIRE(at != NULL);
    snprintf(id, sizeof(id), "%s", at + 6);
    CHECK_ROW(said.label, is_in_record(LCP_OUT, id));
}

/* ---- bob ---- */

static void
bob_answers(struct rig *r)
{
    char raw[LCP_SIGNED_PAYLOAD_MAX];

    if (said.is_bob_silent)
        said.to_ack_count = 0;
    while (said.to_ack_count > 0) {
        uint8_t ack[LCP_HEADER_BYTES];
        bool is_mail;

        memcpy(ack, said.to_ack[0], sizeof(ack));
        said.to_ack_count--;
        memmove(said.to_ack[0], said.to_ack[1], said.to_ack_count * sizeof(ack));
        is_mail = ack[8] == LCP_PACKET_DATA && said.has_mail;
        ack[8] = LCP_PACKET_ACK;
        if (!is_mail || !said.speaks_receipts)
            lcp_pump_datagram(r->pump, &r->from_bob, lcp_span(ack, sizeof(ack)));
        else
            packet_from_bob(r, LCP_PACKET_RECEIPT, 99, raw,
                            build_receipt(&r->bob, "bob", "alice", LCP_WORD_STORED,
                                          &said.entry, 1, raw));
        run_tasks(r);
    }
}

static void
let_pass(struct rig *r, uint64_t ms)
{
    for (uint64_t end_ms = r->f.now_ms + ms; r->f.now_ms < end_ms;) {
        r->f.now_ms += 250;
        lcp_pump_tick(r->pump);
        run_tasks(r);
        bob_answers(r);
    }
}

/* A request of ours, which is answered once, now or later. */
static void
request(struct rig *r, const char *text)
{
    said.asked++;
    ask(r, text, true);
    run_tasks(r);
    bob_answers(r);
}

static const struct lcp_world_ops watch_ops = {
    .mono_ms = mono_ms,
    .wall_ms = wall_ms,
    .random = random_bytes,
    .send = watch_send,
    .work = work,
    .reply = watch_reply,
    .who = who,
    .log = log_line,
    .lost = lost,
};

static struct rig *
new_watched(void)
{
    struct rig *r = new_rig(true);

    r->f.world.ops = &watch_ops;
    memset(&said, 0, sizeof(said));
    said.r = r;
    said.key = r->bob.key;
    return r;
}

#endif
