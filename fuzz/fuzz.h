/* SPDX-License-Identifier: MIT
 *
 * What the fuzz targets share: claims that hold or abort, and an input that is taken
 * piece by piece.
 */
#ifndef LCP_FUZZ_FUZZ_H
#define LCP_FUZZ_FUZZ_H

#include <stdlib.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
must(bool claim)
{
    if (!claim)
        abort();
}

/* Bytes still to be taken; when they are used up, zeros and nothing. */
struct fuzz_input {
    const uint8_t *data;
    size_t left;
};

static inline uint8_t
take_byte(struct fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->data++;
}

static inline uint64_t
take_number(struct fuzz_input *in, int bytes)
{
    uint64_t number = 0;

    while (bytes-- > 0)
        number = number << 8 | take_byte(in);
    return number;
}

static inline struct lcp_span
take_span(struct fuzz_input *in, size_t max)
{
    size_t len = in->left < max ? in->left : max;
    struct lcp_span span = lcp_span(in->data, len);

    in->data += len;
    in->left -= len;
    return span;
}

/* May this be shown to a person? An own list, so that it is no copy of what it checks:
 * controls, what turns or hides text. */
static inline bool
is_shown_safely(struct lcp_span text, bool keep_newlines)
{
    size_t at = 0;

    if (!lcp_utf8_valid(text))
        return false;
    while (at < text.len) {
        uint32_t c = lcp_utf8_next(text, &at);
        bool is_kept = keep_newlines && (c == '\n' || c == '\t');

        if ((c < ' ' && !is_kept) || (c >= 0x7f && c <= 0x9f) || c == 0xad ||
            c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
            (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
            c == 0xfeff || c >> 12 == 0xe0)
            return false;
    }
    return true;
}

#endif
