/* SPDX-License-Identifier: MIT
 *
 * What a peer wrote, shown to a person: nothing that acts on a terminal, turns the line
 * or hides survives, in one piece or in many, in a buffer of any size.
 */
#define _POSIX_C_SOURCE 200809L /* fmemopen */

#include <stdio.h>

#include "cli/cli.h"
#include "fuzz.h"

enum { TEXT_MAX = 1 << 12, OUT_MAX = 10 * TEXT_MAX + 1 };

static char whole[OUT_MAX], part[OUT_MAX], printed[OUT_MAX];

/* Through the printer of the commands, which cuts long texts into pieces. */
static void
print_the_same(struct lcp_span text, bool keep_newlines, size_t len)
{
    FILE *out = fmemopen(printed, sizeof(printed), "w");

    must(out != NULL);
    lcp_print_text(out, text, keep_newlines);
    must(fclose(out) == 0);
    must(strlen(printed) == len && memcmp(printed, whole, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    bool keep_newlines = take_byte(&in) % 2;
    size_t cap = take_number(&in, 2) % 1024, len, cut;
    struct lcp_span text = take_span(&in, TEXT_MAX);

    len = lcp_text_escape(text, keep_newlines, whole, sizeof(whole));
    must(len == strlen(whole) && is_shown_safely(lcp_span(whole, len), keep_newlines));
    memset(part, '#', cap + 1);
    cut = lcp_text_escape(text, keep_newlines, part, cap);
    must(part[cap] == '#');
    if (cap > 0) {
        must(cut < cap && cut <= len && part[cut] == '\0');
        must(memcmp(part, whole, cut) == 0);
        must(is_shown_safely(lcp_span(part, cut), keep_newlines));
        must(cut == len || cut + 10 >= cap); /* nothing is left out that would fit */
    }
    memset(printed, 0, sizeof(printed));
    print_the_same(text, keep_newlines, len);
    return 0;
}
