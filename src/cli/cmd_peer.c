/* SPDX-License-Identifier: MIT
 *
 * lcp peer: the registry. It lives in lcp.conf; a running daemon takes up a change at
 * once, and a change that it refuses is undone.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/peers.h"

enum { CONF_BYTES_MAX = 8 * 1024 * 1024, JSON_MAX = 2048 };

/* lcp.conf as it was, to put back. */
struct undo {
    char path[LCP_PATH_MAX];
    char *text;
    size_t len;
};

static int
keep(struct lcp_cli *cli, struct undo *undo)
{
    struct lcp_conf conf;
    int code = lcp_cli_conf(cli, &conf); /* says what is wrong with the home */
    enum lcp_err err;

    *undo = (struct undo){.text = NULL};
    if (code != LCP_EXIT_DONE)
        return code;
    lcp_conf_free(&conf);
    err = lcp_cli_path(cli, "lcp.conf", undo->path);
    if (err == LCP_OK)
        err = lcp_os_read_file(undo->path, CONF_BYTES_MAX, &undo->text, &undo->len);
    if (err != LCP_OK)
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "cannot read %s", undo->path);
    return LCP_EXIT_DONE;
}

static int
fail_edit(struct lcp_cli *cli, enum lcp_err err, const char *fault)
{
    if (err == LCP_EINVAL)
        return lcp_fail_usage(cli, "%s", fault);
    return lcp_fail(cli, LCP_EXIT_ERROR,
                    err == LCP_EEXIST      ? "conflict"
                    : err == LCP_ENOTFOUND ? "unknown-peer"
                                           : "config",
                    err == LCP_ENOTFOUND ? "lcp peer list shows them"
                    : err == LCP_EEXIST  ? "change it with lcp peer set, or lcp peer "
                                           "remove it first"
                                         : "",
                    "%s", fault);
}

/* Tells the daemon. *is_running: it has taken the change up. Without one all is
 * well too. */
static int
reload(struct lcp_cli *cli, struct undo *undo, bool *is_running)
{
    struct lcp_span reply;
    struct lcp_ask ask;
    enum lcp_err err = lcp_cli_connect(cli);
    int code;

    *is_running = false;
    if (err == LCP_ECLOSED || err == LCP_ENOTFOUND)
        return LCP_EXIT_DONE;
    if (err != LCP_OK)
        return lcp_fail_client(cli, err);
    lcp_ask_begin(&ask, "RELOAD");
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    *is_running = code == LCP_EXIT_DONE;
    if (code != LCP_EXIT_DONE && undo != NULL &&
        lcp_os_write_file(undo->path, lcp_span(undo->text, undo->len), 0600, true) !=
            LCP_OK)
        fprintf(stderr, "lcp: lcp.conf could not be put back as it was\n");
    return code;
}

/* The result of an edit in both forms. */
static int
report(struct lcp_cli *cli, const char *what, const char *name, bool is_running)
{
    char buf[JSON_MAX];
    struct lcp_writer w;

    if (!cli->args.json) {
        printf("%s ", what);
        lcp_print_text(stdout, lcp_span_str(name), false);
        puts(is_running ? "" : " (no daemon runs: it takes this up when it starts)");
        return lcp_flush(cli);
    }
    lcp_writer_init(&w, buf, sizeof(buf), 0);
    lcp_write_object(&w);
    lcp_write_member_bool(&w, "ok", true);
    lcp_write_member_string(&w, "name", name);
    lcp_write_member_bool(&w, "reloaded", is_running);
    lcp_write_object_end(&w);
    return lcp_print_writer(cli, &w);
}

/* What a person should know about this address; on stderr, so that it does not mix
 * with JSON. */
static void
note_address(const struct lcp_conf *conf, const char *text)
{
    struct lcp_endpoint peer;

    if (lcp_endpoint_parse(lcp_span_str(text), conf->address.port, &peer) != LCP_OK)
        return;
    if (conf->has_address && peer.port != conf->address.port)
        fprintf(stderr,
                "lcp: note: the peer's port %u is not ours (%u): that works between "
                "nodes like this one, but a Python node answers to its own port\n",
                (unsigned)peer.port, (unsigned)conf->address.port);
    if (!lcp_endpoint_is_private_path(&peer))
        fprintf(stderr, "lcp: note: this address is outside the tailnet: messages are "
                        "signed, but travel readable\n");
}

