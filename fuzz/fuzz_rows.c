/* SPDX-License-Identifier: MIT
 *
 * A record that somebody damaged or filled with anything: every answer made of it is
 * one line of JSON or an error, and what a person is shown of it is harmless. The bytes
 * are lines, those of one row after the other (an RS stands for a line end): direction,
 * state, time and peer; id; type; reason; detail; payload; evidence; damage.
 */
#include "cli/mail.h"
#include "cli/proof.h"
#include "fuzz.h"
#include "node/read.h"
#include "store/memory.h"

enum {
    ROWS_MAX = 8,
    LINE_MAX = 16384,
    NODES_MAX = 1 << 16,
    RS = 0x1e,
    LINES = 8, /* of a row */
};

static struct lcp_json_node nodes[LCP_JSON_NODES_MAX], reply_nodes[NODES_MAX];
static char lines[LINES][LINE_MAX];
static size_t lens[LINES];

static void
take_line(struct fuzz_input *in, int row)
{
    size_t len = 0;

    while (in->left > 0) {
        uint8_t c = take_byte(in);

        if (c == '\n')
            break;
        if (len < LINE_MAX - 1)
            lines[row][len++] = (char)(c == RS ? '\n' : c);
    }
    lines[row][len] = '\0';
    lens[row] = len;
}

/* Other bytes in the texts of a row, as no store would have let them in. */
static void
damage(struct lcp_memory_disk *disk, uint64_t number)
{
    struct lcp_slot *slot = &disk->slots[number - 1];
    char *at = slot->text;

    for (size_t i = 0; i < lens[7]; i++, at++) {
        if (at == slot->file) /* the name is the store's own making */
            break;
        if (*at != '\0' && lines[7][i] != '.')
            *at = lines[7][i];
    }
}

static void
add_row(struct lcp_memory_disk *disk, struct lcp_store *store, struct fuzz_input *in)
{
    static const int states[] = {LCP_SENT_QUEUED, LCP_SENT_EXPIRED, LCP_SENT_ACKED,
                                 LCP_SENT_STORED, LCP_SENT_DONE,    LCP_SENT_REFUSED,
                                 LCP_IN_HELD,     LCP_IN_STORED,    LCP_IN_HANDED,
                                 LCP_IN_CONSUMED, LCP_IN_PURGED,    12345};
    uint8_t flags = take_byte(in), state = take_byte(in), time = take_byte(in);
    struct lcp_row row = {
        .dir = flags % 2 == 0 ? LCP_IN : LCP_OUT,
        .state = states[state % (sizeof(states) / sizeof(states[0]))],
        .was_transmitted = flags / 2 % 2,
        .wants_receipts = flags / 4 % 2,
        .owes = flags / 8 % 2,
        .wall_ms = (int64_t)((uint64_t)time << (time % 57)),
        .expires_life_ms = time,
        .state_wall_ms = time == 255 ? INT64_MIN : time,
    };
    struct lcp_audit audit;
    uint64_t number = 0;

    for (int i = 0; i < LINES; i++)
        take_line(in, i);
    row.peer = lines[0];
    row.id = lines[1];
    row.type = lines[2];
    row.reply_to = row.reason = lines[3];
    row.detail = lines[4];
    row.raw = lcp_span(lines[5], lens[5]);
    row.evidence = lcp_span(lines[6], lens[6]);
    audit = (struct lcp_audit){.who = lines[0], .what = lines[3], .detail = lines[4]};
    if (store->ops->add(store, &row, &number) == LCP_OK)
        damage(disk, number);
    (void)store->ops->audit_add(store, &audit);
}

/* What a person sees of it. */
static void
show(struct lcp_span messages)
{
    struct lcp_cli cli = {.home_flag = ""};
    struct lcp_span raw;
    size_t at = 0;

    while (lcp_reply_next(messages, &at, &raw)) {
        struct lcp_mail mail;
        bool whole;
        char *text;

        must(lcp_mail_parse(raw, &mail) == LCP_OK);
        text = lcp_mail_text(&cli, &mail, raw.len % 2 == 0, &whole);
        must(text != NULL && is_shown_safely(lcp_span_str(text), true));
        free(text);
        lcp_mail_free(&mail);
    }
}

