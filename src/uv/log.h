/* SPDX-License-Identifier: MIT
 *
 * The daemon's log: one line an event on standard error, which for a detached daemon is
 * HOME/lcp.log.
 */
#ifndef LCP_UV_LOG_H
#define LCP_UV_LOG_H

#include "base/os.h"

struct lcp_log {
    char path[LCP_PATH_MAX]; /* of the file to rotate; "" in the foreground */
};

/* `2026-03-28T12:00:00Z info peer bob: online`. Cut at 1,024 bytes. */
void lcp_log_line(struct lcp_log *log, enum lcp_level level, const char *line);
LCP_PRINTF(3, 4)
void lcp_log_print(struct lcp_log *log, enum lcp_level level, const char *format, ...);

#endif
