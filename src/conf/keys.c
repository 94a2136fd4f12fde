/* SPDX-License-Identifier: MIT
 *
 * The table of keys. A setter checks one value and says false when it does not fit; the
 * sentence about it comes from the row.
 */
#include "conf/keys.h"

#include <stddef.h>
#include <stdio.h>

#include "base/text.h"

enum {
    LEGACY_SOCKET_MAX = 107, /* sun_path with its NUL */
    NAME_COMPARE_MAX = 40,
    CLOSE_ENOUGH = 3, /* letters to change */
    HOUR_S = 3600,
    DAY_S = 24 * HOUR_S,
    DURATION_MAX_S = 20000 * DAY_S,
    LOOP_LIMIT_MAX = 10000, /* the guard remembers as many times for each peer */
    RATE_MAX = 1000000,
    QUOTA_MESSAGES_MAX = 1000000000,
};

_Static_assert((int)LCP_NAME_MAX == (int)LCP_TYPE_MAX,
               "a type in Allow is checked as a name");

static bool
set_name(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
         struct lcp_span value)
{
    char *out = key->section == LCP_CONF_PEER ? draft->peer->name : draft->conf->name;

    if (!lcp_name_is_valid(value))
        return false;
    memcpy(out, value.data, value.len);
    out[value.len] = '\0';
    return true;
}

static bool
set_address(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
            struct lcp_span value)
{
    static const uint8_t any4[16] = {[10] = 0xff, [11] = 0xff}, any6[16];
    struct lcp_endpoint endpoint;

    if (lcp_endpoint_parse(value, 0, &endpoint) != LCP_OK)
        return false;
    if (key->section == LCP_CONF_NODE) {
        draft->conf->address = endpoint;
        draft->conf->has_address = true;
        return true;
    }
    if (memcmp(endpoint.ip, any4, 16) == 0 || memcmp(endpoint.ip, any6, 16) == 0)
        return false;
    draft->peer->endpoint = endpoint;
    return true;
}

static bool
set_public_key(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
               struct lcp_span value)
{
    (void)key;
    return lcp_key_parse(value, &draft->peer->key) == LCP_OK;
}

static bool
set_port(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
         struct lcp_span value)
{
    uint64_t port;

    if (lcp_uint_parse(value, key->min, key->max, &port) != LCP_OK)
        return false;
    draft->port = (uint16_t)port;
    return true;
}

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' || c == '\n';
}

