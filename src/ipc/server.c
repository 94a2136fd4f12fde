/* SPDX-License-Identifier: MIT
 *
 * Requests of the local protocol become typed structs. What a verb takes is said in two
 * tables; the code below them knows kinds of members, not verbs (SEND's payload
 * excepted).
 */
#include "ipc/server.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

enum kind {
    KIND_TEXT,    /* string without NUL that fits its member */
    KIND_ID,      /* the same, or an integer */
    KIND_IDS,     /* array of the same */
    KIND_MESSAGE, /* string, any code point */
    KIND_UINT,
    KIND_SECONDS, /* the same, at most SECONDS_MAX */
    KIND_BOOL,
    KIND_VERSION, /* "1.1" or "1.2" */
};

/* Its milliseconds, added to any time or taken from it, stay far from the ends of an
 * int64_t. Also the longest duration in lcp.conf. */
enum { SECONDS_MAX = 20000 * 24 * 3600 };

enum place {
    BESIDE,  /* a member of the request */
    INSIDE,  /* a member of its payload */
    ANYWHERE /* either; the one beside wins */
};

#define VERB(v) (1u << LCP_VERB_##v)
#define FIELD(f) offsetof(struct lcp_request, f)
#define TEXT_FIELD(f) FIELD(f), sizeof(((struct lcp_request *)0)->f)

/* They name one message, and must. */
#define NAMES_ONE \
    (VERB(READ) | VERB(CANCEL) | VERB(RELEASE) | VERB(REFUSE) | VERB(RESEND))

enum { UNASKED = 0 }; /* no `has` member; offset 0 is the verb itself */

static const char *const verb_names[LCP_VERB_MAX] = {
    [LCP_VERB_SEND] = "SEND",       [LCP_VERB_CHECK] = "CHECK",
    [LCP_VERB_SHOWN] = "SHOWN",     [LCP_VERB_READ] = "READ",
    [LCP_VERB_ACK] = "ACK",         [LCP_VERB_SENT] = "SENT",
    [LCP_VERB_CANCEL] = "CANCEL",   [LCP_VERB_STATUS] = "STATUS",
    [LCP_VERB_PING] = "PING",       [LCP_VERB_PURGE] = "PURGE",
    [LCP_VERB_PEERS] = "PEERS",     [LCP_VERB_TRUST] = "TRUST",
    [LCP_VERB_RELOAD] = "RELOAD",   [LCP_VERB_HELD] = "HELD",
    [LCP_VERB_RELEASE] = "RELEASE", [LCP_VERB_REFUSE] = "REFUSE",
    [LCP_VERB_RESEND] = "RESEND",   [LCP_VERB_PAUSE] = "PAUSE",
    [LCP_VERB_RESUME] = "RESUME",   [LCP_VERB_VERSION] = "VERSION",
    [LCP_VERB_AUDIT] = "AUDIT",
};

