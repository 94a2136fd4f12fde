/* SPDX-License-Identifier: MIT
 *
 * Edits of lcp.conf by line: what an edit does not mean stays byte for byte. The result
 * is read again before it replaces the file, and edits of several commands wait for
 * each other.
 */
#include "conf/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

enum {
    FILE_BYTES_MAX = 8 * 1024 * 1024,
    LOCK_WAIT_MS = 5000,
    LOCK_STEP_MS = 10,
    SHOWN_MAX = 80,
};

/* The file, and what becomes of it. */
struct edit {
    char path[LCP_PATH_MAX];
    const char *home;
    char *fault;
    struct lcp_os_lock lock;
    char *old;
    size_t old_len;
    char *text; /* the new one */
    size_t len, cap;
    const char *eol;
};

/* Where a [Peer] lies: its header, and behind its last pair. */
struct place {
    size_t header, header_end;
    size_t pairs_end;
    size_t end; /* the next section, or the end of the file */
};

static enum lcp_err
put(struct edit *e, const void *data, size_t len)
{
    if (len > e->cap - e->len) {
        size_t cap = 2 * e->cap + len;
        char *bigger = realloc(e->text, cap);

        if (bigger == NULL) {
            lcp_conf_fault(e->fault, "out of memory");
            return LCP_ENOMEM;
        }
        e->text = bigger;
        e->cap = cap;
    }
    if (len > 0)
        memcpy(e->text + e->len, data, len);
    e->len += len;
    return LCP_OK;
}

static enum lcp_err
put_pair(struct edit *e, const char *indent, size_t indent_len, const char *key,
         const char *value)
{
    enum lcp_err err = put(e, indent, indent_len);

    if (err == LCP_OK)
        err = put(e, key, strlen(key));
    if (err == LCP_OK)
        err = put(e, " = ", 3);
    if (err == LCP_OK)
        err = put(e, value, strlen(value));
    if (err == LCP_OK)
        err = put(e, e->eol, strlen(e->eol));
    return err;
}

static enum lcp_err
take_lock(struct edit *e)
{
    char path[LCP_PATH_MAX];
    enum lcp_err err = lcp_path_join(path, sizeof(path), e->home, "lcp.conf.lock");
    uint64_t start_ms = lcp_os_mono_ms();

    if (err != LCP_OK)
        return err;
    for (;;) {
        err = lcp_os_lock(path, &e->lock, NULL);
        if (err != LCP_EBUSY || lcp_os_mono_ms() - start_ms > LOCK_WAIT_MS)
            return err;
        lcp_os_sleep_ms(LOCK_STEP_MS);
    }
}

static enum lcp_err
begin(struct edit *e, const char *home, char *fault)
{
    enum lcp_err err;

    *e = (struct edit){.home = home, .fault = fault, .lock = {.handle = -1}};
    fault[0] = '\0';
    err = lcp_path_join(e->path, sizeof(e->path), home, "lcp.conf");
    if (err == LCP_OK)
        err = lcp_os_exists(e->path) ? take_lock(e) : LCP_ENOTFOUND;
    if (err == LCP_OK)
        err = lcp_os_read_file(e->path, FILE_BYTES_MAX, &e->old, &e->old_len);
    if (err != LCP_OK) {
        const char *why = err == LCP_ENOTFOUND ? "there is no such file"
                          : err == LCP_EBUSY   ? "another command is editing it"
                                               : lcp_os_last_error();

        lcp_conf_fault(fault, "%.100s/lcp.conf: %s", home, why);
        return err;
    }
    e->eol = memchr(e->old, '\r', e->old_len) != NULL ? "\r\n" : "\n";
    return LCP_OK;
}

static void
end(struct edit *e)
{
    free(e->old);
    free(e->text);
    lcp_os_unlock(&e->lock);
}

/* Reads the new text as it will be read, and puts it in place. Then the peer must be
 * there under this name (NULL: no matter). */
