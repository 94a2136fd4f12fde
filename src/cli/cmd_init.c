/* SPDX-License-Identifier: MIT
 *
 * lcp init: makes a home, or takes over that of a Python node. Nothing that exists is
 * overwritten: lcp.conf is written last, so what was interrupted can be done again.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/takeover.h"

enum { JSON_MAX = 8192 };

/* Makes the home with the folders above it, one by one. */
static enum lcp_err
make_folders(const char *path)
{
    char part[LCP_PATH_MAX];
    size_t len = strlen(path);
    enum lcp_err err;

    if (len >= sizeof(part))
        return LCP_EFULL;
    for (size_t i = 1; i < len; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        err = lcp_os_is_folder(part) ? LCP_OK : lcp_os_mkdir(part);
        if (err != LCP_OK)
            return err;
    }
    return lcp_os_mkdir(path);
}

/* The address to write down: the one given, or the tailnet's. 0 or an exit code. */
static int
choose_address(struct lcp_cli *cli, const char *given,
               char out[static LCP_ENDPOINT_TEXT_MAX + 1])
{
    struct lcp_endpoint endpoint;

    if (given != NULL) {
        if (lcp_endpoint_parse(lcp_span_str(given), LCP_PORT_DEFAULT, &endpoint) !=
            LCP_OK)
            return lcp_fail_usage(cli,
                                  "--address takes an IP address, with or without a "
                                  "port: 100.64.0.1:9528");
    } else if (lcp_os_tailnet_address(&endpoint) != LCP_OK) {
        return lcp_fail(cli, LCP_EXIT_ERROR, "config",
                        "start Tailscale and try again, or give the address that the "
                        "peers reach: --address IP",
                        "no interface has a tailnet address");
    }
    lcp_endpoint_print(&endpoint, out);
    return LCP_EXIT_DONE;
}

static int
fail_io(struct lcp_cli *cli, const char *path)
{
    return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "cannot write %s: %s", path,
                    lcp_os_last_error());
}

/* The key that is there already: is it the one taken over? */
static bool
is_key_of(const struct lcp_identity *identity, const uint8_t seed[LCP_SEED_BYTES])
{
    struct lcp_identity other;
    bool is_same;

    lcp_identity_from_seed(seed, &other);
    is_same = lcp_key_eq(&identity->key, &other.key);
    lcp_wipe(&other, sizeof(other));
    return is_same;
}

/* Puts the key in place: the one taken over, one that is there from before, or a
 * new one. */
static int
place_key(struct lcp_cli *cli, const uint8_t *taken, struct lcp_identity *identity)
{
    char folder[LCP_PATH_MAX], path[LCP_PATH_MAX];
    uint8_t seed[LCP_SEED_BYTES];
    int code;
    enum lcp_err err = lcp_cli_path(cli, "keys", folder);

    if (err == LCP_OK)
        err = lcp_path_join(path, sizeof(path), folder, "identity.pem");
    if (err == LCP_OK)
        err = lcp_os_mkdir(folder);
    if (err != LCP_OK)
        return fail_io(cli, folder);
    if (taken != NULL)
        memcpy(seed, taken, sizeof(seed));
    else
        lcp_random(seed, sizeof(seed));
    err = lcp_os_create_file(path, lcp_span(seed, sizeof(seed)), 0600);
    lcp_wipe(seed, sizeof(seed));
    if (err != LCP_OK && err != LCP_EEXIST)
        return fail_io(cli, path);
    code = lcp_cli_identity(cli, identity);
    if (code == LCP_EXIT_DONE && taken != NULL && !is_key_of(identity, taken))
        code = lcp_fail(cli, LCP_EXIT_ERROR, "conflict",
                        "use another home: --home DIR; or move that key away",
                        "there is another key at %s already", path);
    return code;
}

static void
print_text(const struct lcp_cli *cli, const char *name, const char *address,
           const char *key, const struct lcp_takeover *took)
{
    printf("made %s\n", cli->home);
    if (took != NULL)
        printf("took from %s: %s, %" PRIu64 " in the inbox, %" PRIu64
               " archived, %" PRIu64 " sent, %" PRIu64 " seen ids; skipped %" PRIu64
               "\n",
               took->folder, took->has_key ? "its key" : "no key (there is none)",
               took->report.inbox, took->report.archive, took->report.outbox,
               took->report.seen, took->report.skipped);
    printf("\nOn the other side, run:\n  lcp peer add %s %s %s\n", name, address, key);
    printf("\nHere, with the other side's `lcp id` line, run:\n"
           "  lcp peer add%s NAME ADDRESS KEY\n  lcp node%s\n",
           cli->home_flag, cli->home_flag);
}

static void
write_took(struct lcp_writer *w, const struct lcp_takeover *took)
{
    if (took == NULL) {
        lcp_write_null(w);
        return;
    }
    lcp_write_object(w);
    lcp_write_member_bool(w, "key", took->has_key);
    lcp_write_member_int(w, "inbox", (int64_t)took->report.inbox);
    lcp_write_member_int(w, "archive", (int64_t)took->report.archive);
    lcp_write_member_int(w, "outbox", (int64_t)took->report.outbox);
    lcp_write_member_int(w, "seen", (int64_t)took->report.seen);
    lcp_write_member_int(w, "skipped", (int64_t)took->report.skipped);
    lcp_write_object_end(w);
}

