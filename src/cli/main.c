/* SPDX-License-Identifier: MIT
 *
 * The commands of lcp, in the order in which a person meets them.
 */
#include "cli/cli.h"

static const struct lcp_command *const commands[] = {
    &lcp_cmd_init,    &lcp_cmd_node,  &lcp_cmd_id,      &lcp_cmd_peer,
    &lcp_cmd_send,    &lcp_cmd_check, &lcp_cmd_read,    &lcp_cmd_done,
    &lcp_cmd_refuse,  &lcp_cmd_sent,  &lcp_cmd_verify,  &lcp_cmd_cancel,
    &lcp_cmd_resend,  &lcp_cmd_held,  &lcp_cmd_release, &lcp_cmd_pause,
    &lcp_cmd_resume,  &lcp_cmd_log,   &lcp_cmd_status,  &lcp_cmd_ping,
    &lcp_cmd_version, &lcp_cmd_purge,
};

int
main(int argc, char **argv)
{
    int code;

    lcp_os_guard_stdio();
    if (lcp_legacy_main(argc, argv, &code))
        return code;
    return lcp_cli_main(commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