/* Is this key ours? Then a peer with it would be ourselves. */
static int
refuse_own_key(struct lcp_cli *cli, const char *key_b64)
{
    struct lcp_identity identity;
    struct lcp_key key;
    int code = LCP_EXIT_DONE;

    if (key_b64 == NULL || lcp_key_parse(lcp_span_str(key_b64), &key) != LCP_OK)
        return LCP_EXIT_DONE; /* a key that is none is told by the edit */
    code = lcp_cli_identity(cli, &identity);
    if (code == LCP_EXIT_DONE && lcp_key_eq(&identity.key, &key))
        code = lcp_fail(cli, LCP_EXIT_ERROR, "config",
                        "give the last word of the other side's `lcp id`",
                        "this is our own key");
    lcp_wipe(&identity, sizeof(identity));
    return code;
}

static int
run_add(struct lcp_cli *cli)
{
    char **words = cli->args.words, fault[LCP_CONF_FAULT_MAX];
    const char *key = cli->args.word_count > 3 ? words[3] : NULL;
    struct undo undo;
    struct lcp_conf conf;
    bool is_running;
    enum lcp_err err;
    int code = keep(cli, &undo);

    if (code == LCP_EXIT_DONE)
        code = refuse_own_key(cli, key);
    if (code != LCP_EXIT_DONE)
        goto out;
    err = lcp_conf_peer_add(cli->home, words[1], words[2], key, fault);
    code = err == LCP_OK ? reload(cli, &undo, &is_running) : fail_edit(cli, err, fault);
    if (code != LCP_EXIT_DONE)
        goto out;
    code = lcp_cli_conf(cli, &conf);
    if (code == LCP_EXIT_DONE) {
        note_address(&conf, words[2]);
        lcp_conf_free(&conf);
        code = report(cli, "added", words[1], is_running);
    }

out:
    free(undo.text);
    return code;
}

/* How many messages wait for this peer, as far as a running daemon says so. */
static uint64_t
count_queued(struct lcp_cli *cli, const char *name)
{
    struct lcp_span reply, peers, row;
    struct lcp_ask ask;
    char text[LCP_NAME_MAX + 1];
    size_t at = 0;

    if (lcp_cli_connect(cli) != LCP_OK)
        return 0;
    lcp_ask_begin(&ask, "PEERS");
    if (!lcp_ask_reply_quietly(cli, &ask, LCP_QUICK_MS, &reply) ||
        !lcp_reply_member(reply, "peers", &peers))
        return 0;
    while (lcp_reply_next(peers, &at, &row)) {
        lcp_reply_text(row, "name", text, sizeof(text));
        if (strcmp(text, name) == 0)
            return lcp_reply_number(row, "queued");
    }
    return 0;
}

static int
run_remove(struct lcp_cli *cli)
{
    char fault[LCP_CONF_FAULT_MAX];
    uint64_t queued = 0;
    struct undo undo;
    bool is_running;
    enum lcp_err err;
    int code = keep(cli, &undo);

    if (code == LCP_EXIT_DONE) {
        queued = count_queued(cli, cli->args.words[1]);
        err = lcp_conf_peer_remove(cli->home, cli->args.words[1], fault);
        code = err == LCP_OK ? reload(cli, &undo, &is_running)
                             : fail_edit(cli, err, fault);
    }
    if (code == LCP_EXIT_DONE)
        code = report(cli, "removed", cli->args.words[1], is_running);
    if (code == LCP_EXIT_DONE && queued > 0)
        fprintf(
            stderr,
            "lcp: note: queued for it: %" PRIu64 "; this waits until the peer is added "
            "again or its time is over; lcp sent --state queued lists it, lcp cancel "
            "stops it\n",
            queued);
    free(undo.text);
    return code;
}

/* "KEY=VALUE"; an empty value deletes the line. */
static int
run_set(struct lcp_cli *cli)
{
    char *name = cli->args.words[1], *pair = cli->args.words[2];
    char *equals = strchr(pair, '='), fault[LCP_CONF_FAULT_MAX];
    struct undo undo;
    bool is_running;
    enum lcp_err err;
    int code;

    if (equals == NULL || equals == pair)
        return lcp_fail_usage(cli, "say what to set: KEY=VALUE, such as "
                                   "Address=100.64.0.9:9528 or Hold=yes");
    *equals = '\0';
    if (strcmp(pair, "version") == 0)
        return lcp_peer_version(cli, name, equals + 1);
    code = keep(cli, &undo);
    if (code == LCP_EXIT_DONE && strcmp(pair, "PublicKey") == 0)
        code = refuse_own_key(cli, equals + 1);
    if (code == LCP_EXIT_DONE) {
        err = lcp_conf_peer_set(cli->home, name, pair,
                                equals[1] != '\0' ? equals + 1 : NULL, fault);
        code = err == LCP_OK ? reload(cli, &undo, &is_running)
                             : fail_edit(cli, err, fault);
    }
    if (code == LCP_EXIT_DONE)
        code = report(cli, "changed", name, is_running);
    free(undo.text);
    return code;
}

