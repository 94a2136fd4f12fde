/* SPDX-License-Identifier: MIT
 *
 * Reads lcp.conf: inih cuts the pairs, lines and sections are counted here because inih
 * tells neither where a second [Peer] begins nor that it cut a line in two. Then the
 * environment, then the checks that need the whole.
 */
#include "conf/keys.h"

#include <assert.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

enum {
    FILE_BYTES_MAX = 8 * 1024 * 1024, /* 10,000 peers with comments */
    PATH_SHOWN_MAX = 120,             /* of a path in a fault, its end */
    VALUE_SHOWN_MAX = 80,
    SUGGESTION_MAX = 220,
    KEYS_SEEN_MAX = 64, /* bits of a set; more than the table has rows */
    PEERS_MAX_DEFAULT = 64,
    LOOP_LIMIT_DEFAULT = 30,
};

struct reading {
    struct lcp_conf_draft draft;
    const char *path;
    char *fault;
    struct lcp_span text;
    size_t at; /* where the next line begins */
    unsigned line, section_line;
    enum lcp_conf_section section;
    uint64_t seen; /* keys of this section, by their index */
    bool has_node, has_failed;
    size_t peers_cap;
};

void
lcp_conf_fault(char *fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fault, LCP_CONF_FAULT_MAX, format, args);
    va_end(args);
}

/* "path:line: ..."; the first one stays. line 0: no line to name. */
LCP_PRINTF(3, 4)
static void
fail(struct reading *r, unsigned line, const char *format, ...)
{
    size_t len = strlen(r->path);
    const char *path = len > PATH_SHOWN_MAX ? r->path + len - PATH_SHOWN_MAX : r->path;
    char where[16] = "";
    va_list args;
    int put;

    if (r->has_failed)
        return;
    r->has_failed = true;
    if (line != 0)
        snprintf(where, sizeof(where), ":%u", line);
    put = snprintf(r->fault, LCP_CONF_FAULT_MAX,
                   "%s%s%s: ", path == r->path ? "" : "...", path, where);
    assert(put > 0 && put < LCP_CONF_FAULT_MAX);
    va_start(args, format);
    vsnprintf(r->fault + put, LCP_CONF_FAULT_MAX - (size_t)put, format, args);
    va_end(args);
}

static bool
add_peer(struct reading *r)
{
    struct lcp_conf *conf = r->draft.conf;

    if (conf->peer_count == LCP_CONF_PEERS_MAX) {
        fail(r, r->line, "more than %d peers", (int)LCP_CONF_PEERS_MAX);
        return false;
    }
    if (conf->peer_count == r->peers_cap) {
        size_t cap = r->peers_cap == 0 ? 16 : 2 * r->peers_cap;
        struct lcp_conf_peer *peers = realloc(conf->peers, cap * sizeof(*peers));

        if (peers == NULL) {
            fail(r, r->line, "out of memory");
            return false;
        }
        conf->peers = peers;
        r->peers_cap = cap;
    }
    r->draft.peer = &conf->peers[conf->peer_count++];
    *r->draft.peer = (struct lcp_conf_peer){.line = r->line};
    return true;
}

/* A [Peer] must be whole. */
static void
end_section(struct reading *r)
{
    static const uint8_t no_ip[16];

    if (r->section != LCP_CONF_PEER || r->has_failed)
        return; /* without memory there is no peer to look at */
    if (r->draft.peer->name[0] == '\0')
        fail(r, r->section_line, "this [Peer] has no Name; expected a line Name = ...");
    else if (memcmp(r->draft.peer->endpoint.ip, no_ip, sizeof(no_ip)) == 0)
        fail(r, r->section_line,
             "this [Peer] has no Address; expected a line Address = IP:PORT");
}

