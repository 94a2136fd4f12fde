/* SPDX-License-Identifier: MIT
 *
 * lcp version: command, daemon, libraries, and whether they fit.
 */
#include "cli/cli.h"
#include "store/store.h"
#include "uv/daemon.h"

/* The daemon's STATUS; false when none runs or it does not answer: that is no
 * failure here. */
static bool
ask_daemon(struct lcp_cli *cli, struct lcp_span *status)
{
    struct lcp_span error;
    const char *reply;

    if (lcp_cli_connect(cli) != LCP_OK ||
        lcp_client_call(cli->client, "{\"cmd\":\"STATUS\"}", LCP_QUICK_MS, &reply) !=
            LCP_OK)
        return false;
    *status = lcp_span_str(reply);
    return !lcp_reply_member(*status, "error", &error);
}

static void
write_libraries(struct lcp_writer *w)
{
    lcp_write_object(w);
    lcp_write_member_string(w, "libsodium", lcp_crypto_version());
    lcp_write_member_string(w, "sqlite", lcp_store_sqlite_version());
    lcp_write_member_string(w, "libuv", lcp_uv_version());
    lcp_write_object_end(w);
}

static int
print_json(struct lcp_cli *cli, bool has_daemon, struct lcp_span status, bool differs)
{
    char buf[2048];
    struct lcp_writer w;
    struct lcp_span value;

    lcp_writer_init(&w, buf, sizeof(buf), 0);
    lcp_write_object(&w);
    lcp_write_member_string(&w, "version", LCP_VERSION);
    lcp_write_key(&w, "libraries");
    write_libraries(&w);
    lcp_write_key(&w, "daemon");
    if (has_daemon) {
        lcp_write_object(&w);
        lcp_write_key(&w, "version");
        if (lcp_reply_member(status, "version", &value))
            lcp_write_raw(&w, value);
        else
            lcp_write_null(&w);
        lcp_write_key(&w, "libraries");
        if (lcp_reply_member(status, "libraries", &value))
            lcp_write_raw(&w, value);
        else
            lcp_write_null(&w);
        lcp_write_object_end(&w);
    } else {
        lcp_write_null(&w);
    }
    lcp_write_member_bool(&w, "differs", differs);
    lcp_write_object_end(&w);
    return lcp_print_writer(cli, &w);
}

static int
run(struct lcp_cli *cli)
{
    struct lcp_span status = {.len = 0}, libraries = {.len = 0};
    char version[32] = "", sodium[32] = "", sqlite[32] = "", uv[32] = "";
    bool has_daemon = ask_daemon(cli, &status), differs;

    lcp_reply_text(status, "version", version, sizeof(version));
    (void)lcp_reply_member(status, "libraries", &libraries);
    lcp_reply_text(libraries, "libsodium", sodium, sizeof(sodium));
    lcp_reply_text(libraries, "sqlite", sqlite, sizeof(sqlite));
    lcp_reply_text(libraries, "libuv", uv, sizeof(uv));
    differs = has_daemon && (strcmp(version, LCP_VERSION) != 0 ||
                             strcmp(sodium, lcp_crypto_version()) != 0 ||
                             strcmp(sqlite, lcp_store_sqlite_version()) != 0 ||
                             strcmp(uv, lcp_uv_version()) != 0);
    if (cli->args.json)
        return print_json(cli, has_daemon, status, differs);
    printf("lcp %s (libsodium %s, SQLite %s, libuv %s)\n", LCP_VERSION,
           lcp_crypto_version(), lcp_store_sqlite_version(), lcp_uv_version());
    if (!has_daemon)
        puts("no daemon runs");
    else
        printf("daemon %s (libsodium %s, SQLite %s, libuv %s)\n", version, sodium,
               sqlite, uv);
    if (differs)
        puts("warning: command and daemon differ: restart the daemon");
    return lcp_flush(cli);
}

const struct lcp_command lcp_cmd_version = {
    .name = "version",
    .summary = "prints versions of command, daemon and libraries",
    .words = "",
    .about =
        "Prints the versions of this command, of the daemon if one runs, and of the\n"
        "libraries, and warns when command and daemon differ.",
    .example = "  lcp version\n",
    .run = run,
};
