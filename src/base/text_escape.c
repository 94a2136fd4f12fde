/* SPDX-License-Identifier: MIT
 *
 * What a peer wrote must not move a cursor, turn the direction of a line or hide.
 */
#include "base/text.h"

struct range {
    uint32_t from, to;
};

/* Code points that act on a terminal or cannot be seen, beyond the controls. The joiner
 * of emoji is among them: a broken picture is better than a forged line. */
static const struct range invisible[] = {
    {0x00ad, 0x00ad},   /* soft hyphen */
    {0x034f, 0x034f},   /* grapheme joiner */
    {0x061c, 0x061c},   /* Arabic letter mark */
    {0x115f, 0x1160},   /* Hangul fillers */
    {0x17b4, 0x17b5},   /* Khmer vowels that are not shown */
    {0x180b, 0x180f},   /* Mongolian selectors */
    {0x200b, 0x200f},   /* zero width, left-to-right and right-to-left marks */
    {0x2028, 0x202e},   /* line and paragraph separators, embeddings, overrides */
    {0x2060, 0x206f},   /* word joiner, isolates, deprecated formats */
    {0x3164, 0x3164},   /* Hangul filler */
    {0xfeff, 0xfeff},   /* zero-width no-break space, the BOM */
    {0xffa0, 0xffa0},   /* Hangul filler, half width */
    {0xfff9, 0xfffb},   /* interlinear annotation */
    {0x1bca0, 0x1bca3}, /* shorthand formats */
    {0x1d173, 0x1d17a}, /* musical formats */
    {0xe0000, 0xe0fff}, /* tags and more selectors */
};

static bool
is_harmful(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return true;
    for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]); i++)
        if (c >= invisible[i].from && c <= invisible[i].to)
            return true;
    return false;
}

static bool
is_space(uint32_t c)
{
    return c == 0x20 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x202f || c == 0x205f || c == 0x2800 || c == 0x3000;
}

enum kept { NO_WHITE, SPACES, NEWLINES }; /* each with those before */

/* \x1b, \u202e or \U000e0001; returns the length. */
static size_t
put_escape(uint32_t c, char kind, size_t digits, char *out)
{
    static const char hex[] = "0123456789abcdef";

    out[0] = '\\';
    out[1] = kind;
    for (size_t i = digits; i-- > 0; c >>= 4)
        out[2 + i] = hex[c & 15];
    return 2 + digits;
}

/* One piece of output for the code point or bad byte at *at. */
static size_t
put_piece(struct lcp_span text, enum kept kept, size_t *at, char out[static 10])
{
    size_t start = *at;
    uint32_t c = lcp_utf8_next(text, at);

    if (*at == start + 1 && text.data[start] >= 0x80)
        return put_escape(text.data[start], 'x', 2, out);
    if (is_harmful(c) ? kept == NEWLINES && (c == '\n' || c == '\t')
                      : kept >= SPACES || !is_space(c))
        return lcp_utf8_put(c, out);
    if (c < 0x80)
        return put_escape(c, 'x', 2, out);
    return c < 0x10000 ? put_escape(c, 'u', 4, out) : put_escape(c, 'U', 8, out);
}

static size_t
escape(struct lcp_span text, enum kept kept, char *out, size_t cap)
{
    size_t at = 0, len = 0;

    if (cap == 0)
        return 0;
    while (at < text.len) {
        char piece[10];
        size_t size = put_piece(text, kept, &at, piece);

        if (size >= cap - len)
            break;
        memcpy(out + len, piece, size);
        len += size;
    }
    out[len] = '\0';
    return len;
}

size_t
lcp_text_escape(struct lcp_span text, bool keep_newlines, char *out, size_t cap)
{
    return escape(text, keep_newlines ? NEWLINES : SPACES, out, cap);
}

size_t
lcp_text_escape_word(struct lcp_span text, char *out, size_t cap)
{
    return escape(text, NO_WHITE, out, cap);
}
