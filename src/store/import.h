/* SPDX-License-Identifier: MIT
 *
 * Takes over the data folder of a Python node, once, into a fresh record.
 */
#ifndef LCP_STORE_IMPORT_H
#define LCP_STORE_IMPORT_H

#include "store/store.h"

struct lcp_import_report {
    uint64_t inbox, archive, outbox, seen,
        skipped; /* skipped: not a message, or there already */
};

/* folder holds inbox/ inbox_archive/ outbox/ seen_ids.json (any may be missing), or
 * a data/ folder with them. Received messages get the peer name `peer` and the key
 * they carry; their order is that of the file's time stamps. outbox copies become
 * settled history (state ACKED, reason "imported"), ids of seen_ids.json count as
 * seen from anyone. The canonical form is not computed here: imported rows have a
 * digest of zeros, which means "content unknown", and a repetition of one is a
 * duplicate, no conflict. LCP_ENOTFOUND: no such data there. One transaction; on
 * failure nothing is taken. */
LCP_MUST_USE enum lcp_err lcp_import(const char *folder, const char *peer,
                                     struct lcp_store *store, int64_t wall_ms,
                                     struct lcp_import_report *report);

#endif
