/* SPDX-License-Identifier: MIT
 *
 * Keys and pins. Without a daemon they are read from lcp.conf and the record; the lock
 * that a daemon holds keeps us from writing beside one.
 */
#include "cli/peers.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/rows.h"
#include "store/store.h"

enum { ROW_BYTES = 1024 };

bool
lcp_fingerprint_fold(char *text)
{
    size_t len = 0;
    uint8_t bytes[LCP_FINGERPRINT_CHARS / 2];

    for (const char *c = text; *c != '\0'; c++) {
        if (*c == ' ' || *c == ':')
            continue;
        text[len++] = *c >= 'A' && *c <= 'F' ? (char)(*c - 'A' + 'a') : *c;
    }
    text[len] = '\0';
    return len == LCP_FINGERPRINT_CHARS &&
           lcp_hex_parse(lcp_span(text, len), bytes, sizeof(bytes)) == LCP_OK;
}

/* ---- list ---- */

/* NULL when there is no record yet. */
static struct lcp_store *
open_record(const struct lcp_cli *cli, bool read_only)
{
    struct lcp_store *store = NULL;
    char path[LCP_PATH_MAX];

    if (lcp_cli_path(cli, "data/lcp.db", path) != LCP_OK ||
        lcp_store_sqlite_open(path, read_only, &store) != LCP_OK)
        return NULL;
    return store;
}

static void
write_text_or_null(struct lcp_writer *w, const char *key, const char *text)
{
    lcp_write_key(w, key);
    if (text[0] != '\0')
        lcp_write_string(w, text);
    else
        lcp_write_null(w);
}

/* A row of PEERS as far as it is known without a daemon. */
static void
write_row(struct lcp_writer *w, const struct lcp_conf_peer *peer,
          struct lcp_store *store)
{
    char address[LCP_ENDPOINT_TEXT_MAX + 1], how[32] = "";
    char fingerprint[LCP_FINGERPRINT_CHARS + 1] = "";
    struct lcp_key key = peer->key;
    struct lcp_store_peer known;
    uint64_t queued = 0;
    int64_t when;

    if (store == NULL ||
        store->ops->pin_get(store, peer->name, &key, how, &when) != LCP_OK)
        snprintf(how, sizeof(how), "%s", lcp_key_is_set(&peer->key) ? "config" : "");
    if (store != NULL && store->ops->queued_to(store, peer->name, &queued) != LCP_OK)
        queued = 0;
    if (lcp_key_is_set(&key))
        lcp_fingerprint(&key, fingerprint);
    lcp_endpoint_print(&peer->endpoint, address);
    lcp_write_object(w);
    lcp_write_member_string(w, "name", peer->name);
    lcp_write_member_string(w, "address", address);
    lcp_write_member_bool(w, "online", false);
    lcp_write_member_bool(w, "away", false);
    write_text_or_null(w, "last_seen_ms", "");
    write_text_or_null(w, "rtt_ms", "");
    lcp_write_member_int(w, "queued", (int64_t)queued);
    lcp_write_member_int(w, "inflight", 0);
    write_text_or_null(w, "fingerprint", fingerprint);
    write_text_or_null(w, "pinned", how);
    write_text_or_null(w, "refused", "");
    if (store != NULL && store->ops->peer_get(store, peer->name, &known) == LCP_OK) {
        lcp_write_member_string(w, "version",
                                known.version == LCP_VERSION_1_2 ? "1.2" : "1.1");
        lcp_write_member_bool(w, "paused", known.is_paused);
    }
    lcp_write_member_bool(w, "clear", !lcp_endpoint_is_private_path(&peer->endpoint));
    lcp_write_member_int(w, "received", 0);
    lcp_write_member_int(w, "rejected", 0);
    lcp_write_object_end(w);
}

static int
print_rows(struct lcp_cli *cli, struct lcp_span reply)
{
    struct lcp_span peers = {.len = 0}, row;
    size_t at = 0, count = 0;

    (void)lcp_reply_member(reply, "peers", &peers);
    for (; lcp_reply_next(peers, &at, &row); count++)
        lcp_print_peer(row);
    if (count == 0)
        puts("no peers: lcp peer add NAME ADDRESS KEY");
    return lcp_flush(cli);
}