static enum lcp_err
finish(struct edit *e, const char *name)
{
    struct lcp_conf conf;
    bool is_there = name == NULL;
    enum lcp_err err = lcp_conf_parse(e->home, e->path, lcp_span(e->text, e->len), NULL,
                                      &conf, e->fault);

    if (err != LCP_OK)
        return err;
    for (size_t i = 0; i < conf.peer_count && !is_there; i++)
        is_there = strcmp(conf.peers[i].name, name) == 0;
    lcp_conf_free(&conf);
    if (!is_there) {
        lcp_conf_fault(e->fault, "this name cannot be written in lcp.conf");
        return LCP_EINVAL;
    }
    err = lcp_os_write_file(e->path, lcp_span(e->text, e->len), 0600, true);
    if (err != LCP_OK)
        lcp_conf_fault(e->fault, "%.100s/lcp.conf: %s", e->home, lcp_os_last_error());
    return err;
}

/* Checks a value as the file's reader would. */
static enum lcp_err
check_value(const struct lcp_conf_key *key, const char *value, char *fault)
{
    struct lcp_conf_peer peer = {.line = 0};
    struct lcp_conf_draft draft = {.peer = &peer};
    char shown[SHOWN_MAX];

    if (key->set(&draft, key, lcp_span_str(value)))
        return LCP_OK;
    lcp_text_escape(lcp_span_str(value), false, shown, sizeof(shown));
    lcp_conf_fault(fault, "%s is \"%s\"; expected %s", key->name, shown, key->expected);
    return LCP_EINVAL;
}

static enum lcp_err
check_pair(const char *key_name, const char *value, char *fault)
{
    const struct lcp_conf_key *key = lcp_conf_key_find(LCP_CONF_PEER,
                                                       lcp_span_str(key_name));

    return check_value(key, value, fault);
}

/* Is this content a pair of this key in a [Peer]? */
static bool
is_pair_of(struct lcp_span content, const struct lcp_conf_key *key,
           struct lcp_span *value)
{
    struct lcp_span name;

    return lcp_conf_pair(content, &name, value) &&
           lcp_conf_key_find(LCP_CONF_PEER, name) == key;
}

/* Finds the [Peer] of this name in the old text. */
static bool
find_peer(const struct edit *e, const char *name, struct place *out)
{
    const struct lcp_conf_key *name_key = lcp_conf_key_find(LCP_CONF_PEER,
                                                            lcp_span_str("Name"));
    struct lcp_span text = lcp_span(e->old, e->old_len), line, value, key;
    struct place place = {0};
    bool in_peer = false, found = false;
    size_t at = 0, start = 0;

    while (lcp_conf_next_line(text, &at, &line)) {
        struct lcp_span content = lcp_conf_content(line);

        if (content.len > 0 && content.data[0] == '[') {
            if (found)
                break;
            in_peer = lcp_conf_is_section(content, "Peer");
            place = (struct place){.header = start, .header_end = at, .pairs_end = at};
        } else if (in_peer && lcp_conf_pair(content, &key, &value)) {
            place.pairs_end = at;
            if (is_pair_of(content, name_key, &value) &&
                lcp_span_eq(value, lcp_span_str(name)))
                found = true;
        }
        start = at;
    }
    place.end = start;
    *out = place;
    return found;
}

static enum lcp_err
no_such_peer(const char *name, char *fault)
{
    char shown[SHOWN_MAX];

    lcp_text_escape(lcp_span_str(name), false, shown, sizeof(shown));
    lcp_conf_fault(fault, "lcp.conf has no peer %s", shown);
    return LCP_ENOTFOUND;
}