static const struct member {
    const char *name;
    unsigned verbs, required; /* sets of verbs */
    enum place place;
    enum kind kind;
    size_t field, size, has;
    uint64_t min;
    const char *expected;
} members[] = {
    {"to", VERB(SEND), 0, ANYWHERE, KIND_TEXT, TEXT_FIELD(to), UNASKED, 0,
     "to must be a peer's name"},
    {"id", VERB(SEND), 0, ANYWHERE, KIND_TEXT, TEXT_FIELD(id), UNASKED, 0,
     "id must be a string of at most 128 characters"},
    {"ttl", VERB(SEND), 0, ANYWHERE, KIND_SECONDS, FIELD(ttl_s), 0, FIELD(has_ttl), 1,
     "ttl must be a number of seconds, at most 20,000 days"},
    {"wait", VERB(SEND), 0, ANYWHERE, KIND_BOOL, FIELD(wait), 0, FIELD(has_wait), 0,
     "wait must be true or false"},
    {"wait_for", VERB(SEND), 0, ANYWHERE, KIND_TEXT, TEXT_FIELD(wait_for), UNASKED, 0,
     "wait_for must be stored, read or done"},
    {"timeout", VERB(SEND), 0, ANYWHERE, KIND_SECONDS, FIELD(timeout_s), 0, UNASKED, 1,
     "timeout must be a number of seconds, at most 20,000 days"},
    {"automatic", VERB(SEND), 0, ANYWHERE, KIND_BOOL, FIELD(automatic), 0, UNASKED, 0,
     "automatic must be true or false"},
    {"type", VERB(SEND), 0, INSIDE, KIND_TEXT, TEXT_FIELD(type), UNASKED, 0,
     "payload.type must be a string of at most 64 bytes"},
    {"message", VERB(SEND), VERB(SEND), INSIDE, KIND_MESSAGE, FIELD(message), 0,
     UNASKED, 0, "payload.message must be a string"},
    {"replyTo", VERB(SEND), 0, INSIDE, KIND_ID, TEXT_FIELD(reply_to), UNASKED, 0,
     "payload.replyTo must be the number or id of a message"},
    {"to", VERB(PING), 0, BESIDE, KIND_TEXT, TEXT_FIELD(to), UNASKED, 0,
     "to must be a peer's name"},
    {"from", VERB(CHECK), 0, BESIDE, KIND_TEXT, TEXT_FIELD(to), UNASKED, 0,
     "from must be a peer's name"},
    {"type", VERB(CHECK), 0, BESIDE, KIND_TEXT, TEXT_FIELD(type), UNASKED, 0,
     "type must be a string of at most 64 bytes"},
    {"limit", VERB(CHECK) | VERB(SENT) | VERB(HELD) | VERB(AUDIT), 0, BESIDE, KIND_UINT,
     FIELD(limit), 0, FIELD(has_limit), 1, "limit must be a number of at least 1"},
    {"after", VERB(CHECK) | VERB(SENT) | VERB(HELD), 0, BESIDE, KIND_UINT, FIELD(after),
     0, FIELD(has_after), 0, "after must be the number of a message"},
    {"numbers", VERB(SHOWN), VERB(SHOWN), BESIDE, KIND_IDS, 0, 0, UNASKED, 0,
     "numbers must be a list of at most 1,000 numbers"},
    {"id", NAMES_ONE, NAMES_ONE, BESIDE, KIND_ID, TEXT_FIELD(id), UNASKED, 0,
     "id must be the number or id of a message"},
    {"id", VERB(SENT), 0, BESIDE, KIND_ID, TEXT_FIELD(id), UNASKED, 0,
     "id must be the number or id of a message"},
    {"proof", VERB(SENT), 0, BESIDE, KIND_BOOL, FIELD(proof), 0, UNASKED, 0,
     "proof must be true or false, and needs an id"},
    {"peek", VERB(CHECK) | VERB(READ), 0, BESIDE, KIND_BOOL, FIELD(peek), 0, UNASKED, 0,
     "peek must be true or false"},
    {"reason", VERB(REFUSE), 0, BESIDE, KIND_TEXT, TEXT_FIELD(reason), UNASKED, 0,
     "reason must be a string of at most 256 bytes"},
    {"thread", VERB(READ), 0, BESIDE, KIND_BOOL, FIELD(thread), 0, UNASKED, 0,
     "thread must be true or false"},
    {"ids", VERB(ACK), 0, BESIDE, KIND_IDS, 0, 0, FIELD(has_ids), 0,
     "ids must be a list of at most 1,000 numbers or ids"},
    {"through", VERB(ACK), 0, BESIDE, KIND_UINT, FIELD(through), 0, FIELD(has_through),
     1, "through must be the number of a message"},
    {"all", VERB(ACK), 0, BESIDE, KIND_BOOL, FIELD(all), 0, UNASKED, 0,
     "all must be true or false"},
    {"state", VERB(SENT), 0, BESIDE, KIND_TEXT, TEXT_FIELD(state), UNASKED, 0,
     "state must be the name of a state"},
    {"older_than", VERB(PURGE), VERB(PURGE), BESIDE, KIND_SECONDS, FIELD(older_than_s),
     0, UNASKED, 0, "older_than must be a number of seconds, at most 20,000 days"},
    {"unknown", VERB(PEERS), 0, BESIDE, KIND_BOOL, FIELD(unknown), 0, UNASKED, 0,
     "unknown must be true or false"},
    {"name", VERB(TRUST) | VERB(VERSION), VERB(TRUST) | VERB(VERSION), BESIDE,
     KIND_TEXT, TEXT_FIELD(to), UNASKED, 0, "name must be a peer's name"},
    {"fingerprint", VERB(TRUST), VERB(TRUST), BESIDE, KIND_TEXT,
     TEXT_FIELD(fingerprint), UNASKED, 0, "fingerprint must be 32 hex digits"},
    {"name", VERB(PAUSE) | VERB(RESUME), 0, BESIDE, KIND_TEXT, TEXT_FIELD(to), UNASKED,
     0, "name must be a peer's name"},
    {"how", VERB(RELEASE) | VERB(RESUME) | VERB(TRUST), VERB(RELEASE) | VERB(RESUME),
     BESIDE, KIND_TEXT, TEXT_FIELD(how), UNASKED, 0, "how must be typed or --yes"},
    {"version", VERB(VERSION), VERB(VERSION), BESIDE, KIND_VERSION, FIELD(version), 0,
     UNASKED, 0, "version must be \"1.1\" or \"1.2\""},
};

