/* SPDX-License-Identifier: MIT
 *
 * Whatever the reader takes, the writer prints and the reader takes again; its
 * canonical form is stable, and the same before and after.
 */
#include "core/canon.h"

#include "fuzz.h"

enum { TEXT_MAX = 1 << 16, OUT_MAX = 8 * TEXT_MAX };

static struct lcp_json_node nodes[LCP_JSON_NODES_MAX], again[LCP_JSON_NODES_MAX];
static char canon[OUT_MAX], printed[OUT_MAX], second[OUT_MAX];

static void
touch_every_node(const struct lcp_json *doc)
{
    for (uint32_t at = 0; at < doc->count; at++) {
        struct lcp_span raw = lcp_json_raw(doc, at);
        int64_t number;
        size_t len;

        must(raw.len > 0 && raw.data >= doc->text.data &&
             raw.data + raw.len <= doc->text.data + doc->text.len);
        if (lcp_json_is(doc, at, LCP_JSON_STRING))
            must(lcp_json_string(doc, at, printed, OUT_MAX, &len) == LCP_OK &&
                 len <= raw.len);
        if (lcp_json_is(doc, at, LCP_JSON_INT))
            must(lcp_json_int(doc, at, &number) != LCP_EFORMAT);
    }
}

static void
same_canon(struct lcp_span text, size_t canon_len)
{
    struct lcp_json doc = {.nodes = again, .cap = LCP_JSON_NODES_MAX};
    size_t len = 0;

    must(lcp_json_parse(text, &doc) == LCP_JSON_FAULT_NONE);
    must(lcp_canon_print(&doc, NULL, second, OUT_MAX, &len) == LCP_OK);
    must(len == canon_len && memcmp(second, canon, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_JSON_NODES_MAX};
    struct lcp_span text;
    size_t len = 0;

    if (size > TEXT_MAX ||
        lcp_json_parse(lcp_span(data, size), &doc) != LCP_JSON_FAULT_NONE)
        return 0;
    touch_every_node(&doc);
    must(lcp_canon_print(&doc, NULL, canon, OUT_MAX, &len) == LCP_OK);
    same_canon(lcp_span(canon, len), len);
    for (unsigned indent = 0; indent <= 1; indent++) {
        struct lcp_writer w;

        lcp_writer_init(&w, printed, OUT_MAX, indent);
        lcp_write_value(&w, &doc, 0);
        if (lcp_writer_end(&w, &text) == LCP_OK)
            same_canon(text, len);
        else
            must(indent > 0); /* only white space can outgrow the buffer */
    }
    return 0;
}
