/* SPDX-License-Identifier: MIT
 *
 * lcp node: the daemon, which is a room of its own.
 */
#include "cli/cli.h"
#include "uv/daemon.h"

static int
run(struct lcp_cli *cli)
{
    struct lcp_daemon_options options = {.home = cli->home,
                                         .json = cli->args.json,
                                         .detach = lcp_opt(cli, "detach") != NULL,
                                         .reseal = lcp_opt(cli, "reseal") != NULL};

    return lcp_daemon_main(&options);
}

const struct lcp_command lcp_cmd_node = {
    .name = "node",
    .summary = "runs the daemon",
    .words = "",
    .about =
        "The daemon: it keeps the mail and talks to the peers. Runs in the foreground "
        "until\nSIGINT or SIGTERM; SIGHUP makes it read the peers in lcp.conf anew. "
        "The pid is in\n"
        "lcp status and in HOME/lcp.lock.",
    .example = "  lcp node --detach\n  lcp status | grep pid\n",
    .run = run,
    .options = {{"detach", NULL, "go to the background, log to HOME/lcp.log"},
                {"reseal", NULL,
                 "look the record through that was damaged or"
                 " changed by others; go on if it is sound"}},
};