enum lcp_err
lcp_conf_create(const char *home, const char *name, const char *address, char *fault)
{
    struct edit e = {.home = home, .fault = fault, .lock = {.handle = -1}, .eol = "\n"};
    static const char head[] = "# Configuration of this LCP node, see lcp.conf(5).\n"
                               "# `lcp peer` edits it and keeps what you write here.\n"
                               "[Node]\n";
    const struct lcp_conf_key *name_key = lcp_conf_key_find(LCP_CONF_NODE,
                                                            lcp_span_str("Name"));
    const struct lcp_conf_key *address_key = lcp_conf_key_find(LCP_CONF_NODE,
                                                               lcp_span_str("Address"));
    struct lcp_conf conf = {.peers = NULL};
    struct lcp_conf_draft draft = {.conf = &conf};
    enum lcp_err err;

    fault[0] = '\0';
    if (!name_key->set(&draft, name_key, lcp_span_str(name))) {
        lcp_conf_fault(fault, "that is no name; expected %s", name_key->expected);
        return LCP_EINVAL;
    }
    if (!address_key->set(&draft, address_key, lcp_span_str(address))) {
        lcp_conf_fault(fault, "that is no address; expected %s", address_key->expected);
        return LCP_EINVAL;
    }
    err = lcp_path_join(e.path, sizeof(e.path), home, "lcp.conf");
    if (err == LCP_OK)
        err = put(&e, head, sizeof(head) - 1);
    if (err == LCP_OK)
        err = put_pair(&e, "", 0, "Name", name);
    if (err == LCP_OK)
        err = put_pair(&e, "", 0, "Address", address);
    if (err != LCP_OK)
        goto out;
    err = lcp_conf_parse(home, e.path, lcp_span(e.text, e.len), NULL, &conf, fault);
    if (err == LCP_OK && strcmp(conf.name, name) != 0) {
        lcp_conf_fault(fault, "this name cannot be written in lcp.conf");
        err = LCP_EINVAL;
    }
    lcp_conf_free(&conf);
    if (err != LCP_OK)
        goto out;
    err = lcp_os_create_file(e.path, lcp_span(e.text, e.len), 0600);
    if (err != LCP_OK)
        lcp_conf_fault(fault, "%.100s/lcp.conf: %s", home, lcp_os_last_error());

out:
    end(&e);
    return err;
}

enum lcp_err
lcp_conf_peer_add(const char *home, const char *name, const char *address,
                  const char *key_b64, char *fault)
{
    struct edit e;
    struct place place;
    enum lcp_err err = check_pair("Name", name, fault);

    if (err == LCP_OK)
        err = check_pair("Address", address, fault);
    if (err == LCP_OK && key_b64 != NULL)
        err = check_pair("PublicKey", key_b64, fault);
    if (err != LCP_OK)
        return err;
    err = begin(&e, home, fault);
    if (err != LCP_OK)
        goto out;
    if (find_peer(&e, name, &place)) {
        lcp_conf_fault(fault, "lcp.conf has a peer %s already", name);
        err = LCP_EEXIST;
        goto out;
    }
    err = put(&e, e.old, e.old_len);
    if (err == LCP_OK && e.old_len > 0 && e.old[e.old_len - 1] != '\n')
        err = put(&e, e.eol, strlen(e.eol));
    if (err == LCP_OK && e.old_len > 0)
        err = put(&e, e.eol, strlen(e.eol));
    if (err == LCP_OK)
        err = put(&e, "[Peer]", 6);
    if (err == LCP_OK)
        err = put(&e, e.eol, strlen(e.eol));
    if (err == LCP_OK)
        err = put_pair(&e, "", 0, "Name", name);
    if (err == LCP_OK)
        err = put_pair(&e, "", 0, "Address", address);
    if (err == LCP_OK && key_b64 != NULL)
        err = put_pair(&e, "", 0, "PublicKey", key_b64);
    if (err == LCP_OK)
        err = finish(&e, name);

out:
    end(&e);
    return err;
}

/* Where the blank lines before `at` begin: they parted the section from the one before.
 */
static size_t
blanks_before(const struct edit *e, size_t at)
{
    for (;;) {
        size_t start = at;

        if (start > 0 && e->old[start - 1] == '\n')
            start--;
        while (start > 0 && e->old[start - 1] != '\n')
            start--;
        if (at == 0 || lcp_conf_content(lcp_span(e->old + start, at - start)).len > 0 ||
            memchr(e->old + start, '#', at - start) != NULL ||
            memchr(e->old + start, ';', at - start) != NULL)
            return at;
        at = start;
    }
}

