/* SPDX-License-Identifier: MIT
 *
 * The Python node knows one peer and writes its name nowhere but into messages: it is
 * read from the mail itself.
 */
#include "cli/takeover.h"

#include <stdlib.h>

#include "base/text.h"

enum { MESSAGE_FILE_MAX = 1024 * 1024 };

/* Where its parts may lie, newest layout first. */
static const char *const key_names[] = {"keys/identity.pem", "identity.pem"};
static const char *const inbox_names[] = {"data/inbox", "inbox", "data/inbox_archive",
                                          "inbox_archive"};
static const char *const data_names[] = {
    "data/inbox", "data/inbox_archive", "data/outbox", "data/seen_ids.json",
    "inbox",      "inbox_archive",      "outbox",      "seen_ids.json"};

static bool
has_mail(const char *folder)
{
    char path[LCP_PATH_MAX];

    for (size_t i = 0; i < sizeof(data_names) / sizeof(data_names[0]); i++) {
        if (lcp_path_join(path, sizeof(path), folder, data_names[i]) == LCP_OK &&
            lcp_os_exists(path))
            return true;
    }
    return false;
}

static int
read_key(struct lcp_cli *cli, struct lcp_takeover *took)
{
    char path[LCP_PATH_MAX];

    for (size_t i = 0; i < sizeof(key_names) / sizeof(key_names[0]); i++) {
        char *data = NULL;
        size_t len = 0;
        enum lcp_err err = lcp_path_join(path, sizeof(path), took->folder,
                                         key_names[i]);

        /* Its mode is not asked for: the copy gets the right one. */
        if (err == LCP_OK)
            err = lcp_os_read_file(path, LCP_SEED_BYTES + 1, &data, &len);
        if (err == LCP_ENOTFOUND)
            continue;
        took->has_key = err == LCP_OK && len == LCP_SEED_BYTES;
        if (took->has_key)
            memcpy(took->seed, data, LCP_SEED_BYTES);
        if (data != NULL)
            lcp_wipe(data, len);
        free(data);
        if (!took->has_key)
            return lcp_fail(cli, LCP_EXIT_ERROR, "config",
                            "name the folder that holds keys/identity.pem",
                            "%s is no readable key of %d bytes", path,
                            (int)LCP_SEED_BYTES);
        return LCP_EXIT_DONE;
    }
    return LCP_EXIT_DONE;
}

/* A folder being searched for a sender's name. */
struct search {
    const char *folder;
    char *peer;
};

static bool
find_sender(void *ctx, const char *name)
{
    struct search *search = ctx;
    char path[LCP_PATH_MAX], from[LCP_NAME_MAX + 1] = "";
    struct lcp_json doc = {.cap = LCP_JSON_NODES_MAX};
    char *data = NULL;
    size_t len;

    if (lcp_path_join(path, sizeof(path), search->folder, name) != LCP_OK ||
        lcp_os_read_file(path, MESSAGE_FILE_MAX, &data, &len) != LCP_OK)
        return true;
    doc.nodes = malloc(LCP_JSON_NODES_MAX * sizeof(doc.nodes[0]));
    if (doc.nodes != NULL &&
        lcp_json_parse(lcp_span(data, len), &doc) == LCP_JSON_FAULT_NONE) {
        uint32_t at = lcp_json_member(&doc, 0, "from");

        if (at != 0 && lcp_json_is(&doc, at, LCP_JSON_STRING) &&
            lcp_json_string(&doc, at, from, sizeof(from), NULL) == LCP_OK &&
            lcp_name_is_valid(lcp_span_str(from)))
            snprintf(search->peer, LCP_NAME_MAX + 1, "%s", from);
    }
    free(doc.nodes);
    free(data);
    return search->peer[0] == '\0';
}

int
lcp_takeover_look(struct lcp_cli *cli, const char *folder, struct lcp_takeover *took)
{
    char path[LCP_PATH_MAX];
    int code;

    *took = (struct lcp_takeover){.folder = folder};
    if (!lcp_os_is_folder(folder))
        return lcp_fail(cli, LCP_EXIT_ERROR, "not-found",
                        "name the folder of the Python node", "there is no folder %s",
                        folder);
    if (lcp_cli_path(cli, "data/lcp.db", path) == LCP_OK && lcp_os_exists(path))
        return lcp_fail(cli, LCP_EXIT_ERROR, "conflict", "use another home: --home DIR",
                        "there is a record at %s already", path);
    for (size_t i = 0; i < sizeof(inbox_names) / sizeof(inbox_names[0]); i++) {
        struct search search = {.folder = path, .peer = took->peer};

        /* A folder that is not there or not readable names nobody. */
        if (took->peer[0] != '\0' ||
            lcp_path_join(path, sizeof(path), folder, inbox_names[i]) != LCP_OK ||
            lcp_os_each_entry(path, find_sender, &search) != LCP_OK)
            continue;
    }
    if (took->peer[0] == '\0')
        memcpy(took->peer, "peer", sizeof("peer"));
    code = read_key(cli, took);
    took->has_mail = has_mail(folder);
    if (code == LCP_EXIT_DONE && !took->has_key && !took->has_mail)
        code = lcp_fail(cli, LCP_EXIT_ERROR, "not-found",
                        "name the folder that holds its keys/ and data/",
                        "%s is not the folder of a Python node", folder);
    return code;
}

static void
remove_record(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    char file[LCP_PATH_MAX + 8];

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(file, sizeof(file), "%s%s", path, tails[i]);
        (void)!lcp_os_remove(file);
    }
}

int
lcp_takeover_import(struct lcp_cli *cli, struct lcp_takeover *took)
{
    char data[LCP_PATH_MAX], path[LCP_PATH_MAX];
    struct lcp_store *store = NULL;
    enum lcp_err err = lcp_cli_path(cli, "data", data);

    if (!took->has_mail)
        return LCP_EXIT_DONE;
    if (err == LCP_OK)
        err = lcp_path_join(path, sizeof(path), data, "lcp.db");
    if (err == LCP_OK)
        err = lcp_os_mkdir(data);
    if (err == LCP_OK)
        err = lcp_store_sqlite_open(path, false, &store);
    if (err != LCP_OK)
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "",
                        "cannot make the record %s/lcp.db", data);
    err = lcp_import(took->folder, took->peer, store, lcp_os_wall_ms(), &took->report);
    store->ops->close(store);
    if (err == LCP_OK)
        return LCP_EXIT_DONE;
    remove_record(path);
    return lcp_fail(cli, LCP_EXIT_ERROR, "io", "nothing was taken; try again",
                    "cannot take over the mail of %s", took->folder);
}