static int
run_trust(struct lcp_cli *cli)
{
    char *name = cli->args.words[1], *fingerprint = cli->args.words[2];
    char question[LCP_QUESTION_MAX];
    const char *how;
    bool is_running;
    int code;

    if (!lcp_name_is_valid(lcp_span_str(name)))
        return lcp_fail_usage(cli, "NAME is a peer's name");
    if (!lcp_fingerprint_fold(fingerprint))
        return lcp_fail_usage(cli, "a fingerprint has %d hex digits",
                              (int)LCP_FINGERPRINT_CHARS);
    snprintf(question, sizeof(question),
             "From now on %s is who signs with the key\n    %s\nCompare it with what "
             "its owner tells you over another channel.\n",
             name, fingerprint);
    code = lcp_confirm(cli, "peer trust", question, name, &how);
    if (code == LCP_EXIT_DONE)
        code = lcp_peer_trust(cli, name, fingerprint, how, &is_running);
    return code == LCP_EXIT_DONE ? report(cli, "trusted", name, is_running) : code;
}

/* `lcp peer add "$line"`: a pasted `lcp id` line that came as one word. */
static void
split_line(struct lcp_cli *cli, char *words[static 4], char *line)
{
    static const char blanks[] = " \t\r\n";

    words[0] = cli->args.words[0];
    cli->args.words = words;
    cli->args.word_count = 1;
    for (line += strspn(line, blanks); *line != '\0' && cli->args.word_count < 4;
         line += strspn(line, blanks)) {
        words[cli->args.word_count++] = line;
        line += strcspn(line, blanks);
        if (*line != '\0')
            *line++ = '\0';
    }
}

static const struct {
    const char *name, *words;
    int min, max;
    int (*run)(struct lcp_cli *cli);
} verbs[] = {
    {"add", "NAME ADDRESS [KEY]", 3, 4, run_add},
    {"list", "", 1, 1, lcp_peer_list},
    {"remove", "NAME", 2, 2, run_remove},
    {"trust", "NAME FINGERPRINT", 3, 3, run_trust},
    {"set", "NAME KEY=VALUE", 3, 3, run_set},
};

static int
run(struct lcp_cli *cli)
{
    const char *verb = cli->args.word_count > 0 ? cli->args.words[0] : "";
    char *pieces[4];

    if (strcmp(verb, "add") == 0 && cli->args.word_count == 2)
        split_line(cli, pieces, cli->args.words[1]);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, verb) != 0)
            continue;
        if (cli->args.word_count < verbs[i].min || cli->args.word_count > verbs[i].max)
            return lcp_fail_usage(cli, "peer %s takes: %s", verbs[i].name,
                                  verbs[i].words[0] != '\0' ? verbs[i].words
                                                            : "nothing more");
        if (lcp_opt(cli, "unknown") != NULL && verbs[i].run != lcp_peer_list)
            return lcp_fail_usage(cli, "--unknown goes with peer list");
        if (lcp_opt(cli, "yes") != NULL && verbs[i].run != run_trust)
            return lcp_fail_usage(cli, "--yes goes with peer trust");
        return verbs[i].run(cli);
    }
    return lcp_fail_usage(cli, "peer takes one of add, list, remove, trust, set");
}

const struct lcp_command lcp_cmd_peer = {
    .name = "peer",
    .summary = "adds, lists, removes and trusts peers",
    .words = "",
    .usage = "add NAME ADDRESS [KEY] | list [--unknown] | remove NAME |\n"
             "                trust NAME FINGERPRINT | set NAME KEY=VALUE",
    .about =
        "The registry of peers, kept in lcp.conf; a running daemon takes up a change "
        "at once.\nWithout KEY the first verified message pins the peer's key. trust "
        "accepts a changed\nkey, once its fingerprint was compared over another "
        "channel; it is for a person to do:\nthe peer's name is asked for at the "
        "terminal, and without one, exit 9. set changes a key\nof lcp.conf(5), such as "
        "the peer's policy, or version, what the peer is known to speak.",
    .example = "  lcp peer add AgentB 100.64.0.2:9528 "
               "7YhJ0xH0gq2mAyhXr0V4kTzjk1rPpRrTqn3pQm1v0yA=\n"
               "  lcp peer set AgentB Allow=chat,result\n"
               "  lcp peer list\n",
    .words_max = 4,
    .run = run,
    .options = {{"unknown", NULL, "with list: addresses that wrote and are no peer's"},
                {"yes", NULL, "with trust: do not ask; this is recorded"}},
};