/* Text of a string or, where that is allowed, of an integer: "#41", so that it is taken
 * for no id. "" is a value like any. */
static bool
take_text(const struct lcp_json *doc, uint32_t at, bool or_int, char *out, size_t size)
{
    size_t len;

    if (or_int && lcp_json_is(doc, at, LCP_JSON_INT)) {
        struct lcp_span raw = lcp_json_raw(doc, at);

        if (raw.len + 1 >= size)
            return false;
        out[0] = '#';
        memcpy(out + 1, raw.data, raw.len);
        out[raw.len + 1] = '\0';
        return true;
    }
    if (!lcp_json_is(doc, at, LCP_JSON_STRING) ||
        lcp_json_string(doc, at, out, size, &len) != LCP_OK)
        return false;
    return strlen(out) == len;
}

static bool
take_ids(const struct lcp_json *doc, uint32_t at, struct lcp_request *out)
{
    if (!lcp_json_is(doc, at, LCP_JSON_ARRAY) ||
        doc->nodes[at].count > LCP_REQUEST_IDS_MAX)
        return false;
    for (uint32_t i = lcp_json_first(doc, at); i != 0; i = doc->nodes[i].next) {
        if (!take_text(doc, i, true, out->ids[out->id_count], sizeof(out->ids[0])))
            return false;
        out->id_count++;
    }
    return true;
}

static bool
take_bool(const struct lcp_json *doc, uint32_t at, bool *out)
{
    *out = lcp_json_is(doc, at, LCP_JSON_TRUE);
    return *out || lcp_json_is(doc, at, LCP_JSON_FALSE);
}

static bool
take_uint(const struct lcp_json *doc, uint32_t at, uint64_t min, uint64_t max,
          uint64_t *out)
{
    int64_t value;

    if (lcp_json_int(doc, at, &value) != LCP_OK || value < 0 || (uint64_t)value < min ||
        (uint64_t)value > max)
        return false;
    *out = (uint64_t)value;
    return true;
}

static bool
take_version(const struct lcp_json *doc, uint32_t at, int *out)
{
    *out = lcp_json_equals(doc, at, "1.1")   ? LCP_VERSION_1_1
           : lcp_json_equals(doc, at, "1.2") ? LCP_VERSION_1_2
                                             : 0;
    return *out != 0;
}

/* False: the value does not fit the member. */
static bool
take(const struct member *m, const struct lcp_json *doc, uint32_t at,
     struct lcp_request *out)
{
    char *field = (char *)out + m->field;
    size_t len = 0;

    if (m->has != UNASKED)
        *(bool *)((char *)out + m->has) = true;
    switch (m->kind) {
    case KIND_TEXT:
        return take_text(doc, at, false, field, m->size);
    case KIND_ID:
        return take_text(doc, at, true, field, m->size);
    case KIND_IDS:
        return take_ids(doc, at, out);
    case KIND_BOOL:
        return take_bool(doc, at, (bool *)(void *)field);
    case KIND_VERSION:
        return take_version(doc, at, (int *)(void *)field);
    case KIND_UINT:
        return take_uint(doc, at, m->min, INT64_MAX, (uint64_t *)(void *)field);
    case KIND_SECONDS:
        return take_uint(doc, at, m->min, SECONDS_MAX, (uint64_t *)(void *)field);
    case KIND_MESSAGE:
        if (!lcp_json_is(doc, at, LCP_JSON_STRING) ||
            lcp_json_string(doc, at, out->text_buf, LCP_IPC_REQUEST_MAX, &len) !=
                LCP_OK)
            return false;
        out->message = lcp_span(out->text_buf, len);
        return true;
    }
    return false;
}

