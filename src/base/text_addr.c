/* SPDX-License-Identifier: MIT
 *
 * Endpoints as text. By hand, because the C library's functions want socket headers,
 * look up names or zones, and differ between systems.
 */
#include "base/text.h"

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

enum { GROUPS = 8, PORT_MAX = 65535 };

static bool
parse_ipv4(struct lcp_span text, uint8_t out[static 4])
{
    size_t at = 0;

    for (int i = 0; i < 4; i++) {
        uint64_t value;
        size_t start = at;

        if (i > 0 && (at >= text.len || text.data[at++] != '.'))
            return false;
        start = at;
        while (at < text.len && text.data[at] != '.')
            at++;
        if (at - start > 3 || (at - start > 1 && text.data[start] == '0') ||
            lcp_uint_parse(lcp_span(text.data + start, at - start), 0, 255, &value) !=
                LCP_OK)
            return false;
        out[i] = (uint8_t)value;
    }
    return at == text.len;
}

static bool
parse_group(struct lcp_span text, uint8_t out[static 2])
{
    uint8_t padded[4] = {'0', '0', '0', '0'};

    if (text.len == 0 || text.len > 4)
        return false;
    memcpy(padded + 4 - text.len, text.data, text.len);
    return lcp_hex_parse(lcp_span(padded, 4), out, 2) == LCP_OK;
}

/* Groups separated by ':'; an IPv4 form may be the last two where it is allowed.
 * Returns the number of groups, or -1. */
static int
parse_groups(struct lcp_span text, bool ipv4_allowed, uint8_t out[static 16])
{
    size_t at = 0;
    int count = 0;

    if (text.len == 0)
        return 0;
    for (;;) {
        size_t start = at;
        struct lcp_span group;

        while (at < text.len && text.data[at] != ':')
            at++;
        group = lcp_span(text.data + start, at - start);
        if (at == text.len && ipv4_allowed && count <= GROUPS - 2 &&
            parse_ipv4(group, out + 2 * (size_t)count))
            return count + 2;
        if (count == GROUPS || !parse_group(group, out + 2 * (size_t)count))
            return -1;
        count++;
        if (at == text.len)
            return count;
        at++;
    }
}

static bool
parse_ipv6(struct lcp_span text, uint8_t out[static 16])
{
    uint8_t head[16] = {0}, tail[16] = {0};
    size_t gap = 0;
    int before, after;

    while (gap + 1 < text.len && !(text.data[gap] == ':' && text.data[gap + 1] == ':'))
        gap++;
    if (gap + 1 >= text.len) {
        if (parse_groups(text, true, head) != GROUPS)
            return false;
        memcpy(out, head, 16);
        return true;
    }
    before = parse_groups(lcp_span(text.data, gap), false, head);
    after = parse_groups(lcp_span(text.data + gap + 2, text.len - gap - 2), true, tail);
    if (before < 0 || after < 0 || before + after >= GROUPS)
        return false;
    memcpy(out, head, 16);
    memcpy(out + 16 - 2 * after, tail, 2 * (size_t)after);
    return true;
}

static bool
parse_ip(struct lcp_span text, uint8_t out[static 16])
{
    uint8_t v4[4];

    if (!parse_ipv4(text, v4))
        return parse_ipv6(text, out);
    memcpy(out, ipv4_prefix, sizeof(ipv4_prefix));
    memcpy(out + sizeof(ipv4_prefix), v4, sizeof(v4));
    return true;
}

/* Where the address ends and where the port begins; port.data is NULL when there
 * is none. */
static bool
split(struct lcp_span text, struct lcp_span *ip, struct lcp_span *port)
{
    const uint8_t *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
    const uint8_t *end = text.data + text.len;

    *ip = text;
    *port = lcp_span(NULL, 0);
    if (text.len > 0 && text.data[0] == '[') {
        const uint8_t *close = memchr(text.data, ']', text.len);

        if (close == NULL || colon == NULL || (close + 1 < end && close[1] != ':'))
            return false;
        *ip = lcp_span(text.data + 1, (size_t)(close - text.data) - 1);
        if (close + 1 < end)
            *port = lcp_span(close + 2, (size_t)(end - close) - 2);
        /* Brackets are for IPv6 alone. */
        return memchr(ip->data, ':', ip->len) != NULL;
    }
    if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon) - 1) == NULL) {
        *ip = lcp_span(text.data, (size_t)(colon - text.data));
        *port = lcp_span(colon + 1, (size_t)(end - colon) - 1);
    }
    return true;
}

