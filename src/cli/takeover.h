/* SPDX-License-Identifier: MIT
 *
 * Takes over the folder of a Python node: its key and its data folders.
 */
#ifndef LCP_CLI_TAKEOVER_H
#define LCP_CLI_TAKEOVER_H

#include "cli/cli.h"
#include "store/import.h"

struct lcp_takeover {
    const char *folder;
    bool has_key, has_mail;
    uint8_t seed[LCP_SEED_BYTES]; /* wipe it */
    char peer[LCP_NAME_MAX + 1];  /* who wrote the mail that is there */
    struct lcp_import_report report;
};

/* Looks, changes nothing. 0 or an exit code with the failure told. */
LCP_MUST_USE int lcp_takeover_look(struct lcp_cli *cli, const char *folder,
                                   struct lcp_takeover *took);
/* Imports into a fresh record; on failure that record is gone again. */
LCP_MUST_USE int lcp_takeover_import(struct lcp_cli *cli, struct lcp_takeover *took);

#endif
