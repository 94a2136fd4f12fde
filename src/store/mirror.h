/* SPDX-License-Identifier: MIT
 *
 * The folders of the seed, written from the record: inbox/, inbox_archive/, outbox/,
 * seen_ids.json. Runs on a thread and a read-only store handle of its own. Loses
 * nothing that matters: the record is the truth, and what a crash left undone is done
 * again from the watermark.
 */
#ifndef LCP_STORE_MIRROR_H
#define LCP_STORE_MIRROR_H

#include "store/store.h"

struct lcp_mirror;

/* data_path is HOME/data; makes the folders (0700). The store handle is borrowed. */
LCP_MUST_USE enum lcp_err lcp_mirror_new(const char *data_path,
                                         struct lcp_store *reader,
                                         struct lcp_mirror **out);
void lcp_mirror_free(struct lcp_mirror *m);

/* Carries out up to limit changes after `after`; *through is the last one done (==
 * after when there was none). Idempotent. In: HELD -> no file before its release,
 * STORED/HANDED -> inbox/, ARCHIVED, and REFUSED while it has a body -> inbox_archive/
 * (renamed, or written when missing), CONSUMED -> no file, PURGED -> removed. Out ->
 * outbox/. Files are the message as JSON, 2-space indent, UTF-8. Stops at the first
 * failure with its error; *through says how far it came. */
LCP_MUST_USE enum lcp_err lcp_mirror_run(struct lcp_mirror *m, uint64_t after,
                                         uint32_t limit, uint64_t *through);
/* Rewrites seen_ids.json with the newest 10,000 ids. */
LCP_MUST_USE enum lcp_err lcp_mirror_seen(struct lcp_mirror *m);

#endif