static int
print_result(struct lcp_cli *cli, const char *name, const char *address,
             const struct lcp_identity *identity, const struct lcp_takeover *took)
{
    char key[LCP_KEY_B64 + 1], fingerprint[LCP_FINGERPRINT_CHARS + 1], buf[JSON_MAX];
    struct lcp_writer w;

    lcp_key_print(&identity->key, key);
    lcp_fingerprint(&identity->key, fingerprint);
    if (!cli->args.json) {
        print_text(cli, name, address, key, took);
        return lcp_flush(cli);
    }
    lcp_writer_init(&w, buf, sizeof(buf), 0);
    lcp_write_object(&w);
    lcp_write_member_string(&w, "home", cli->home);
    lcp_write_member_string(&w, "name", name);
    lcp_write_member_string(&w, "address", address);
    lcp_write_member_string(&w, "key", key);
    lcp_write_member_string(&w, "fingerprint", fingerprint);
    lcp_write_key(&w, "took");
    write_took(&w, took);
    lcp_write_object_end(&w);
    return lcp_print_writer(cli, &w);
}

/* Everything is checked; from here on the disk changes. */
static int
make_home(struct lcp_cli *cli, const char *name, const char *address,
          struct lcp_takeover *took, struct lcp_identity *identity)
{
    char fault[LCP_CONF_FAULT_MAX];
    const uint8_t *taken = took != NULL && took->has_key ? took->seed : NULL;
    enum lcp_err err = make_folders(cli->home);
    int code = LCP_EXIT_DONE;

    if (err != LCP_OK)
        return fail_io(cli, cli->home);
    /* A new key comes after what may fail: it would bar the way to the right one. */
    if (taken != NULL)
        code = place_key(cli, taken, identity);
    if (code == LCP_EXIT_DONE && took != NULL)
        code = lcp_takeover_import(cli, took);
    if (code == LCP_EXIT_DONE && taken == NULL)
        code = place_key(cli, NULL, identity);
    if (code != LCP_EXIT_DONE)
        return code;
    err = lcp_conf_create(cli->home, name, address, fault);
    if (err == LCP_EINVAL)
        return lcp_fail_usage(cli, "%s", fault);
    if (err != LCP_OK)
        return lcp_fail(cli, LCP_EXIT_ERROR, "config", "", "%s", fault);
    return LCP_EXIT_DONE;
}

static int
run(struct lcp_cli *cli)
{
    const char *name = lcp_opt(cli, "name"), *from = lcp_opt(cli, "from");
    char address[LCP_ENDPOINT_TEXT_MAX + 1], conf[LCP_PATH_MAX];
    struct lcp_takeover took;
    struct lcp_identity identity = {.key = {{0}}};
    int code;

    if (name == NULL)
        return lcp_fail_usage(cli, "say the agent's name: --name NAME");
    if (!lcp_name_is_valid(lcp_span_str(name)) || name[0] == '#' || name[0] == ';')
        return lcp_fail_usage(cli,
                              "a name has 1 to %d bytes of UTF-8 without blanks, "
                              "controls or '/', and does not begin with '#' or ';'",
                              (int)LCP_NAME_MAX);
    if (lcp_cli_path(cli, "lcp.conf", conf) != LCP_OK)
        return lcp_fail_usage(cli, "the path of the home is too long");
    if (lcp_os_exists(conf))
        return lcp_fail(cli, LCP_EXIT_ERROR, "conflict",
                        "nothing was changed; for another agent give --home DIR",
                        "there is a home at %s already", cli->home);
    code = choose_address(cli, lcp_opt(cli, "address"), address);
    if (code == LCP_EXIT_DONE && from != NULL)
        code = lcp_takeover_look(cli, from, &took);
    if (code != LCP_EXIT_DONE)
        return code;
    code = make_home(cli, name, address, from != NULL ? &took : NULL, &identity);
    if (code == LCP_EXIT_DONE)
        code = print_result(cli, name, address, &identity, from != NULL ? &took : NULL);
    lcp_wipe(&identity, sizeof(identity));
    if (from != NULL)
        lcp_wipe(took.seed, sizeof(took.seed));
    return code;
}

const struct lcp_command lcp_cmd_init = {
    .name = "init",
    .summary = "makes a home: folder, key, lcp.conf",
    .words = "",
    .usage = "--name N [--address IP[:PORT]] [--from DIR]",
    .about =
        "Makes a home: its folder, a new key, lcp.conf. Overwrites nothing, prints the "
        "next\nstep. Without an address it takes that of the tailnet interface. With a "
        "folder of\na Python node it takes over key, inbox, archive, outbox and seen "
        "ids, and says what.",
    .example = "  lcp init --name AgentA --address 100.64.0.1\n",
    .run = run,
    .options = {{"name", "N", "the agent's name, as peers see it"},
                {"address", "IP[:PORT]", "where it listens and sends from; port 9528"},
                {"from", "DIR", "the folder of a Python node"}},
};
