/* SPDX-License-Identifier: MIT
 *
 * One line of fixed length, written over itself.
 */
#include "store/mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/text.h"

enum {
    DIGITS = 20, /* of any uint64_t */
    LINE_BYTES = DIGITS + 1,
    FILE_MODE = 0600,
};

static bool
path_of(const char *database, char out[static LCP_PATH_MAX])
{
    int len = snprintf(out, LCP_PATH_MAX, "%s-mark", database);

    return len > 0 && len < LCP_PATH_MAX;
}

uint64_t
lcp_mark_read(const char *database)
{
    char path[LCP_PATH_MAX], *line = NULL;
    uint64_t changed = 0;
    size_t len = 0;

    if (!path_of(database, path) ||
        lcp_os_read_file(path, LINE_BYTES, &line, &len) != LCP_OK)
        return 0;
    if (len != LINE_BYTES ||
        lcp_uint_parse(lcp_span(line, DIGITS), 1, INT64_MAX, &changed) != LCP_OK)
        changed = 0;
    free(line);
    return changed;
}

void
lcp_mark_open(struct lcp_mark *mark, const char *database)
{
    char path[LCP_PATH_MAX];

    mark->handle = -1;
    if (path_of(database, path))
        (void)!lcp_os_open_line(path, FILE_MODE, &mark->handle);
}

void
lcp_mark_put(struct lcp_mark *mark, uint64_t changed)
{
    char line[LINE_BYTES + 1];

    if (mark->handle == -1)
        return;
    snprintf(line, sizeof(line), "%0*" PRIu64 "\n", (int)DIGITS, changed);
    (void)!lcp_os_write_line(mark->handle, lcp_span(line, LINE_BYTES));
}

void
lcp_mark_close(struct lcp_mark *mark)
{
    lcp_os_close_line(mark->handle);
    mark->handle = -1;
}
