/* SPDX-License-Identifier: MIT
 *
 * Rows of replies that several commands print.
 */
#ifndef LCP_CLI_ROWS_H
#define LCP_CLI_ROWS_H

#include "cli/cli.h"

/* One element of "peers", two lines. */
void lcp_print_peer(struct lcp_span row);

/* A line about who is paused ("" in the list is the whole node); false: nobody. */
bool lcp_print_paused(struct lcp_span reply, const char *before);

/* The next member of an object of numbers; *at is 0 at first. Names hold no escapes. */
bool lcp_reply_each(struct lcp_span object, size_t *at, struct lcp_span *name,
                    uint64_t *value);

#endif