static void
begin_section(struct reading *r, struct lcp_span content)
{
    char shown[VALUE_SHOWN_MAX];

    end_section(r);
    r->section_line = r->line;
    r->seen = 0;
    if (lcp_conf_is_section(content, "Node")) {
        r->section = LCP_CONF_NODE;
        if (r->has_node)
            fail(r, r->line, "a second [Node]; expected only one");
        r->has_node = true;
    } else if (lcp_conf_is_section(content, "Peer")) {
        r->section = LCP_CONF_PEER;
        if (!add_peer(r))
            return;
    } else {
        lcp_text_escape(content, false, shown, sizeof(shown));
        fail(r, r->line, "unknown section %s; expected [Node] or [Peer]", shown);
    }
}

/* Gives inih one line: what counts of it, nothing else. */
static char *
read_line(char *out, int cap, void *stream)
{
    struct reading *r = stream;
    struct lcp_span line, content, key, value;

    if (r->has_failed || cap < 2 || !lcp_conf_next_line(r->text, &r->at, &line))
        return NULL;
    r->line++;
    if (r->line == 1 && line.len >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0)
        line = lcp_span(line.data + 3, line.len - 3);
    content = lcp_conf_content(line);
    if (content.len > (size_t)cap - 2) {
        fail(r, r->line, "the line is too long; expected at most %d bytes", cap - 2);
        return NULL;
    }
    if (content.len > 0 && content.data[0] == '[')
        begin_section(r, content);
    else if (content.len > 0 && !lcp_conf_pair(content, &key, &value))
        fail(r, r->line, "expected [Node], [Peer] or a line Key = Value");
    if (r->has_failed)
        return NULL;
    if (content.len > 0)
        memcpy(out, content.data, content.len);
    out[content.len] = '\n';
    out[content.len + 1] = '\0';
    return out;
}

static void
set_value(struct reading *r, const struct lcp_conf_key *key, const char *label,
          struct lcp_span value)
{
    char shown[VALUE_SHOWN_MAX];

    if (key->set(&r->draft, key, value))
        return;
    lcp_text_escape(value, false, shown, sizeof(shown));
    fail(r, r->line, "%s = %s; expected %s", label, shown, key->expected);
}

/* inih found a pair. */
static int
take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    struct lcp_span text = lcp_span_str(name);
    char shown[VALUE_SHOWN_MAX], suggestion[SUGGESTION_MAX];
    const struct lcp_conf_key *key;
    uint64_t bit;

    (void)section;
    lcp_text_escape(text, false, shown, sizeof(shown));
    if (r->section == LCP_CONF_NOWHERE) {
        fail(r, r->line, "%s stands before any section; expected [Node] first", shown);
        return 0;
    }
    key = lcp_conf_key_find(r->section, text);
    if (key == NULL) {
        lcp_conf_key_suggest(r->section, text, suggestion, sizeof(suggestion));
        fail(r, r->line, "unknown key %s; %s", shown, suggestion);
        return 0;
    }
    assert(key - lcp_conf_key_at(0) < KEYS_SEEN_MAX);
    bit = (uint64_t)1 << (key - lcp_conf_key_at(0));
    if ((r->seen & bit) != 0 && !key->repeats)
        fail(r, r->line, "%s is there twice; expected it once in a section", key->name);
    r->seen |= bit;
    if (!r->has_failed)
        set_value(r, key, key->name, lcp_span_str(value == NULL ? "" : value));
    return r->has_failed ? 0 : 1;
}

static void
read_file(struct reading *r)
{
    int rc;

    if (r->text.len > 0 && memchr(r->text.data, '\0', r->text.len) != NULL) {
        fail(r, 0, "holds a NUL byte; expected text");
        return;
    }
    rc = ini_parse_stream(read_line, r, take_pair, r);
    if (rc != 0)
        fail(r, rc > 0 ? (unsigned)rc : 0, "expected [Section] or Key = Value");
    end_section(r);
}

/* The environment, ours before the seed's names. A port given there beats the file's,
 * and an address given there without a port takes the file's. */
