/* SPDX-License-Identifier: MIT
 *
 * What a local client may write: cut into requests the same way however it arrives,
 * each request refused with a word or taken with all members in their form. And the
 * scan over replies finds what the parser finds.
 */
#include "fuzz.h"
#include "ipc/reply.h"
#include "ipc/server.h"

enum { INPUT_MAX = 1 << 15 };

static struct lcp_json_node nodes[LCP_IPC_NODES_MAX];
static char buf[LCP_IPC_REQUEST_MAX], text_buf[LCP_IPC_REQUEST_MAX];
static char ids[LCP_REQUEST_IDS_MAX][LCP_REQUEST_ID_TEXT + 1];
static struct lcp_request request;

static bool
ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL && lcp_utf8_valid(lcp_span_str(text));
}

static void
request_has_form(void)
{
    const struct lcp_request *r = &request;

    must((unsigned)r->verb < LCP_VERB_MAX && r->id_count <= LCP_REQUEST_IDS_MAX);
    must(ends(r->to, sizeof(r->to)) && ends(r->type, sizeof(r->type)) &&
         ends(r->id, sizeof(r->id)) && ends(r->reply_to, sizeof(r->reply_to)) &&
         ends(r->state, sizeof(r->state)) &&
         ends(r->fingerprint, sizeof(r->fingerprint)) &&
         ends(r->wait_for, sizeof(r->wait_for)) && ends(r->reason, sizeof(r->reason)) &&
         ends(r->how, sizeof(r->how)));
    for (uint32_t i = 0; i < r->id_count; i++)
        must(ends(r->ids[i], sizeof(r->ids[i])));
    if (r->message.len > 0) {
        must(r->message.data >= (const uint8_t *)text_buf &&
             r->message.data + r->message.len <=
                 (const uint8_t *)text_buf + sizeof(text_buf));
        must(lcp_utf8_valid(r->message));
    }
}

/* The scan over a text that is a document agrees with the parser about it. */
static void
scan_agrees(const struct lcp_json *doc)
{
    bool has_version = false;

    for (uint32_t at = lcp_json_first(doc, 0); at != 0; at = doc->nodes[at].next) {
        struct lcp_span name = lcp_json_name(doc, at), value;
        char key[64];

        has_version |= lcp_span_eq(name, lcp_span_str("v"));
        if (name.len >= sizeof(key) || memchr(name.data, '\\', name.len) != NULL)
            continue;
        memcpy(key, name.data, name.len);
        key[name.len] = '\0';
        must(lcp_reply_member(doc->text, key, &value));
        must(lcp_span_eq(value, lcp_json_raw(doc, at)));
        if (lcp_json_is(doc, at, LCP_JSON_ARRAY)) {
            uint32_t count = 0;
            size_t next = 0;

            while (lcp_reply_next(lcp_json_raw(doc, at), &next, &value))
                count++;
            must(count == doc->nodes[at].count);
        }
    }
    must(lcp_ipc_has_version(doc->text) == has_version);
}

static void
look_at(struct lcp_span text)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_IPC_NODES_MAX};
    const char *code = NULL, *message = NULL;
    char out[32];

    must(text.len >= 2 && text.data[0] == '{');
    for (int is_ours = 0; is_ours <= 1; is_ours++) {
        request.ids = ids;
        request.text_buf = text_buf;
        if (lcp_request_parse(text, is_ours, nodes, &request, &code, &message) ==
            LCP_OK)
            request_has_form();
        else
            must(code != NULL && message != NULL);
    }
    (void)lcp_ipc_has_version(text);
    (void)lcp_reply_number(text, "limit");
    lcp_reply_text(text, "id", out, sizeof(out));
    must(ends(out, sizeof(out)));
    if (lcp_json_parse(text, &doc) == LCP_JSON_FAULT_NONE)
        scan_agrees(&doc);
}

/* Feeds the stream by pieces; returns a digest of what came out. */
static uint64_t
feed(struct lcp_span in, size_t piece, bool looks)
{
    struct lcp_ipc_stream stream;
    struct lcp_span text;
    uint64_t hash = 14695981039346656037u;
    bool is_ours;

    lcp_ipc_stream_init(&stream, buf);
    while (in.len > 0) {
        enum lcp_ipc_verdict verdict;
        size_t took = lcp_ipc_stream_put(
            &stream, lcp_span(in.data, in.len < piece ? in.len : piece));

        must(took > 0);
        in = lcp_span(in.data + took, in.len - took);
        while ((verdict = lcp_ipc_stream_get(&stream, &text, &is_ours)) ==
               LCP_IPC_REQUEST) {
            for (size_t i = 0; i < text.len; i++)
                hash = (hash ^ text.data[i]) * 1099511628211u;
            hash = (hash ^ 256) * 1099511628211u;
            if (looks)
                look_at(text);
            lcp_ipc_stream_next(&stream);
        }
        if (verdict == LCP_IPC_REJECT)
            return ~hash;
    }
    return hash;
}

/* A document alone is one request, all of it. */
static void
document_is_a_request(struct lcp_span text)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_IPC_NODES_MAX};
    struct lcp_ipc_stream stream;
    struct lcp_span got;
    bool is_ours;

    if (lcp_json_parse(text, &doc) != LCP_JSON_FAULT_NONE)
        return;
    lcp_ipc_stream_init(&stream, buf);
    must(lcp_ipc_stream_put(&stream, text) == text.len);
    must(lcp_ipc_stream_get(&stream, &got, &is_ours) == LCP_IPC_REQUEST);
    must(lcp_span_eq(got, lcp_json_raw(&doc, 0)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    size_t piece = 1 + take_number(&in, 1);
    struct lcp_span text = take_span(&in, INPUT_MAX), value;
    uint64_t whole = feed(text, INPUT_MAX, true);
    size_t at = 0;

    must(whole == feed(text, piece, false) && whole == feed(text, 1, false));
    document_is_a_request(text);
    /* A reply of any bytes leads nowhere outside of it. */
    while (lcp_reply_next(text, &at, &value))
        must(value.len > 0 && value.data + value.len <= text.data + text.len);
    if (lcp_reply_member(text, "messages", &value))
        must(value.len > 0 && value.data + value.len <= text.data + text.len);
    return 0;
}
