/* SPDX-License-Identifier: MIT
 *
 * Hex, base64, UTF-8, UUIDs, names, ids, small numbers. See text_time.c, text_addr.c
 * and text_escape.c for the rest of text.h.
 */
#include "base/text.h"

static int
hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(uint8_t c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}

void
lcp_hex_print(const uint8_t *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

enum lcp_err
lcp_hex_parse(struct lcp_span text, uint8_t *out, size_t len)
{
    if (text.len / 2 != len || text.len % 2 != 0)
        return LCP_EFORMAT;
    for (size_t i = 0; i < text.len; i++)
        if (hex_value(text.data[i]) < 0)
            return LCP_EFORMAT;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(hex_value(text.data[2 * i]) << 4 |
                           hex_value(text.data[2 * i + 1]));
    return LCP_OK;
}

void
lcp_base64_print(const uint8_t *data, size_t len, char *out)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)data[i] << 16 |
                         (have > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (have > 2 ? data[i + 2] : 0);

        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = have > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = have > 2 ? digits[group & 63] : '=';
    }
    *out = '\0';
}

static int
base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* One group of four characters to `have` bytes. */
static bool
base64_group(const uint8_t *text, uint8_t *out, size_t have)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i <= have ? base64_value(text[i]) : (text[i] == '=' ? 0 : -1);

        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
    }
    if ((group & ((UINT32_C(1) << (8 * (3 - have))) - 1)) != 0)
        return false;
    for (size_t i = 0; i < have; i++)
        out[i] = (uint8_t)(group >> (16 - 8 * i));
    return true;
}

enum lcp_err
lcp_base64_parse(struct lcp_span text, uint8_t *out, size_t len)
{
    if (text.len != (len + 2) / 3 * 4)
        return LCP_EFORMAT;
    for (size_t i = 0; i < len; i += 3)
        if (!base64_group(text.data + i / 3 * 4, out + i, len - i < 3 ? len - i : 3)) {
            memset(out, 0, len);
            return LCP_EFORMAT;
        }
    return LCP_OK;
}

/* Bytes of the well-formed sequence at text, 0 if there is none (RFC 3629, section 4).
 */
static size_t
utf8_length(const uint8_t *text, size_t left, uint32_t *code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t c = text[0];
    size_t len = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    uint32_t value = len == 1 ? c : len == 0 ? 0 : c & (0x7fu >> len);

    if (len == 0 || c > 0xf4 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (text[i] & 0x3fu);
    }
    if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code_point = value;
    return len;
}

bool
lcp_utf8_valid(struct lcp_span text)
{
    uint32_t code_point;
    size_t len;

    for (size_t at = 0; at < text.len; at += len) {
        len = utf8_length(text.data + at, text.len - at, &code_point);
        if (len == 0)
            return false;
    }
    return true;
}

uint32_t
lcp_utf8_next(struct lcp_span text, size_t *at)
{
    uint32_t code_point = 0xfffd;
    size_t len = utf8_length(text.data + *at, text.len - *at, &code_point);

    *at += len != 0 ? len : 1;
    return code_point;
}

size_t
lcp_utf8_put(uint32_t code_point, char out[static 4])
{
    size_t len = code_point < 0x80      ? 1
                 : code_point < 0x800   ? 2
                 : code_point < 0x10000 ? 3
                                        : 4;

    if (len == 1) {
        out[0] = (char)code_point;
        return 1;
    }
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)((0xf00u >> len & 0xff) | code_point);
    return len;
}

size_t
lcp_utf8_cut(struct lcp_span text, size_t max)
{
    size_t at = max;

    if (text.len <= max)
        return text.len;
    /* At most three continuation bytes back to the start of the one that does not fit.
     */
    while (at > 0 && max - at < 4 && (text.data[at] & 0xc0) == 0x80)
        at--;
    return (text.data[at] & 0xc0) == 0x80 ? max : at;
}

void
lcp_uuid_print(const uint8_t random[static 16], char *out)
{
    static const uint8_t group_ends[] = {4, 6, 8, 10, 16};
    uint8_t bytes[16];
    size_t at = 0;

    memcpy(bytes, random, sizeof(bytes));
    bytes[6] = (bytes[6] & 0x0f) | 0x40; /* version 4 */
    bytes[8] = (bytes[8] & 0x3f) | 0x80; /* the variant of RFC 9562 */
    for (size_t i = 0; i < sizeof(group_ends); i++) {
        lcp_hex_print(bytes + at, group_ends[i] - at, out);
        out += 2 * (group_ends[i] - at);
        at = group_ends[i];
        *out++ = at < 16 ? '-' : '\0';
    }
}

bool
lcp_uuid_is(struct lcp_span text)
{
    if (text.len != LCP_UUID_CHARS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text.data[i] != '-' : hex_value(text.data[i]) < 0)
            return false;
    }
    return true;
}

bool
lcp_uuid_is_v4_lower(struct lcp_span text)
{
    if (!lcp_uuid_is(text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return false;
    return text.data[14] == '4' && strchr("89ab", text.data[19]) != NULL;
}

/* Unicode's White_Space and its controls (category Cc). */
static bool
is_space_or_control(uint32_t c)
{
    return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

bool
lcp_name_is_valid(struct lcp_span text)
{
    size_t at = 0;

    if (text.len == 0 || text.len > LCP_NAME_MAX || !lcp_utf8_valid(text))
        return false;
    while (at < text.len) {
        uint32_t c = lcp_utf8_next(text, &at);

        if (is_space_or_control(c) || c == '/')
            return false;
    }
    return true;
}

bool
lcp_id_is_valid(struct lcp_span text)
{
    if (text.len == 0 || text.len > LCP_ID_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (!is_letter(c) && !is_digit(c) && c != '.' && c != '_' && c != ':' &&
            c != '-')
            return false;
    }
    return true;
}

/* Digits only; LCP_EFULL past UINT64_MAX. */
static enum lcp_err
parse_digits(struct lcp_span text, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0)
        return LCP_EFORMAT;
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit(text.data[i]))
            return LCP_EFORMAT;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';

        if (value > (UINT64_MAX - digit) / 10)
            return LCP_EFULL;
        value = value * 10 + digit;
    }
    *out = value;
    return LCP_OK;
}

enum lcp_err
lcp_duration_parse(struct lcp_span text, uint64_t *seconds)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t factor = 1, value;
    enum lcp_err err;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (text.len > 0 && text.data[text.len - 1] == (uint8_t)units[i].unit) {
            factor = units[i].seconds;
            text.len--;
            break;
        }
    err = parse_digits(text, &value);
    if (err != LCP_OK)
        return err;
    if (value > UINT64_MAX / factor)
        return LCP_EFULL;
    *seconds = value * factor;
    return LCP_OK;
}

enum lcp_err
lcp_uint_parse(struct lcp_span text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value;
    enum lcp_err err = parse_digits(text, &value);

    if (err != LCP_OK)
        return err;
    if (value < min || value > max)
        return LCP_EFULL;
    *out = value;
    return LCP_OK;
}