static void
read_env(struct reading *r, const char *(*env)(const char *name))
{
    struct lcp_conf *conf = r->draft.conf;
    uint16_t file_port = conf->address.port;
    const struct lcp_conf_key *key;

    r->path = "environment";
    r->draft.port = 0;
    for (size_t i = 0; (key = lcp_conf_key_at(i)) != NULL; i++) {
        const char *label = key->env;
        const char *value = label == NULL ? NULL : env(label);

        if (value == NULL && key->seed_name != NULL) {
            label = key->seed_name;
            value = env(label);
        }
        if (value == NULL)
            continue;
        if (key->repeats)
            conf->alias_count = 0;
        r->line = 0;
        set_value(r, key, label, lcp_span_str(value));
    }
    if (conf->address.port == 0)
        conf->address.port = file_port;
    if (r->draft.port != 0)
        conf->address.port = r->draft.port;
}

static int
by_name(const void *a, const void *b)
{
    const struct lcp_conf_peer *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static int
by_endpoint(const void *a, const void *b)
{
    const struct lcp_conf_peer *const *x = a, *const *y = b;
    int order = memcmp((*x)->endpoint.ip, (*y)->endpoint.ip, 16);

    return order != 0 ? order : (int)(*x)->endpoint.port - (int)(*y)->endpoint.port;
}

static int
by_key(const void *a, const void *b)
{
    const struct lcp_conf_peer *const *x = a, *const *y = b;

    return memcmp(&(*x)->key, &(*y)->key, sizeof((*x)->key));
}

static void
check_twins(struct reading *r, const struct lcp_conf_peer **sorted,
            int (*order)(const void *, const void *), const char *what)
{
    size_t count = r->draft.conf->peer_count;

    qsort(sorted, count, sizeof(sorted[0]), order);
    for (size_t i = 1; i < count; i++) {
        const struct lcp_conf_peer *a = sorted[i - 1], *b = sorted[i];

        if (order(&a, &b) != 0 || (order == by_key && !lcp_key_is_set(&a->key)))
            continue;
        fail(r, a->line > b->line ? a->line : b->line,
             "this peer has the %s of the peer in line %u; expected another one", what,
             a->line < b->line ? a->line : b->line);
    }
}

static void
check_peers(struct reading *r)
{
    struct lcp_conf *conf = r->draft.conf;
    const struct lcp_conf_peer **sorted;

    if (conf->peer_count == 0)
        return;
    sorted = malloc(conf->peer_count * sizeof(sorted[0]));
    if (sorted == NULL) {
        fail(r, 0, "out of memory");
        return;
    }
    for (size_t i = 0; i < conf->peer_count; i++) {
        sorted[i] = &conf->peers[i];
        if (conf->has_address &&
            lcp_endpoint_eq(&conf->peers[i].endpoint, &conf->address))
            fail(r, conf->peers[i].line,
                 "this peer has our own Address; expected that of another node");
    }
    check_twins(r, sorted, by_name, "Name");
    check_twins(r, sorted, by_endpoint, "Address");
    check_twins(r, sorted, by_key, "PublicKey");
    free(sorted);
}

/* Ports that nobody gave, room for peers, what may not be missing. */
static void
complete(struct reading *r, const char *path, uint16_t file_port, bool is_whole)
{
    struct lcp_conf *conf = r->draft.conf;
    uint16_t port = r->draft.port != 0 ? r->draft.port : file_port;

    r->path = path;
    if (port == 0)
        port = LCP_PORT_DEFAULT;
    if (conf->address.port == 0)
        conf->address.port = port;
    for (size_t i = 0; i < conf->peer_count; i++) {
        /* A legacy node answers to its own port: one LCP_PORT is meant for both ends.
         */
        if (conf->peers[i].endpoint.port == 0)
            conf->peers[i].endpoint.port = port;
    }
    if (is_whole && !r->has_failed && conf->name[0] == '\0')
        fail(r, r->section_line, "no Name; expected a section [Node] with Name = ...");
    if (conf->peers_max == 0) {
        size_t room = 2 * conf->peer_count;

        conf->peers_max = (uint32_t)(room < PEERS_MAX_DEFAULT ? PEERS_MAX_DEFAULT
                                                              : room);
    } else if (conf->peers_max < conf->peer_count) {
        fail(r, 0, "%zu peers, but MaxPeers = %u; expected at least as many",
             conf->peer_count, (unsigned)conf->peers_max);
    }
    if (!r->has_failed)
        check_peers(r);
}

static bool
is_default_home(const char *home, const char *(*env)(const char *name))
{
    char path[LCP_PATH_MAX];
    const char *user = env == NULL ? NULL : env("HOME");
    size_t len = strlen(home);

    while (len > 1 && home[len - 1] == '/')
        len--;
    if (user != NULL && user[0] != '\0') {
        if (lcp_path_join(path, sizeof(path), user, ".lcp") != LCP_OK)
            return false;
    } else if ((env != NULL && env("LCP_HOME") != NULL) ||
               lcp_os_default_home(path, sizeof(path)) != LCP_OK) {
        return false;
    }
    return strlen(path) == len && memcmp(path, home, len) == 0;
}

static void
set_defaults(struct lcp_conf *conf, const char *home, bool is_default)
{
    *conf = (struct lcp_conf){.ipc_port = 9529,
                              .retries_max = 5,
                              .retry_base_ms = 500,
                              .ack_timeout_ms = 3000,
                              .heartbeat_ms = 30000,
                              .peer_timeout_ms = 120000,
                              .ttl_s = 86400,
                              .loop_limit = LOOP_LIMIT_DEFAULT};
    snprintf(conf->home, sizeof(conf->home), "%s", home);
    if (is_default)
        snprintf(conf->legacy_socket, sizeof(conf->legacy_socket), "/tmp/lcp.sock");
}

enum lcp_err
lcp_conf_parse(const char *home, const char *path, struct lcp_span text,
               const char *(*env)(const char *name), struct lcp_conf *conf, char *fault)
{
    struct reading r = {.path = path, .fault = fault, .text = text, .draft.conf = conf};
    uint16_t file_port;

    fault[0] = '\0';
    set_defaults(conf, home, is_default_home(home, env));
    read_file(&r);
    file_port = r.draft.port;
    if (conf->address.port != 0 && file_port != 0 && conf->address.port != file_port)
        fail(&r, 0, "Address and Port name different ports; expected one of them");
    if (conf->address.port == 0)
        conf->address.port = file_port;
    if (env != NULL && !r.has_failed)
        read_env(&r, env);
    complete(&r, path, file_port, env != NULL);
    if (!r.has_failed)
        return LCP_OK;
    lcp_conf_free(conf);
    return LCP_EFORMAT;
}

enum lcp_err
lcp_conf_load(const char *home, const char *(*env)(const char *name),
              struct lcp_conf *conf, char *fault)
{
    char path[LCP_PATH_MAX];
    char *data = NULL;
    size_t len = 0;
    enum lcp_err err = lcp_path_join(path, sizeof(path), home, "lcp.conf");

    *conf = (struct lcp_conf){.peers = NULL};
    if (err != LCP_OK) {
        lcp_conf_fault(fault, "the path of the home is too long");
        return err;
    }
    err = lcp_os_read_file(path, FILE_BYTES_MAX, &data, &len);
    if (err != LCP_OK) {
        const char *why = err == LCP_EFULL ? "too big" : lcp_os_last_error();

        lcp_conf_fault(fault, "%.*s: %s", (int)PATH_SHOWN_MAX, path, why);
        return err;
    }
    err = lcp_conf_parse(home, path, lcp_span(data, len), env, conf, fault);
    free(data);
    return err;
}

void
lcp_conf_free(struct lcp_conf *conf)
{
    free(conf->peers);
    conf->peers = NULL;
    conf->peer_count = 0;
}