enum lcp_err
lcp_conf_peer_remove(const char *home, const char *name, char *fault)
{
    struct edit e;
    struct place place;
    struct lcp_span line, key, value;
    size_t at, start;
    enum lcp_err err = begin(&e, home, fault);

    if (err != LCP_OK)
        goto out;
    if (!find_peer(&e, name, &place)) {
        err = no_such_peer(name, fault);
        goto out;
    }
    err = put(&e, e.old, blanks_before(&e, place.header));
    /* The header and the pairs go; comments between them are not ours to delete. */
    for (at = start = place.header_end; err == LCP_OK && start < place.pairs_end;
         start = at) {
        (void)lcp_conf_next_line(lcp_span(e.old, e.old_len), &at, &line);
        if (line.len > 0 && !lcp_conf_pair(lcp_conf_content(line), &key, &value))
            err = put(&e, e.old + start, at - start);
    }
    if (err == LCP_OK)
        err = put(&e, e.old + place.pairs_end, e.old_len - place.pairs_end);
    if (err == LCP_OK)
        err = finish(&e, NULL);

out:
    end(&e);
    return err;
}

/* Puts out the section with this key's line changed, deleted or added. */
static enum lcp_err
rewrite(struct edit *e, const struct place *place, const struct lcp_conf_key *key,
        const char *value)
{
    struct lcp_span text = lcp_span(e->old, e->old_len), line, old_value;
    size_t at = place->header_end, start, indent_len = 0;
    const char *indent = "";
    bool is_done = false;
    enum lcp_err err = put(e, e->old, place->header_end);

    for (start = at; err == LCP_OK && start < place->pairs_end; start = at) {
        struct lcp_span content;

        (void)lcp_conf_next_line(text, &at, &line);
        content = lcp_conf_content(line);
        if (content.len > 0) {
            indent = e->old + start;
            indent_len = (size_t)((const char *)content.data - indent);
        }
        if (!is_pair_of(content, key, &old_value)) {
            err = put(e, e->old + start, at - start);
            continue;
        }
        is_done = true;
        if (value == NULL)
            continue;
        /* Everything around the value stays, its comment too. */
        err = put(e, e->old + start,
                  (size_t)((const char *)old_value.data - e->old) - start);
        if (err == LCP_OK)
            err = put(e, value, strlen(value));
        if (err == LCP_OK) {
            const char *rest = (const char *)old_value.data + old_value.len;

            err = put(e, rest, (size_t)(e->old + at - rest));
        }
    }
    if (err == LCP_OK && !is_done && value != NULL) {
        if (e->len > 0 && e->text[e->len - 1] != '\n')
            err = put(e, e->eol, strlen(e->eol));
        if (err == LCP_OK)
            err = put_pair(e, indent, indent_len, key->name, value);
    }
    if (err == LCP_OK)
        err = put(e, e->old + place->pairs_end, e->old_len - place->pairs_end);
    return err;
}

enum lcp_err
lcp_conf_peer_set(const char *home, const char *name, const char *key_name,
                  const char *value, char *fault)
{
    const struct lcp_conf_key *key = lcp_conf_key_find(LCP_CONF_PEER,
                                                       lcp_span_str(key_name));
    struct edit e;
    struct place place;
    enum lcp_err err = LCP_OK;

    if (key == NULL) {
        char shown[SHOWN_MAX], suggestion[2 * SHOWN_MAX];

        lcp_text_escape(lcp_span_str(key_name), false, shown, sizeof(shown));
        lcp_conf_key_suggest(LCP_CONF_PEER, lcp_span_str(key_name), suggestion,
                             sizeof(suggestion));
        lcp_conf_fault(fault, "[Peer] has no key %s; %s", shown, suggestion);
        return LCP_EINVAL;
    }
    if (strcmp(key->name, "Name") == 0) {
        /* Its pin and the mail queued to it go by the name. */
        lcp_conf_fault(fault, "a peer keeps its name; remove it, then add it under the "
                              "new one");
        return LCP_EINVAL;
    }
    if (value != NULL)
        err = check_value(key, value, fault);
    if (err != LCP_OK)
        return err;
    err = begin(&e, home, fault);
    if (err != LCP_OK)
        goto out;
    if (!find_peer(&e, name, &place)) {
        err = no_such_peer(name, fault);
        goto out;
    }
    err = rewrite(&e, &place, key, value);
    if (err == LCP_OK)
        err = finish(&e, name);

out:
    end(&e);
    return err;
}
