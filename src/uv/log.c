/* SPDX-License-Identifier: MIT
 *
 * One write for a line, so that lines of two writers do not mix.
 */
#include "uv/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

enum {
    LINE_MAX_BYTES = 1024,
    SECONDS_CHARS = 19, /* "2026-03-28T12:00:00" */
    ROTATE_BYTES = 10 * 1024 * 1024,
};

static const char *const level_names[] = {
    [LCP_LOG_ERROR] = "error", [LCP_LOG_WARN] = "warn", [LCP_LOG_INFO] = "info"};

void
lcp_log_line(struct lcp_log *log, enum lcp_level level, const char *line)
{
    char time[40], whole[LINE_MAX_BYTES];
    int len;

    /* A log that cannot be rotated goes on growing; mail matters more. */
    if (log->path[0] != '\0')
        (void)!lcp_os_rotate_log(log->path, ROTATE_BYTES);
    lcp_iso8601_print(lcp_os_wall_ms(), time);
    len = snprintf(whole, sizeof(whole), "%.*sZ %s %s", SECONDS_CHARS, time,
                   level_names[level], line);
    if (len < 0)
        return;
    if ((size_t)len > sizeof(whole) - 2)
        len = (int)sizeof(whole) - 2;
    whole[len] = '\n';
    (void)fwrite(whole, 1, (size_t)len + 1, stderr);
    (void)fflush(stderr);
}

void
lcp_log_print(struct lcp_log *log, enum lcp_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    lcp_log_line(log, level, line);
}