static int
list_without_daemon(struct lcp_cli *cli)
{
    struct lcp_conf conf;
    struct lcp_store *store;
    struct lcp_writer w;
    struct lcp_span text;
    size_t cap;
    char *buf;
    int code = lcp_cli_conf(cli, &conf);

    if (code != LCP_EXIT_DONE)
        return code;
    cap = ROW_BYTES * (conf.peer_count + 1);
    buf = malloc(cap);
    if (buf == NULL) {
        lcp_conf_free(&conf);
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "out of memory");
    }
    fprintf(stderr, "lcp: no daemon runs: this is what lcp.conf and the store say\n");
    store = open_record(cli, true);
    lcp_writer_init(&w, buf, cap, 0);
    lcp_write_object(&w);
    lcp_write_key(&w, "peers");
    lcp_write_array(&w);
    for (size_t i = 0; i < conf.peer_count; i++)
        write_row(&w, &conf.peers[i], store);
    lcp_write_array_end(&w);
    lcp_write_object_end(&w);
    if (store != NULL)
        store->ops->close(store);
    if (cli->args.json || lcp_writer_end(&w, &text) != LCP_OK)
        code = lcp_print_writer(cli, &w);
    else
        code = print_rows(cli, text);
    free(buf);
    lcp_conf_free(&conf);
    return code;
}

static int
print_strangers(struct lcp_cli *cli, struct lcp_span reply)
{
    struct lcp_span unknown = {.len = 0}, row;
    char address[LCP_ENDPOINT_TEXT_MAX + 1], span[LCP_AGO_MAX];
    size_t at = 0, count = 0;

    (void)lcp_reply_member(reply, "unknown", &unknown);
    for (; lcp_reply_next(unknown, &at, &row); count++) {
        lcp_reply_text(row, "address", address, sizeof(address));
        lcp_span_of_time(lcp_reply_number(row, "age_ms") / 1000, span);
        printf("%s: %" PRIu64 " packets, the last %s ago\n", address,
               lcp_reply_number(row, "packets"), span);
    }
    if (count == 0)
        puts("nobody wrote who is no peer");
    return lcp_flush(cli);
}

int
lcp_peer_list(struct lcp_cli *cli)
{
    bool unknown = lcp_opt(cli, "unknown") != NULL;
    struct lcp_span reply;
    struct lcp_ask ask;
    enum lcp_err err = lcp_cli_connect(cli);
    int code;

    if (!unknown && (err == LCP_ECLOSED || err == LCP_ENOTFOUND))
        return list_without_daemon(cli);
    lcp_ask_begin(&ask, "PEERS");
    if (unknown)
        lcp_write_member_bool(&ask.w, "unknown", true);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (!cli->args.json)
        return unknown ? print_strangers(cli, reply) : print_rows(cli, reply);
    lcp_print_json(reply);
    return lcp_flush(cli);
}

/* ---- trust ---- */

/* lcp.conf must not contradict the new pin. */
static int
correct_conf(struct lcp_cli *cli, const char *name, const struct lcp_key *key)
{
    char text[LCP_KEY_B64 + 1], fault[LCP_CONF_FAULT_MAX];
    struct lcp_conf conf;
    bool differs = false;
    int code = lcp_cli_conf(cli, &conf);

    if (code != LCP_EXIT_DONE)
        return code;
    for (size_t i = 0; i < conf.peer_count; i++) {
        if (strcmp(conf.peers[i].name, name) == 0)
            differs = lcp_key_is_set(&conf.peers[i].key) &&
                      !lcp_key_eq(&conf.peers[i].key, key);
    }
    lcp_conf_free(&conf);
    lcp_key_print(key, text);
    if (differs &&
        lcp_conf_peer_set(cli->home, name, "PublicKey", text, fault) != LCP_OK)
        return lcp_fail(cli, LCP_EXIT_ERROR, "config",
                        "correct PublicKey of this peer by hand",
                        "the key is trusted, but lcp.conf names another: %s", fault);
    return LCP_EXIT_DONE;
}

