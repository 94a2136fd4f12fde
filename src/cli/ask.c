/* SPDX-License-Identifier: MIT
 *
 * Questions to the daemon, and what a command reads of its home by itself.
 */
#include "cli/cli.h"

#include <assert.h>
#include <stdlib.h>

#include "ipc/ipc.h"

/* Bigger requests are cut off by the daemon anyway. */
enum { ASK_BYTES = LCP_IPC_REQUEST_MAX };

void
lcp_ask_begin(struct lcp_ask *ask, const char *cmd)
{
    ask->buf = malloc(ASK_BYTES);
    lcp_writer_init(&ask->w, ask->buf, ask->buf == NULL ? 0 : ASK_BYTES - 1, 0);
    lcp_write_object(&ask->w);
    lcp_write_member_string(&ask->w, "cmd", cmd);
}

void
lcp_ask_free(struct lcp_ask *ask)
{
    free(ask->buf);
    ask->buf = NULL;
}

enum lcp_err
lcp_cli_connect(struct lcp_cli *cli)
{
    return cli->client != NULL ? LCP_OK : lcp_client_open(cli->home, &cli->client);
}

/* Sends and waits; frees ask. */
static enum lcp_err
call(struct lcp_cli *cli, struct lcp_ask *ask, uint64_t timeout_ms,
     struct lcp_span *reply)
{
    struct lcp_span text;
    const char *line = NULL;
    enum lcp_err err = lcp_cli_connect(cli);

    lcp_write_object_end(&ask->w);
    if (err == LCP_OK)
        err = lcp_writer_end(&ask->w, &text);
    if (err == LCP_OK) {
        ask->buf[text.len] = '\0';
        err = lcp_client_call(cli->client, ask->buf, timeout_ms, &line);
    }
    lcp_ask_free(ask);
    if (err == LCP_OK)
        *reply = lcp_span_str(line);
    return err;
}

int
lcp_ask_send(struct lcp_cli *cli, struct lcp_ask *ask, uint64_t timeout_ms,
             struct lcp_span *reply)
{
    struct lcp_span error;
    enum lcp_err err = call(cli, ask, timeout_ms, reply);

    if (err != LCP_OK)
        return lcp_fail_client(cli, err);
    if (lcp_reply_member(*reply, "error", &error))
        return lcp_fail_reply(cli, *reply);
    return LCP_EXIT_DONE;
}

bool
lcp_ask_reply_quietly(struct lcp_cli *cli, struct lcp_ask *ask, uint64_t timeout_ms,
                      struct lcp_span *reply)
{
    struct lcp_span error;

    return call(cli, ask, timeout_ms, reply) == LCP_OK &&
           !lcp_reply_member(*reply, "error", &error);
}

bool
lcp_ask_quietly(struct lcp_cli *cli, struct lcp_ask *ask, uint64_t timeout_ms)
{
    struct lcp_span reply;

    return lcp_ask_reply_quietly(cli, ask, timeout_ms, &reply);
}

enum lcp_err
lcp_cli_path(const struct lcp_cli *cli, const char *name, char out[static LCP_PATH_MAX])
{
    return lcp_path_join(out, LCP_PATH_MAX, cli->home, name);
}

static const char *
environment(const char *name)
{
    return getenv(name);
}

static int
fail_no_home(struct lcp_cli *cli)
{
    char hint[LCP_PATH_MAX + 64];

    snprintf(hint, sizeof(hint), "make one: lcp init --name NAME%s", cli->home_flag);
    return lcp_fail(cli, LCP_EXIT_ERROR, "config", hint, "there is no home at %s",
                    cli->home);
}

int
lcp_cli_conf(struct lcp_cli *cli, struct lcp_conf *conf)
{
    char fault[LCP_CONF_FAULT_MAX];
    enum lcp_err err = lcp_conf_load(cli->home, environment, conf, fault);

    switch (err) {
    case LCP_OK:
        return LCP_EXIT_DONE;
    case LCP_ENOTFOUND:
        return fail_no_home(cli);
    case LCP_EFORMAT:
        return lcp_fail(cli, LCP_EXIT_USAGE, "config", "", "%s", fault);
    default:
        return lcp_fail(cli, LCP_EXIT_ERROR, err == LCP_EPERM ? "sandboxed" : "config",
                        "", "%s", fault);
    }
}

int
lcp_cli_identity(struct lcp_cli *cli, struct lcp_identity *identity)
{
    char path[LCP_PATH_MAX], hint[LCP_PATH_MAX + 16];
    uint8_t seed[LCP_SEED_BYTES];
    enum lcp_err err = lcp_cli_path(cli, "keys/identity.pem", path);

    if (err == LCP_OK)
        err = lcp_os_read_seed(path, seed);
    if (err == LCP_OK) {
        lcp_identity_from_seed(seed, identity);
        lcp_wipe(seed, sizeof(seed));
        return LCP_EXIT_DONE;
    }
    snprintf(hint, sizeof(hint), "run: chmod 600 %s", path);
    switch (err) {
    case LCP_ENOTFOUND:
        return lcp_fail(cli, LCP_EXIT_ERROR, "config",
                        "put it back from a copy, or make another agent: lcp init in "
                        "another home",
                        "there is no key at %s", path);
    case LCP_EPERM:
        return lcp_fail(cli, LCP_EXIT_ERROR, "config", hint,
                        "the key must be readable by you alone");
    case LCP_EFORMAT:
        return lcp_fail(
            cli, LCP_EXIT_ERROR, "config", "put the right file back in its place",
            "%s is no key: it must hold exactly %d bytes", path, (int)LCP_SEED_BYTES);
    default:
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "cannot read %s: %s", path,
                        lcp_os_last_error());
    }
}