static bool
is_json(struct lcp_span text)
{
    struct lcp_json doc = {.nodes = reply_nodes, .cap = NODES_MAX};
    enum lcp_json_fault fault = lcp_json_parse_deep(text, LCP_JSON_DEPTH_LIMIT, &doc);

    return fault == LCP_JSON_FAULT_NONE || fault == LCP_JSON_FAULT_NODES;
}

/* Of a proof both texts are put out as they lie there: whoever verifies sees the
 * damage. */
static void
check_answer(const struct lcp_read *read)
{
    struct lcp_span text = lcp_span(read->out, read->out_len), messages;
    struct lcp_proof proof;
    enum lcp_proof_fault fault;

    for (size_t i = 0; i < text.len; i++)
        must(text.data[i] != '\n' && text.data[i] != '\r');
    if (read->verb == LCP_VERB_SENT && read->proof) {
        must(lcp_proof_read(text, &proof, &fault) == LCP_OK);
        must(is_json(text) || fault != LCP_PROOF_VALID);
        return;
    }
    must(is_json(text) && lcp_utf8_valid(text));
    if (lcp_reply_member(text, "messages", &messages) &&
        (read->verb == LCP_VERB_CHECK || read->verb == LCP_VERB_READ))
        show(messages);
}

static void
ask(struct lcp_store *store, enum lcp_verb verb, const char *id, unsigned how)
{
    struct lcp_read *read = calloc(1, sizeof(*read));

    must(read != NULL);
    read->store = store;
    read->nodes = nodes;
    read->verb = verb;
    read->is_ours = how % 2;
    read->thread = how / 2 % 2;
    read->proof = read->thread && id[0] != '\0';
    read->with_path = how / 4 % 2;
    read->state = how < 8 ? -1 : (int)how - 8;
    snprintf(read->data_path, sizeof(read->data_path), "/data");
    snprintf(read->id, sizeof(read->id), "%s", id);
    lcp_read_run(&read->task);
    must(read->code == NULL || read->err != LCP_OK);
    if (read->err == LCP_OK && read->out != NULL)
        check_answer(read);
    lcp_read_free(read);
}

static void
ask_all(struct lcp_store *store, uint64_t count)
{
    char id[24];

    ask(store, LCP_VERB_CHECK, "", 0);
    ask(store, LCP_VERB_CHECK, "", 5);
    for (uint64_t number = 1; number <= count; number++) {
        snprintf(id, sizeof(id), "%llu", (unsigned long long)number);
        ask(store, LCP_VERB_READ, id, number == 1 ? 3 : 1);
        ask(store, LCP_VERB_SENT, id, 1);
        ask(store, LCP_VERB_SENT, id, 3);
    }
    ask(store, LCP_VERB_SENT, "", 1);
    ask(store, LCP_VERB_SENT, "", 8 + LCP_IPC_STATE_SENT);
    ask(store, LCP_VERB_SENT, "", 8 + LCP_IPC_STATE_DEAD);
    ask(store, LCP_VERB_HELD, "", 1);
    ask(store, LCP_VERB_AUDIT, "", 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct lcp_memory_disk *disk = lcp_memory_disk_new();
    struct lcp_store *writer = NULL, *reader = NULL;
    uint64_t count = 0;

    must(lcp_crypto_init() == LCP_OK && disk != NULL);
    must(lcp_store_memory_open(disk, false, &writer) == LCP_OK);
    must(writer->ops->begin(writer) == LCP_OK);
    for (; in.left > 0 && count < ROWS_MAX; count++)
        add_row(disk, writer, &in);
    must(writer->ops->commit(writer) == LCP_OK);
    must(lcp_store_memory_open(disk, true, &reader) == LCP_OK);
    ask_all(reader, count);
    reader->ops->close(reader);
    writer->ops->close(writer);
    lcp_memory_disk_free(disk);
    return 0;
}