static int
trust_by_daemon(struct lcp_cli *cli, const char *name, const char *fingerprint,
                const char *how)
{
    char text[LCP_KEY_B64 + 1];
    struct lcp_key key;
    struct lcp_span reply;
    struct lcp_ask ask;
    int code;

    lcp_ask_begin(&ask, "TRUST");
    lcp_write_member_string(&ask.w, "name", name);
    lcp_write_member_string(&ask.w, "fingerprint", fingerprint);
    lcp_write_member_string(&ask.w, "how", how);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    lcp_reply_text(reply, "key", text, sizeof(text));
    if (lcp_key_parse(lcp_span_str(text), &key) != LCP_OK)
        return LCP_EXIT_DONE;
    return correct_conf(cli, name, &key);
}

static bool
has_fingerprint(const struct lcp_key *key, const char *fingerprint)
{
    char text[LCP_FINGERPRINT_CHARS + 1];

    if (!lcp_key_is_set(key))
        return false;
    lcp_fingerprint(key, text);
    return strcmp(text, fingerprint) == 0;
}

/* The key of this fingerprint that lcp.conf or the record names for the peer. */
static int
find_key(struct lcp_cli *cli, struct lcp_store *store, const char *name,
         const char *fingerprint, struct lcp_key *key)
{
    char how[32];
    int64_t when;
    struct lcp_conf conf;
    bool is_peer = false, found = false;
    int code = lcp_cli_conf(cli, &conf);

    if (code != LCP_EXIT_DONE)
        return code;
    for (size_t i = 0; i < conf.peer_count && !is_peer; i++) {
        is_peer = strcmp(conf.peers[i].name, name) == 0;
        if (is_peer)
            *key = conf.peers[i].key;
    }
    lcp_conf_free(&conf);
    if (!is_peer)
        return lcp_fail(cli, LCP_EXIT_ERROR, "unknown-peer", "lcp peer list shows them",
                        "there is no peer %s", name);
    found = has_fingerprint(key, fingerprint);
    if (!found && store->ops->pin_get(store, name, key, how, &when) == LCP_OK)
        found = has_fingerprint(key, fingerprint);
    if (found)
        return LCP_EXIT_DONE;
    return lcp_fail(
        cli, LCP_EXIT_ERROR, "not-found",
        "start the daemon (lcp node), let the peer write once, and try again",
        "neither lcp.conf nor the store knows a key of %s with this "
        "fingerprint",
        name);
}

/* What is to be written into the record without a daemon. */
struct edit {
    const char *name, *fingerprint, *how; /* trust */
    struct lcp_key key;
    int version; /* or what the peer speaks; 0: trust */
};

/* A line of the audit record, as the daemon would write it. */
static enum lcp_err
write_audit(struct lcp_store *store, const char *what, const struct edit *edit,
            const char *change, const char *how)
{
    char who[LCP_AUDIT_TEXT_MAX], detail[LCP_AUDIT_TEXT_MAX];
    struct lcp_audit audit = {
        .wall_ms = lcp_os_wall_ms(), .who = who, .what = what, .detail = detail};

    lcp_os_who_self(who, sizeof(who));
    snprintf(detail, sizeof(detail), "%s %s%s%s", edit->name, change,
             how != NULL ? ", " : "", how != NULL ? how : "");
    return store->ops->audit_add(store, &audit);
}

static enum lcp_err
write_pin(struct lcp_store *store, const struct edit *edit)
{
    enum lcp_err err = store->ops->pin_put(store, edit->name, &edit->key, "trusted",
                                           lcp_os_wall_ms());

    if (err != LCP_OK)
        return err;
    return write_audit(store, "peer trust", edit, edit->fingerprint, edit->how);
}

static enum lcp_err
write_version(struct lcp_store *store, const struct edit *edit)
{
    struct lcp_store_peer row;
    enum lcp_err err = store->ops->peer_get(store, edit->name, &row);

    row.version = edit->version;
    if (err == LCP_OK)
        err = store->ops->peer_put(store, edit->name, &row);
    if (err != LCP_OK)
        return err;
    return write_audit(store, "peer version", edit,
                       edit->version == LCP_VERSION_1_2 ? "1.2" : "1.1", NULL);
}