static struct lcp_span
trim(struct lcp_span text)
{
    while (text.len > 0 && is_blank(text.data[0]))
        text = lcp_span(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* The next of several words with commas between them; nothing behind the last comma is
 * no word. */
static bool
next_word(struct lcp_span list, size_t *at, struct lcp_span *word)
{
    size_t start = *at;

    if (start >= list.len)
        return false;
    while (*at < list.len && list.data[*at] != ',')
        ++*at;
    *word = trim(lcp_span(list.data + start, *at - start));
    ++*at;
    return word->len > 0 || *at < list.len;
}

static bool
set_aliases(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
            struct lcp_span value)
{
    struct lcp_conf *conf = draft->conf;
    struct lcp_span name;
    size_t at = 0;

    (void)key;
    while (next_word(value, &at, &name)) {
        if (!lcp_name_is_valid(name) || conf->alias_count == LCP_ALIASES_MAX)
            return false;
        memcpy(conf->aliases[conf->alias_count], name.data, name.len);
        conf->aliases[conf->alias_count++][name.len] = '\0';
    }
    return true;
}

/* A type that can stand in the file: a word that begins no comment. */
static bool
is_plain_type(struct lcp_span type)
{
    return lcp_name_is_valid(type) && type.data[0] != '#' && type.data[0] != ';';
}

/* An empty list is no list: it could mean all or nothing. */
static bool
set_allow(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
          struct lcp_span value)
{
    struct lcp_policy *policy = &draft->peer->policy;
    struct lcp_span type;
    size_t at = 0;

    (void)key;
    while (next_word(value, &at, &type)) {
        if (!is_plain_type(type) || policy->allow_count == LCP_ALLOW_MAX)
            return false;
        memcpy(policy->allow[policy->allow_count], type.data, type.len);
        policy->allow[policy->allow_count++][type.len] = '\0';
    }
    return policy->allow_count > 0;
}

static bool
set_legacy_socket(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
                  struct lcp_span value)
{
    (void)key;
    if (lcp_span_eq(value, lcp_span_str("none")))
        value.len = 0;
    if (value.len > LEGACY_SOCKET_MAX || (value.len > 0 && value.data[0] != '/'))
        return false;
    if (value.len > 0)
        memcpy(draft->conf->legacy_socket, value.data, value.len);
    draft->conf->legacy_socket[value.len] = '\0';
    return true;
}

/* Where the value of a key with a `field` goes. */
static void *
field_of(const struct lcp_conf_draft *draft, const struct lcp_conf_key *key)
{
    char *base = key->section == LCP_CONF_PEER ? (char *)draft->peer
                                               : (char *)draft->conf;

    return base + key->field;
}

static bool
set_uint32(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
           struct lcp_span value)
{
    uint64_t number;

    if (lcp_uint_parse(value, key->min, key->max, &number) != LCP_OK)
        return false;
    *(uint32_t *)field_of(draft, key) = (uint32_t)number;
    return true;
}

/* A count, or one of 1,024 or 1,048,576 ("64K", "16M"). */
static bool
set_uint64(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
           struct lcp_span value)
{
    uint64_t number, unit = 1;
    uint8_t last = value.len > 0 ? value.data[value.len - 1] : 0;

    if (last == 'K' || last == 'k')
        unit = 1024;
    else if (last == 'M' || last == 'm')
        unit = 1024 * 1024;
    if (unit > 1)
        value.len--;
    if (lcp_uint_parse(value, key->min, key->max / unit, &number) != LCP_OK)
        return false;
    *(uint64_t *)field_of(draft, key) = number * unit;
    return true;
}

/* One of two words; the second one is true. */
static bool
set_choice(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
           struct lcp_span value, const char *no, const char *yes)
{
    bool is_yes = lcp_span_eq(value, lcp_span_str(yes));

    if (!is_yes && !lcp_span_eq(value, lcp_span_str(no)))
        return false;
    *(bool *)field_of(draft, key) = is_yes;
    return true;
}

static bool
set_yes_no(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
           struct lcp_span value)
{
    return set_choice(draft, key, value, "no", "yes");
}

static bool
set_min_version(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
                struct lcp_span value)
{
    return set_choice(draft, key, value, "1.1", "1.2");
}

static bool
set_timing(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
           struct lcp_span value)
{
    return set_choice(draft, key, value, "normal", "fixed");
}

/* Seconds with an optional fraction ("3", "3.0", "0.25") as milliseconds. */
static bool
set_seconds(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
            struct lcp_span value)
{
    const uint8_t *dot = value.len > 0 ? memchr(value.data, '.', value.len) : NULL;
    size_t whole_len = dot == NULL ? value.len : (size_t)(dot - value.data);
    uint64_t whole, ms = 0;

    if (lcp_uint_parse(lcp_span(value.data, whole_len), 0, key->max, &whole) != LCP_OK)
        return false;
    if (dot != NULL) {
        size_t digits = value.len - whole_len - 1;

        if (lcp_uint_parse(lcp_span(dot + 1, digits), 0, 999, &ms) != LCP_OK ||
            digits > 3)
            return false;
        for (; digits < 3; digits++)
            ms *= 10;
    }
    ms += whole * 1000;
    if (ms < key->min || ms > key->max * 1000)
        return false;
    *(uint32_t *)field_of(draft, key) = (uint32_t)ms;
    return true;
}

static bool
set_duration(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
             struct lcp_span value)
{
    uint64_t seconds;

    if (lcp_duration_parse(value, &seconds) != LCP_OK || seconds < key->min ||
        seconds > key->max)
        return false;
    *(uint64_t *)field_of(draft, key) = seconds;
    return true;
}

#define FIELD(f) offsetof(struct lcp_conf, f)
#define PEER_FIELD(f) offsetof(struct lcp_conf_peer, policy.f)

/* A minimum of set_seconds is in milliseconds. */
static const struct lcp_conf_key keys[] = {
    {LCP_CONF_NODE, "Name", NULL, "LCP_NAME", false,
     "a name: 1 to 64 bytes without blanks, controls or '/'", set_name, 0, 0, 0},
    {LCP_CONF_NODE, "Address", NULL, "LCP_ADDRESS", false,
     "an IP address, with or without a port: 100.64.0.1:9528", set_address, 0, 0, 0},
    {LCP_CONF_NODE, "Port", "LCP_PORT", "LCP_PORT", false, "a port, 1 to 65535",
     set_port, 0, 1, 65535},
    {LCP_CONF_NODE, "Aliases", NULL, "LCP_ALIASES", true,
     "at most 16 names, separated by commas", set_aliases, 0, 0, 0},
    {LCP_CONF_NODE, "LegacySocket", "IPC_SOCKET", "LCP_LEGACY_SOCKET", false,
     "an absolute path of at most 107 bytes, or none", set_legacy_socket, 0, 0, 0},
    {LCP_CONF_NODE, "IpcPort", "IPC_PORT", "LCP_IPC_PORT", false, "a port, 1 to 65535",
     set_uint32, FIELD(ipc_port), 1, 65535},
    {LCP_CONF_NODE, "MaxRetries", "MAX_RETRIES", "LCP_MAX_RETRIES", false,
     "transmissions, 1 to 100", set_uint32, FIELD(retries_max), 1, 100},
    {LCP_CONF_NODE, "RetryBase", "RETRY_BASE_MS", "LCP_RETRY_BASE", false,
     "milliseconds, 1 to 60000", set_uint32, FIELD(retry_base_ms), 1, 60000},
    {LCP_CONF_NODE, "AckTimeout", "ACK_TIMEOUT_S", "LCP_ACK_TIMEOUT", false,
     "seconds, 0.01 to 3600", set_seconds, FIELD(ack_timeout_ms), 10, HOUR_S},
    {LCP_CONF_NODE, "HeartbeatInterval", "HEARTBEAT_INTERVAL_S",
     "LCP_HEARTBEAT_INTERVAL", false, "seconds, 0.01 to 86400", set_seconds,
     FIELD(heartbeat_ms), 10, DAY_S},
    {LCP_CONF_NODE, "PeerTimeout", "PEER_TIMEOUT_S", "LCP_PEER_TIMEOUT", false,
     "seconds, 0.01 to 604800", set_seconds, FIELD(peer_timeout_ms), 10, 7 * DAY_S},
    {LCP_CONF_NODE, "TTL", NULL, "LCP_TTL", false,
     "a duration of at least a second: 90, 15m, 24h, 7d", set_duration, FIELD(ttl_s), 1,
     DURATION_MAX_S},
    {LCP_CONF_NODE, "Retention", NULL, "LCP_RETENTION", false,
     "a duration: 12h, 90d, or 0 to keep everything", set_duration, FIELD(retention_s),
     0, DURATION_MAX_S},
    {LCP_CONF_NODE, "MaxPeers", NULL, "LCP_MAX_PEERS", false, "a number, 1 to 10000",
     set_uint32, FIELD(peers_max), 1, LCP_CONF_PEERS_MAX},
    {LCP_CONF_NODE, "RequireKey", NULL, "LCP_REQUIRE_KEY", false, "yes or no",
     set_yes_no, FIELD(require_key), 0, 0},
    {LCP_CONF_NODE, "LoopLimit", NULL, "LCP_LOOP_LIMIT", false,
     "a number of messages, 1 to 10000, or 0 for no limit", set_uint32,
     FIELD(loop_limit), 0, LOOP_LIMIT_MAX},
    {LCP_CONF_NODE, "Timing", NULL, "LCP_TIMING", false, "normal or fixed", set_timing,
     FIELD(is_timing_fixed), 0, 0},
    {LCP_CONF_PEER, "Name", NULL, NULL, false,
     "a name: 1 to 64 bytes without blanks, controls or '/'", set_name, 0, 0, 0},
    {LCP_CONF_PEER, "Address", NULL, NULL, false,
     "a peer's IP address, with or without a port: 100.64.0.2:9528", set_address, 0, 0,
     0},
    {LCP_CONF_PEER, "PublicKey", NULL, NULL, false,
     "44 characters of base64, the last word of the peer's `lcp id`", set_public_key, 0,
     0, 0},
    {LCP_CONF_PEER, "Allow", NULL, NULL, false,
     "1 to 16 types of messages, separated by commas: chat, task, result", set_allow, 0,
     0, 0},
    {LCP_CONF_PEER, "RatePerHour", NULL, NULL, false,
     "a number of messages, 1 to 1000000, or 0 for no limit", set_uint32,
     PEER_FIELD(rate_per_hour), 0, RATE_MAX},
    {LCP_CONF_PEER, "QuotaMessages", NULL, NULL, false,
     "a number of messages, 1 to 1000000000, or 0 for no limit", set_uint64,
     PEER_FIELD(quota_messages), 0, QUOTA_MESSAGES_MAX},
    {LCP_CONF_PEER, "QuotaBytes", NULL, NULL, false,
     "bytes, such as 500000, 64K or 16M, or 0 for no limit", set_uint64,
     PEER_FIELD(quota_bytes), 0, (uint64_t)1 << 50},
    {LCP_CONF_PEER, "Hold", NULL, NULL, false, "yes or no", set_yes_no,
     PEER_FIELD(hold), 0, 0},
    {LCP_CONF_PEER, "MinVersion", NULL, NULL, false, "1.1 or 1.2", set_min_version,
     PEER_FIELD(min_version_1_2), 0, 0},
};

const struct lcp_conf_key *
lcp_conf_key_at(size_t index)
{
    return index < sizeof(keys) / sizeof(keys[0]) ? &keys[index] : NULL;
}

static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Lower case without underscores; returns the length, at most NAME_COMPARE_MAX. */
static size_t
fold(struct lcp_span name, char out[static NAME_COMPARE_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < name.len && len < NAME_COMPARE_MAX; i++) {
        if (name.data[i] != '_')
            out[len++] = (char)lower(name.data[i]);
    }
    return len;
}

/* Letters to insert, delete or replace to make one name of the other. */
static size_t
distance(struct lcp_span a, struct lcp_span b)
{
    char one[NAME_COMPARE_MAX], other[NAME_COMPARE_MAX];
    size_t n = fold(a, one), m = fold(b, other);
    size_t row[NAME_COMPARE_MAX + 1];

    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (one[i - 1] != other[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

static size_t
distance_to(const struct lcp_conf_key *key, struct lcp_span name)
{
    size_t best = distance(name, lcp_span_str(key->name));

    if (key->seed_name != NULL) {
        size_t seed = distance(name, lcp_span_str(key->seed_name));

        if (seed < best)
            best = seed;
    }
    return best;
}

const struct lcp_conf_key *
lcp_conf_key_find(enum lcp_conf_section section, struct lcp_span name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].section == section && name.len < NAME_COMPARE_MAX &&
            distance_to(&keys[i], name) == 0)
            return &keys[i];
    }
    return NULL;
}

void
lcp_conf_key_suggest(enum lcp_conf_section section, struct lcp_span name, char *out,
                     size_t cap)
{
    const struct lcp_conf_key *closest = NULL;
    size_t best = CLOSE_ENOUGH + 1, len = 0;
    int put;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        size_t d;

        if (keys[i].section != section)
            continue;
        d = distance_to(&keys[i], name);
        if (d < best && d < strlen(keys[i].name)) {
            best = d;
            closest = &keys[i];
        }
    }
    if (closest != NULL) {
        snprintf(out, cap, "did you mean %s?", closest->name);
        return;
    }
    put = snprintf(out, cap, "expected one of");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        len += put > 0 ? (size_t)put : 0;
        if (len >= cap)
            return;
        put = 0;
        if (keys[i].section == section)
            put = snprintf(out + len, cap - len, " %s", keys[i].name);
    }
}

