/* SPDX-License-Identifier: MIT
 *
 * Looks a record through whose seals do not fit, and seals it anew if it is sound.
 * What has no digest and is in no index (a state, a time) nobody can tell from what it
 * was: it is taken as it stands.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <sqlite3.h>

#include "base/os.h"
#include "store/sqlite.h"

struct look {
    lcp_row_fn *is_sound;
    void *ctx;
    struct lcp_reseal *found;
};

static bool
look_at(void *ctx, const struct lcp_row *row)
{
    struct look *look = ctx;

    look->found->messages++;
    if (look->is_sound != NULL && !look->is_sound(look->ctx, row) &&
        look->found->unsound++ == 0)
        look->found->first_unsound = row->number;
    return true;
}

/* "ok", or the first thing that is wrong. */
static int
take_word(void *ctx, int columns, char **values, char **names)
{
    struct lcp_reseal *found = ctx;

    (void)columns;
    (void)names;
    snprintf(found->word, sizeof(found->word), "%s", values[0] ? values[0] : "");
    return 0;
}

static enum lcp_err
look_through(struct lcp_store *s, struct look *look)
{
    struct lcp_query in = {.dir = LCP_IN, .state_max = INT32_MAX},
                     out = {.dir = LCP_OUT, .state_max = INT32_MAX};
    struct lcp_sqlite *q = lcp_sqlite(s);
    struct lcp_reseal *found = look->found;
    enum lcp_err err;
    int code;

    in.state_min = out.state_min = INT32_MIN;
    errno = 0;
    code = sqlite3_exec(q->db, "PRAGMA integrity_check(1)", take_word, found, NULL);
    if (code != SQLITE_OK)
        return lcp_sqlite_fail(q, code);
    if (strcmp(found->word, "ok") != 0)
        return LCP_ECORRUPT;
    err = s->ops->each(s, &in, look_at, look);
    if (err == LCP_OK)
        err = s->ops->each(s, &out, look_at, look);
    if (err == LCP_ECORRUPT)
        snprintf(found->word, sizeof(found->word),
                 "a value that lcp does not write, behind %" PRIu64 " messages",
                 found->messages);
    if (err != LCP_OK || found->unsound == 0)
        return err;
    snprintf(found->word, sizeof(found->word),
             "%" PRIu64 " messages are not what was signed, the first is #%" PRIu64,
             found->unsound, found->first_unsound);
    return LCP_ECORRUPT;
}

static enum lcp_err
write_down(struct lcp_store *s, struct lcp_reseal *found, const struct lcp_audit *audit)
{
    struct lcp_audit line = *audit;
    enum lcp_err err = s->ops->begin(s);

    snprintf(found->word, sizeof(found->word), "%" PRIu64 " messages, sound",
             found->messages);
    line.what = "reseal";
    line.detail = found->word;
    if (err == LCP_OK)
        err = s->ops->audit_add(s, &line);
    if (err == LCP_OK)
        err = s->ops->commit(s);
    if (err != LCP_OK)
        s->ops->rollback(s);
    return err;
}

enum lcp_err
lcp_store_sqlite_reseal(const char *path, lcp_row_fn *is_sound, void *ctx,
                        const struct lcp_audit *audit, struct lcp_reseal *found)
{
    struct look look = {is_sound, ctx, found};
    struct lcp_store *s = NULL;
    enum lcp_err err;

    *found = (struct lcp_reseal){.word = "it does not open"};
    if (!lcp_os_exists(path))
        return LCP_ENOTFOUND;
    err = lcp_sqlite_open_blind(path, &s);
    if (err != LCP_OK)
        return err;
    err = look_through(s, &look);
    if (err == LCP_OK)
        err = write_down(s, found, audit);
    if (err == LCP_OK)
        err = lcp_seal_anew(lcp_sqlite(s));
    if (err == LCP_OK)
        err = s->ops->checkpoint(s, true);
    s->ops->close(s);
    return err;
}
