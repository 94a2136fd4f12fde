/* SPDX-License-Identifier: MIT
 *
 * The parts of `lcp peer` that look at keys and pins, with a daemon or without.
 */
#ifndef LCP_CLI_PEERS_H
#define LCP_CLI_PEERS_H

#include "cli/cli.h"

/* All return 0 or an exit code with the failure told. */

/* `peer list`, --unknown included. */
int lcp_peer_list(struct lcp_cli *cli);
/* Accepts the key of this fingerprint; lcp.conf follows when it names another one. how:
 * "typed" or "--yes", for the audit record. */
LCP_MUST_USE int lcp_peer_trust(struct lcp_cli *cli, const char *name,
                                const char *fingerprint, const char *how,
                                bool *is_running);
/* `peer set NAME version=...`: what the peer is known to speak. */
LCP_MUST_USE int lcp_peer_version(struct lcp_cli *cli, const char *name,
                                  const char *version);

/* Takes blanks and colons out and makes it lower case; false: not a fingerprint's form.
 */
bool lcp_fingerprint_fold(char *text);

#endif