static int
carry_out(struct lcp_cli *cli, struct edit *edit)
{
    struct lcp_store *store = open_record(cli, false);
    enum lcp_err err;
    int code = LCP_EXIT_DONE;

    if (store == NULL)
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "start the daemon once: lcp node",
                        "there is no record in %s/data that can be written", cli->home);
    if (edit->version == 0)
        code = find_key(cli, store, edit->name, edit->fingerprint, &edit->key);
    if (code == LCP_EXIT_DONE) {
        err = store->ops->begin(store);
        if (err == LCP_OK)
            err = edit->version == 0 ? write_pin(store, edit)
                                     : write_version(store, edit);
        if (err == LCP_OK)
            err = store->ops->commit(store);
        if (err != LCP_OK) {
            store->ops->rollback(store);
            code = lcp_fail(cli, LCP_EXIT_ERROR, "io", "",
                            "the store cannot be written");
        }
    }
    store->ops->close(store);
    return code;
}

/* Under the daemon's own lock: nobody starts while we write. */
static int
carry_out_alone(struct lcp_cli *cli, struct edit *edit)
{
    struct lcp_os_lock lock = {.handle = -1};
    char path[LCP_PATH_MAX];
    enum lcp_err err = lcp_cli_path(cli, "lcp.lock", path);
    int code;

    if (err == LCP_OK)
        err = lcp_os_lock(path, &lock, NULL);
    if (err != LCP_OK)
        return lcp_fail(cli, LCP_EXIT_ERROR, err == LCP_EBUSY ? "busy" : "io",
                        "try again in a moment", "the home %s cannot be locked",
                        cli->home);
    code = carry_out(cli, edit);
    lcp_os_unlock(&lock);
    return code;
}

int
lcp_peer_trust(struct lcp_cli *cli, const char *name, const char *fingerprint,
               const char *how, bool *is_running)
{
    struct edit edit = {.name = name, .fingerprint = fingerprint, .how = how};
    enum lcp_err err = lcp_cli_connect(cli);
    int code;

    *is_running = err == LCP_OK;
    if (err == LCP_OK)
        return trust_by_daemon(cli, name, fingerprint, how);
    if (err != LCP_ECLOSED && err != LCP_ENOTFOUND)
        return lcp_fail_client(cli, err);
    code = carry_out_alone(cli, &edit);
    return code == LCP_EXIT_DONE ? correct_conf(cli, name, &edit.key) : code;
}

/* ---- version ---- */

static int
check_is_peer(struct lcp_cli *cli, const char *name)
{
    struct lcp_conf conf;
    bool is_peer = false;
    int code = lcp_cli_conf(cli, &conf);

    if (code != LCP_EXIT_DONE)
        return code;
    for (size_t i = 0; i < conf.peer_count; i++)
        is_peer |= strcmp(conf.peers[i].name, name) == 0;
    lcp_conf_free(&conf);
    if (is_peer)
        return LCP_EXIT_DONE;
    return lcp_fail(cli, LCP_EXIT_ERROR, "unknown-peer", "lcp peer list shows them",
                    "there is no peer %s", name);
}

static int
ask_version(struct lcp_cli *cli, const char *name, const char *version)
{
    struct lcp_span reply;
    struct lcp_ask ask;

    lcp_ask_begin(&ask, "VERSION");
    lcp_write_member_string(&ask.w, "name", name);
    lcp_write_member_string(&ask.w, "version", version);
    return lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
}

int
lcp_peer_version(struct lcp_cli *cli, const char *name, const char *version)
{
    struct edit edit = {.name = name};
    enum lcp_err err;
    int code;

    if (strcmp(version, "1.1") == 0)
        edit.version = LCP_VERSION_1_1;
    else if (strcmp(version, "1.2") == 0)
        edit.version = LCP_VERSION_1_2;
    else
        return lcp_fail_usage(cli, "version takes 1.1 or 1.2");
    code = check_is_peer(cli, name);
    if (code != LCP_EXIT_DONE)
        return code;
    err = lcp_cli_connect(cli);
    if (err == LCP_ECLOSED || err == LCP_ENOTFOUND)
        code = carry_out_alone(cli, &edit);
    else
        code = ask_version(cli, name, version);
    if (code != LCP_EXIT_DONE)
        return code;
    if (cli->args.json) {
        puts("{\"ok\":true}");
    } else {
        lcp_print_text(stdout, lcp_span_str(name), false);
        printf(" counts as LCP/%s%s\n", version,
               edit.version == LCP_VERSION_1_1
                   ? " until it proves again that it can do more"
                   : "");
    }
    return lcp_flush(cli);
}
