/* SPDX-License-Identifier: MIT
 *
 * lcp id: what the other side needs to add us. Works without a daemon.
 */
#include "base/text.h"
#include "cli/cli.h"

static int
run(struct lcp_cli *cli)
{
    char address[LCP_ENDPOINT_TEXT_MAX + 1], key[LCP_KEY_B64 + 1];
    char fingerprint[LCP_FINGERPRINT_CHARS + 1];
    struct lcp_identity identity;
    struct lcp_conf conf;
    int code = lcp_cli_conf(cli, &conf);

    if (code != LCP_EXIT_DONE)
        return code;
    code = lcp_cli_identity(cli, &identity);
    if (code == LCP_EXIT_DONE && !conf.has_address)
        code = lcp_fail(cli, LCP_EXIT_ERROR, "config",
                        "add a line Address = IP to lcp.conf",
                        "%s/lcp.conf has no Address", cli->home);
    if (code != LCP_EXIT_DONE)
        goto out;
    lcp_endpoint_print(&conf.address, address);
    lcp_key_print(&identity.key, key);
    lcp_fingerprint(&identity.key, fingerprint);
    if (cli->args.json) {
        char buf[1024];
        struct lcp_writer w;

        lcp_writer_init(&w, buf, sizeof(buf), 0);
        lcp_write_object(&w);
        lcp_write_member_string(&w, "name", conf.name);
        lcp_write_member_string(&w, "address", address);
        lcp_write_member_string(&w, "key", key);
        lcp_write_member_string(&w, "fingerprint", fingerprint);
        lcp_write_object_end(&w);
        code = lcp_print_writer(cli, &w);
    } else {
        printf("%s %s %s\n", conf.name, address, key);
        code = lcp_flush(cli);
    }

out:
    lcp_wipe(&identity, sizeof(identity));
    lcp_conf_free(&conf);
    return code;
}

const struct lcp_command lcp_cmd_id = {
    .name = "id",
    .summary = "prints own name, address and key",
    .words = "",
    .about = "Prints name, address and public key on one line, as the other side's\n"
             "`lcp peer add` takes them.",
    .example = "  lcp id\n  AgentA 100.64.0.1:9528 "
               "7YhJ0xH0gq2mAyhXr0V4kTzjk1rPpRrTqn3pQm1v0yA=\n",
    .run = run,
};