enum lcp_err
lcp_endpoint_parse(struct lcp_span text, uint16_t default_port,
                   struct lcp_endpoint *out)
{
    struct lcp_endpoint ep = {.port = default_port};
    struct lcp_span ip, port;
    uint64_t value;

    if (!split(text, &ip, &port) || !parse_ip(ip, ep.ip))
        return LCP_EFORMAT;
    if (port.data != NULL) {
        if (port.len > 5 || lcp_uint_parse(port, 1, PORT_MAX, &value) != LCP_OK)
            return LCP_EFORMAT;
        ep.port = (uint16_t)value;
    }
    *out = ep;
    return LCP_OK;
}

static char *
put_uint(char *out, uint32_t value, uint32_t base)
{
    static const char digits[] = "0123456789abcdef";
    char text[5]; /* 65535 */
    size_t at = sizeof(text);

    do {
        text[--at] = digits[value % base];
        value /= base;
    } while (value != 0);
    memcpy(out, text + at, sizeof(text) - at);
    return out + (sizeof(text) - at);
}

static char *
put_ipv4(char *out, const uint8_t ip[static 4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *out++ = '.';
        out = put_uint(out, ip[i], 10);
    }
    return out;
}

/* RFC 5952: the first longest run of two or more zero groups becomes "::". */
static char *
put_ipv6(char *out, const uint8_t ip[static 16])
{
    int best = -1, best_len = 1;

    for (int i = 0, len; i<GROUPS; i += len> 0 ? len : 1) {
        for (len = 0; i + len < GROUPS; len++)
            if (ip[2 * (i + len)] != 0 || ip[2 * (i + len) + 1] != 0)
                break;
        if (len > best_len) {
            best = i;
            best_len = len;
        }
    }
    for (int i = 0; i < GROUPS; i++) {
        if (i == best) {
            *out++ = ':';
            *out++ = ':';
            i += best_len - 1;
            continue;
        }
        if (i > 0 && i != best + best_len)
            *out++ = ':';
        out = put_uint(out, (uint32_t)ip[2 * i] << 8 | ip[2 * i + 1], 16);
    }
    return out;
}

static char *
put_ip(char *out, const struct lcp_endpoint *ep)
{
    return lcp_endpoint_is_ipv4(ep) ? put_ipv4(out, ep->ip + 12)
                                    : put_ipv6(out, ep->ip);
}

void
lcp_endpoint_print(const struct lcp_endpoint *ep,
                   char out[static LCP_ENDPOINT_TEXT_MAX + 1])
{
    bool bare = lcp_endpoint_is_ipv4(ep);

    if (!bare)
        *out++ = '[';
    out = put_ip(out, ep);
    if (!bare)
        *out++ = ']';
    *out++ = ':';
    *put_uint(out, ep->port, 10) = '\0';
}

void
lcp_ip_print(const struct lcp_endpoint *ep, char out[static LCP_ENDPOINT_TEXT_MAX + 1])
{
    *put_ip(out, ep) = '\0';
}

bool
lcp_endpoint_eq(const struct lcp_endpoint *a, const struct lcp_endpoint *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool
lcp_endpoint_is_ipv4(const struct lcp_endpoint *ep)
{
    return memcmp(ep->ip, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

bool
lcp_endpoint_is_private_path(const struct lcp_endpoint *ep)
{
    static const uint8_t tailnet6[6] = {0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0};
    static const uint8_t loopback6[16] = {[15] = 1};
    const uint8_t *v4 = ep->ip + 12;

    if (lcp_endpoint_is_ipv4(ep))
        return v4[0] == 127 || (v4[0] == 100 && (v4[1] & 0xc0) == 64);
    return memcmp(ep->ip, tailnet6, sizeof(tailnet6)) == 0 ||
           memcmp(ep->ip, loopback6, sizeof(loopback6)) == 0;
}