struct lcp_span
lcp_conf_content(struct lcp_span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if ((line.data[i] == '#' || line.data[i] == ';') &&
            (i == 0 || is_blank(line.data[i - 1]))) {
            line.len = i;
            break;
        }
    }
    return trim(line);
}

bool
lcp_conf_pair(struct lcp_span content, struct lcp_span *key, struct lcp_span *value)
{
    size_t at = 0;

    if (content.len == 0 || content.data[0] == '[')
        return false;
    while (at < content.len && content.data[at] != '=' && content.data[at] != ':')
        at++;
    if (at == content.len)
        return false;
    *key = trim(lcp_span(content.data, at));
    *value = trim(lcp_span(content.data + at + 1, content.len - at - 1));
    return key->len > 0;
}

bool
lcp_conf_is_section(struct lcp_span content, const char *name)
{
    size_t len = strlen(name);

    if (content.len < 2 || content.data[0] != '[' ||
        content.data[content.len - 1] != ']')
        return false;
    content = trim(lcp_span(content.data + 1, content.len - 2));
    if (content.len != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (lower(content.data[i]) != lower((uint8_t)name[i]))
            return false;
    }
    return true;
}

bool
lcp_conf_next_line(struct lcp_span text, size_t *at, struct lcp_span *line)
{
    const uint8_t *start = text.data + *at, *end;

    if (*at >= text.len)
        return false;
    end = memchr(start, '\n', text.len - *at);
    *line = lcp_span(start, end == NULL ? text.len - *at : (size_t)(end - start));
    *at += line->len + (end != NULL);
    if (line->len > 0 && line->data[line->len - 1] == '\r')
        line->len--;
    return true;
}
