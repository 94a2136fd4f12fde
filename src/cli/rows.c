/* SPDX-License-Identifier: MIT
 *
 * Rows of replies as text.
 */
#include "cli/rows.h"

#include <inttypes.h>

#include "base/text.h"

enum { OBJECT_MAX = 6 * LCP_NAME_MAX + 16 }; /* each byte \\uXXXX at worst */

/* A number or null. */
static bool
take_number(struct lcp_span row, const char *name, uint64_t *out)
{
    struct lcp_span value;

    return lcp_reply_member(row, name, &value) &&
           lcp_uint_parse(value, 0, UINT64_MAX, out) == LCP_OK;
}

void
lcp_print_peer(struct lcp_span row)
{
    char address[LCP_ENDPOINT_TEXT_MAX + 1];
    char fingerprint[LCP_FINGERPRINT_CHARS + 1], pinned[32], span[LCP_AGO_MAX];
    char refused[LCP_FINGERPRINT_CHARS + 1], version[8];
    uint64_t seen_ms, rtt_ms;

    lcp_reply_text(row, "address", address, sizeof(address));
    lcp_reply_text(row, "fingerprint", fingerprint, sizeof(fingerprint));
    lcp_reply_text(row, "pinned", pinned, sizeof(pinned));
    lcp_reply_text(row, "refused", refused, sizeof(refused));
    lcp_print_member(row, "name");
    printf(" at %s, %s", address,
           lcp_reply_is_true(row, "away")     ? "does not answer"
           : lcp_reply_is_true(row, "online") ? "online"
                                              : "offline");
    if (take_number(row, "last_seen_ms", &seen_ms)) {
        lcp_span_of_time(seen_ms / 1000, span);
        printf(", last seen %s ago", span);
    }
    if (take_number(row, "rtt_ms", &rtt_ms))
        printf(", round trip %" PRIu64 " ms", rtt_ms);
    printf(", %" PRIu64 " queued", lcp_reply_number(row, "queued"));
    if (lcp_reply_number(row, "later_s") > 0)
        printf(", asked us to wait %" PRIu64 " s", lcp_reply_number(row, "later_s"));
    lcp_reply_text(row, "version", version, sizeof(version));
    if (version[0] != '\0')
        printf(", LCP/%s", version);
    puts(lcp_reply_is_true(row, "paused") ? ", PAUSED" : "");
    if (lcp_reply_is_true(row, "looping"))
        puts("    LOOP GUARD: too many messages without a person's; further ones are "
             "held: lcp held");
    if (fingerprint[0] == '\0')
        puts("    no key yet: the first verified message pins it");
    else if (pinned[0] == '\0')
        printf("    key %s\n", fingerprint);
    else
        printf("    key %s (pinned: %s)\n", fingerprint, pinned);
    if (refused[0] != '\0') {
        fputs("    REFUSED: it signs with another key now; when its owner confirms it, "
              "run:\n    lcp peer trust ",
              stdout);
        lcp_print_member(row, "name");
        printf(" %s\n", refused);
    }
}

bool
lcp_print_paused(struct lcp_span reply, const char *before)
{
    struct lcp_span list = {.len = 0}, element;
    const char *separator = before;
    size_t at = 0;

    (void)lcp_reply_member(reply, "paused", &list);
    while (lcp_reply_next(list, &at, &element)) {
        char object[OBJECT_MAX], name[LCP_NAME_MAX + 1];

        /* As a member, so that it is decoded like one. */
        snprintf(object, sizeof(object), "{\"n\":%.*s}", (int)element.len,
                 (const char *)element.data);
        lcp_reply_text(lcp_span_str(object), "n", name, sizeof(name));
        fputs(separator, stdout);
        lcp_print_text(stdout, lcp_span_str(name[0] == '\0' ? "everything" : name),
                       false);
        separator = ", ";
    }
    if (separator == before)
        return false;
    putchar('\n');
    return true;
}

bool
lcp_reply_each(struct lcp_span object, size_t *at, struct lcp_span *name,
               uint64_t *value)
{
    const char *text = (const char *)object.data;
    size_t i = *at, start, digits;

    while (i < object.len && text[i] != '"')
        i++;
    start = ++i;
    while (i < object.len && text[i] != '"')
        i++;
    if (i >= object.len)
        return false;
    *name = lcp_span(text + start, i - start);
    for (i++; i < object.len && (text[i] == ':' || text[i] == ' ');)
        i++;
    digits = i;
    while (i < object.len && text[i] >= '0' && text[i] <= '9')
        i++;
    *at = i;
    return lcp_uint_parse(lcp_span(text + digits, i - digits), 0, UINT64_MAX, value) ==
           LCP_OK;
}
