/* SPDX-License-Identifier: MIT
 *
 * The folders of the seed, written from the record. Every step may be done again: what
 * is there already with the right content is left as it is.
 */
#include "store/mirror.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/os.h"
#include "store/row.h"

enum {
    FILE_MODE = 0600,
    SEEN_MAX = 10000, /* docs/protocol.md "Defaults": MAX_SEEN */
    /* The largest message indented: 4,096 nodes 64 deep, or 65,498 bytes 0x7f escaped.
     * Also 10,000 ids of 128 bytes. */
    TEXT_MAX = 2 << 20,
};

enum folder { INBOX, ARCHIVE, OUTBOX, FOLDER_COUNT };

static const char *const folder_names[FOLDER_COUNT] = {"inbox", "inbox_archive",
                                                       "outbox"};

struct lcp_mirror {
    struct lcp_store *reader;
    char folders[FOLDER_COUNT][LCP_PATH_MAX];
    char data_path[LCP_PATH_MAX];
    char seen_path[LCP_PATH_MAX];
    char path[LCP_PATH_MAX]; /* of the file at hand */
    struct lcp_json_node nodes[LCP_JSON_NODES_MAX];
    struct lcp_writer writer;
    char text[TEXT_MAX];
    enum lcp_err err; /* of the run at hand */
    uint64_t through;
};

static enum lcp_err
make_folders(const struct lcp_mirror *m)
{
    enum lcp_err err = lcp_os_mkdir(m->data_path);

    for (int i = 0; i < FOLDER_COUNT && err == LCP_OK; i++)
        err = lcp_os_mkdir(m->folders[i]);
    return err;
}

enum lcp_err
lcp_mirror_new(const char *data_path, struct lcp_store *reader, struct lcp_mirror **out)
{
    struct lcp_mirror *m = calloc(1, sizeof(*m));
    enum lcp_err err = LCP_EFULL;

    if (m == NULL)
        return LCP_ENOMEM;
    m->reader = reader;
    if (strlen(data_path) >= sizeof(m->data_path))
        goto out;
    memcpy(m->data_path, data_path, strlen(data_path) + 1);
    err = lcp_path_join(m->seen_path, sizeof(m->seen_path), data_path, "seen_ids.json");
    for (int i = 0; i < FOLDER_COUNT && err == LCP_OK; i++)
        err = lcp_path_join(m->folders[i], sizeof(m->folders[i]), data_path,
                            folder_names[i]);
    if (err == LCP_OK)
        err = make_folders(m);

out:
    if (err != LCP_OK) {
        free(m);
        return err;
    }
    *out = m;
    return LCP_OK;
}

void
lcp_mirror_free(struct lcp_mirror *m)
{
    free(m);
}

/* The message for people's eyes; as it came when it is no JSON. */
static struct lcp_span
indented(struct lcp_mirror *m, struct lcp_span raw)
{
    struct lcp_json doc = {.nodes = m->nodes, .cap = LCP_JSON_NODES_MAX};
    struct lcp_span text;

    if (lcp_json_parse(raw, &doc) != LCP_JSON_FAULT_NONE)
        return raw;
    lcp_writer_init(&m->writer, m->text, sizeof(m->text), 2);
    lcp_write_value(&m->writer, &doc, 0);
    return lcp_writer_end(&m->writer, &text) == LCP_OK ? text : raw;
}

static enum lcp_err
set_path(struct lcp_mirror *m, enum folder folder, const char *file)
{
    return lcp_path_join(m->path, sizeof(m->path), m->folders[folder], file);
}

static bool
has_content(const char *path, struct lcp_span text)
{
    char *data = NULL;
    size_t len = 0;
    bool is_same;

    if (lcp_os_read_file(path, TEXT_MAX, &data, &len) != LCP_OK)
        return false;
    is_same = lcp_span_eq(lcp_span(data, len), text);
    free(data);
    return is_same;
}