static char
upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool
find_verb(const struct lcp_json *doc, enum lcp_verb *verb)
{
    char name[16];
    uint32_t at = lcp_json_member(doc, 0, "cmd");

    if (at == 0 || !take_text(doc, at, false, name, sizeof(name)))
        return false;
    for (char *c = name; *c != '\0'; c++)
        *c = upper(*c);
    for (size_t i = 0; i < LCP_VERB_MAX; i++) {
        if (strcmp(verb_names[i], name) == 0) {
            *verb = (enum lcp_verb)i;
            return true;
        }
    }
    return false;
}

/* The member's value, or 0; null counts as absent. payload is 0 when there is none. */
static uint32_t
find_value(const struct member *m, const struct lcp_json *doc, uint32_t payload)
{
    uint32_t at = 0;

    if (m->place != INSIDE)
        at = lcp_json_member(doc, 0, m->name);
    if (at != 0 && lcp_json_is(doc, at, LCP_JSON_NULL))
        at = 0;
    if (at == 0 && m->place != BESIDE && payload != 0)
        at = lcp_json_member(doc, payload, m->name);
    return at != 0 && !lcp_json_is(doc, at, LCP_JSON_NULL) ? at : 0;
}

/* NULL, or what was expected. */
static const char *
take_members(const struct lcp_json *doc, struct lcp_request *out)
{
    unsigned verb = 1u << out->verb;
    uint32_t payload = 0;

    if (out->verb == LCP_VERB_SEND) {
        payload = lcp_json_member(doc, 0, "payload");
        if (payload == 0 || !lcp_json_is(doc, payload, LCP_JSON_OBJECT))
            return "payload must be an object with a message";
    }
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct member *m = &members[i];
        uint32_t at;

        if ((m->verbs & verb) == 0)
            continue;
        at = find_value(m, doc, payload);
        if (at == 0 && (m->required & verb) != 0)
            return m->expected;
        if (at != 0 && !take(m, doc, at, out))
            return m->expected;
    }
    return NULL;
}

static bool
is_one_of(const char *text, const char *a, const char *b, const char *c)
{
    return text[0] == '\0' || strcmp(text, a) == 0 || strcmp(text, b) == 0 ||
           strcmp(text, c) == 0;
}

/* What a member's kind does not say. NULL, or what was expected. */
static const char *
check_words(const struct lcp_request *r)
{
    if (!is_one_of(r->wait_for, "stored", "read", "done"))
        return "wait_for must be stored, read or done";
    if (!is_one_of(r->how, "typed", "--yes", "--yes") ||
        (r->how[0] == '\0' &&
         (r->verb == LCP_VERB_RELEASE || r->verb == LCP_VERB_RESUME)))
        return "how must be typed or --yes";
    if (r->proof && r->id[0] == '\0')
        return "proof must be true or false, and needs an id";
    return NULL;
}

/* Everything but the room that the caller gave. */
static void
clear(struct lcp_request *out, bool is_ours)
{
    char(*ids)[LCP_REQUEST_ID_TEXT + 1] = out->ids;
    char *text_buf = out->text_buf;

    assert(ids != NULL && text_buf != NULL);
    memset(out, 0, sizeof(*out));
    out->ids = ids;
    out->text_buf = text_buf;
    out->is_ours = is_ours;
    out->wait = true;
}

enum lcp_err
lcp_request_parse(struct lcp_span text, bool is_ours, struct lcp_json_node *nodes,
                  struct lcp_request *out, const char **code, const char **message)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_IPC_NODES_MAX};

    clear(out, is_ours);
    *code = "bad-request";
    if (lcp_json_parse(text, &doc) != LCP_JSON_FAULT_NONE) {
        *message = "the request is not one JSON object";
        return LCP_EFORMAT;
    }
    if (!find_verb(&doc, &out->verb)) {
        *message = "cmd must be one of SEND CHECK SHOWN READ ACK SENT CANCEL STATUS "
                   "PING PURGE PEERS TRUST RELOAD HELD RELEASE REFUSE RESEND PAUSE "
                   "RESUME VERSION AUDIT";
        return LCP_EFORMAT;
    }
    *message = take_members(&doc, out);
    if (*message == NULL)
        *message = check_words(out);
    if (*message != NULL)
        return LCP_EFORMAT;
    if (out->type[0] == '\0' && out->verb == LCP_VERB_SEND)
        memcpy(out->type, "chat", sizeof("chat"));
    *code = NULL;
    return LCP_OK;
}