/* After a crash a file may be there and empty, so it is the content that counts. */
static enum lcp_err
write_message(struct lcp_mirror *m, enum folder folder, const struct lcp_row *row)
{
    struct lcp_span text = indented(m, row->raw);
    enum lcp_err err = set_path(m, folder, row->file);

    if (err != LCP_OK || has_content(m->path, text))
        return err;
    return lcp_os_write_file(m->path, text, FILE_MODE, false);
}

static enum lcp_err
remove_message(struct lcp_mirror *m, enum folder folder, const struct lcp_row *row)
{
    enum lcp_err err = set_path(m, folder, row->file);

    if (err == LCP_OK)
        err = lcp_os_remove(m->path);
    return err == LCP_ENOTFOUND ? LCP_OK : err;
}

static enum lcp_err
archive_message(struct lcp_mirror *m, const struct lcp_row *row)
{
    char to[LCP_PATH_MAX];
    enum lcp_err err = set_path(m, INBOX, row->file);

    if (err == LCP_OK)
        err = lcp_path_join(to, sizeof(to), m->folders[ARCHIVE], row->file);
    if (err != LCP_OK)
        return err;
    if (lcp_os_is_folder(m->path)) /* a folder is not ours, and would move as a whole */
        return LCP_EIO;
    err = lcp_os_rename(m->path, to);
    if (err != LCP_OK && err != LCP_ENOTFOUND)
        return err;
    return write_message(m, ARCHIVE, row);
}

static enum lcp_err
mirror_row(struct lcp_mirror *m, const struct lcp_row *row)
{
    enum lcp_err err;

    /* The name was made by the store, but it is read from a disk. */
    if (!lcp_row_file_is_ours(row->file))
        return LCP_ECORRUPT;
    if (row->dir == LCP_OUT)
        return row->raw.len != 0 ? write_message(m, OUTBOX, row)
                                 : remove_message(m, OUTBOX, row);
    if (row->state == LCP_IN_HELD) /* nobody's to read before it is released */
        return LCP_OK;
    if (row->state < LCP_IN_ARCHIVED)
        return write_message(m, INBOX, row);
    if (row->state < LCP_IN_CONSUMED && row->raw.len != 0)
        return archive_message(m, row);
    err = remove_message(m, INBOX, row);
    return err == LCP_OK ? remove_message(m, ARCHIVE, row) : err;
}

static bool
take_change(void *ctx, const struct lcp_row *row)
{
    struct lcp_mirror *m = ctx;

    m->err = mirror_row(m, row);
    if (m->err == LCP_OK)
        m->through = row->changed;
    return m->err == LCP_OK;
}

enum lcp_err
lcp_mirror_run(struct lcp_mirror *m, uint64_t after, uint32_t limit, uint64_t *through)
{
    enum lcp_err err;

    *through = after;
    m->through = after;
    m->err = make_folders(m); /* one may have been deleted by hand */
    if (m->err != LCP_OK)
        return m->err;
    err = m->reader->ops->each_changed(m->reader, after, limit, take_change, m);
    *through = m->through;
    return m->err != LCP_OK ? m->err : err;
}

static bool
take_id(void *ctx, const char *id)
{
    lcp_write_string(ctx, id);
    return true;
}

enum lcp_err
lcp_mirror_seen(struct lcp_mirror *m)
{
    struct lcp_span text;
    enum lcp_err err = make_folders(m);

    if (err != LCP_OK)
        return err;
    lcp_writer_init(&m->writer, m->text, sizeof(m->text), 0);
    lcp_write_array(&m->writer);
    err = m->reader->ops->each_seen(m->reader, SEEN_MAX, take_id, &m->writer);
    lcp_write_array_end(&m->writer);
    if (err == LCP_OK)
        err = lcp_writer_end(&m->writer, &text);
    if (err != LCP_OK)
        return err;
    return lcp_os_write_file(m->seen_path, text, FILE_MODE, false);
}
