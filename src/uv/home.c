/* SPDX-License-Identifier: MIT
 *
 * Opens a home in the order in which a person wants to hear of trouble: the folder, who
 * else is here, the configuration, the key, the record.
 */
#define _GNU_SOURCE
#include "uv/home.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "node/look.h"

enum { EXIT_ERROR = 1, EXIT_CONFIG = 2, EXIT_STORAGE_LOST = 70 };

LCP_PRINTF(2, 3)
static int
fail(char *fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(fault, LCP_HOME_FAULT_MAX, format, args);
    va_end(args);
    return EXIT_ERROR;
}

int
lcp_home_find(struct lcp_home *home, const struct lcp_daemon_options *options,
              char fault[static LCP_HOME_FAULT_MAX])
{
    enum lcp_err err = LCP_OK;
    char *whole;

    *home = (struct lcp_home){.lock.handle = -1, .options = options};
    if (options->home == NULL)
        err = lcp_os_default_home(home->path, sizeof(home->path));
    else if (strlen(options->home) >= sizeof(home->path))
        err = LCP_EFULL;
    else
        memcpy(home->path, options->home, strlen(options->home) + 1);
    if (err != LCP_OK)
        return fail(fault, "cannot tell where the home is; give --home DIR");
    /* Absolute from here on: what is said about it stays true elsewhere. */
    whole = realpath(home->path, NULL);
    if (whole == NULL || !lcp_os_is_folder(whole)) {
        free(whole);
        home->code = "config";
        return fail(fault, "there is no home at %s; make one: lcp init --name NAME",
                    home->path);
    }
    if (strlen(whole) < sizeof(home->path))
        memcpy(home->path, whole, strlen(whole) + 1);
    free(whole);
    return 0;
}

/* A folder that others may write is theirs to plant keys and sockets in. */
static int
check_folder(const struct lcp_home *home, char *fault)
{
    char path[LCP_PATH_MAX];
    struct stat st;

    if (stat(home->path, &st) != 0)
        return fail(fault, "cannot look at the home %s", home->path);
    if (st.st_uid != geteuid())
        return fail(
            fault, "the home %s belongs to another user (uid %ld); use one of your own",
            home->path, (long)st.st_uid);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(fault, "others can write to the home %s; run: chmod 700 %s",
                    home->path, home->path);
    /* Before the lock: a folder that is no home gets no file of ours. */
    if (lcp_path_join(path, sizeof(path), home->path, "lcp.conf") != LCP_OK ||
        !lcp_os_exists(path))
        return fail(fault, "%s has no lcp.conf; make a home: lcp init --name NAME",
                    home->path);
    return 0;
}

static int
take_lock(struct lcp_home *home, char *fault)
{
    char path[LCP_PATH_MAX];
    long pid = 0;
    enum lcp_err err = lcp_path_join(path, sizeof(path), home->path, "lcp.lock");

    if (err == LCP_OK)
        err = lcp_os_lock(path, &home->lock, &pid);
    if (err == LCP_EBUSY)
        home->code = "running";
    if (err == LCP_EBUSY && pid > 0)
        return fail(fault,
                    "a daemon runs in %s already (pid %ld); it is the one to use",
                    home->path, pid);
    if (err == LCP_EBUSY)
        return fail(fault, "a daemon runs in %s already; it is the one to use",
                    home->path);
    if (err == LCP_ENOSPACE)
        return fail(fault,
                    "the disk of %s is full or read-only; make room and start again",
                    home->path);
    if (err != LCP_OK)
        return fail(fault, "cannot lock %s/lcp.lock: %s", home->path,
                    lcp_os_last_error());
    return 0;
}

static int
read_key(struct lcp_home *home, char *fault)
{
    char path[LCP_PATH_MAX];
    uint8_t seed[LCP_SEED_BYTES];
    enum lcp_err err = lcp_path_join(path, sizeof(path), home->path,
                                     "keys/identity.pem");

    if (err == LCP_OK)
        err = lcp_os_read_seed(path, seed);
    if (err == LCP_OK)
        lcp_identity_from_seed(seed, &home->identity);
    lcp_wipe(seed, sizeof(seed));
    if (err != LCP_OK)
        home->code = "config";
    switch (err) {
    case LCP_OK:
        return 0;
    case LCP_ENOTFOUND:
        return fail(
            fault,
            "there is no key at %s; put it back from a copy, or make another agent: "
            "lcp init in another home",
            path);
    case LCP_EPERM:
        return fail(fault, "the key must be readable by you alone; run: chmod 600 %s",
                    path);
    case LCP_EFORMAT:
        return fail(fault,
                    "%s is no key: it must hold exactly %d bytes; put the right file "
                    "back in its place",
                    path, LCP_SEED_BYTES);
    default:
        return fail(fault, "cannot read the key %s: %s", path, lcp_os_last_error());
    }
}

static const char *
environment(const char *name)
{
    return getenv(name);
}

static bool
override_ip(const char *text, struct lcp_endpoint *endpoint)
{
    struct lcp_endpoint parsed;

    if (text == NULL)
        return true;
    if (lcp_endpoint_parse(lcp_span_str(text), endpoint->port, &parsed) != LCP_OK)
        return false;
    memcpy(endpoint->ip, parsed.ip, sizeof(endpoint->ip));
    return true;
}

/* The legacy node's flags over what the file says. */
static enum lcp_err
lay_flags(const struct lcp_daemon_options *options, struct lcp_conf *conf, char *fault)
{
    if (!conf->has_address && options->my_ip != NULL) {
        conf->address.port = LCP_PORT_DEFAULT;
        conf->has_address = true;
    }
    if (!override_ip(options->my_ip, &conf->address)) {
        snprintf(fault, LCP_CONF_FAULT_MAX, "--my-ip %.64s is no IP address",
                 options->my_ip);
        return LCP_EFORMAT;
    }
    if (options->port != 0)
        conf->address.port = options->port;
    if (options->peer_ip != NULL && conf->peer_count == 0) {
        snprintf(fault, LCP_CONF_FAULT_MAX,
                 "--peer-ip has no peer to apply to; add one: lcp peer add NAME %.64s",
                 options->peer_ip);
        return LCP_EFORMAT;
    }
    if (options->peer_ip != NULL &&
        !override_ip(options->peer_ip, &conf->peers[0].endpoint)) {
        snprintf(fault, LCP_CONF_FAULT_MAX, "--peer-ip %.64s is no IP address",
                 options->peer_ip);
        return LCP_EFORMAT;
    }
    return LCP_OK;
}

enum lcp_err
lcp_home_load_conf(const struct lcp_home *home, struct lcp_conf *conf, char *fault)
{
    enum lcp_err err = lcp_conf_load(home->path, environment, conf, fault);

    if (err == LCP_ENOTFOUND)
        snprintf(fault, LCP_CONF_FAULT_MAX,
                 "there is no %.200s/lcp.conf; make one: lcp init --name NAME",
                 home->path);
    if (err != LCP_OK)
        return err;
    err = lay_flags(home->options, conf, fault);
    if (err == LCP_OK && !conf->has_address) {
        snprintf(fault, LCP_CONF_FAULT_MAX,
                 "%.200s/lcp.conf: [Node] has no Address; expected Address = IP:PORT "
                 "to listen on",
                 home->path);
        err = LCP_EFORMAT;
    }
    if (err != LCP_OK)
        lcp_conf_free(conf);
    return err;
}

static int
record_fault(enum lcp_err err, const char *path, char *fault)
{
    switch (err) {
    case LCP_ENOSPACE:
        return fail(fault,
                    "the disk of %s is full or read-only; make room and start again",
                    path);
    case LCP_ECORRUPT:
        return fail(
            fault,
            "the record %s is damaged, older than its mark says, or another program "
            "has written to it; let lcp look it through, and go on if it is sound: lcp "
            "node --reseal. If that refuses, put back a whole copy of its folder. To "
            "go "
            "on with an older record, remove %s-mark; to begin with an empty one, move "
            "%s* away",
            path, path, path);
    case LCP_EVERSION:
        return fail(fault, "the record %s was written by a newer lcp; use that one",
                    path);
    case LCP_EPERM:
        return fail(fault,
                    "the system does not let us open %s; look at its owner and mode",
                    path);
    case LCP_EBUSY:
        return fail(fault, "another program holds the record %s", path);
    case LCP_ENOMEM:
        return fail(fault, "out of memory for the record %s", path);
    case LCP_ELOST:
        (void)fail(fault,
                   "storage lost: the record %s could not be synced; look at the disk, "
                   "then start again",
                   path);
        return EXIT_STORAGE_LOST;
    default:
        return fail(fault, "cannot open the record %s (%s)", path, lcp_err_name(err));
    }
}

static bool
is_sound(void *ctx, const struct lcp_row *row)
{
    return lcp_look_is_sound(ctx, row);
}

static int
reseal(struct lcp_home *home, const char *path, char *fault)
{
    struct lcp_msg_scratch *scratch = malloc(sizeof(*scratch));
    struct lcp_reseal found = {.messages = 0};
    char who[LCP_AUDIT_TEXT_MAX];
    struct lcp_audit audit = {.wall_ms = lcp_os_wall_ms(), .who = who};
    enum lcp_err err = LCP_ENOMEM;

    lcp_os_who_self(who, sizeof(who));
    if (scratch != NULL)
        err = lcp_store_sqlite_reseal(path, is_sound, scratch, &audit, &found);
    free(scratch);
    home->resealed = found.messages;
    if (err == LCP_ECORRUPT)
        return fail(fault,
                    "the record %s is not sound (%s), and nothing was sealed; put back "
                    "a whole copy of its folder, or of lcp.db alone with %s-wal, "
                    "%s-shm and %s-mark removed. What is lost may still lie in "
                    "data/inbox, data/inbox_archive and at the peers",
                    path, found.word, path, path, path);
    return err == LCP_OK || err == LCP_ENOTFOUND ? 0 : record_fault(err, path, fault);
}

static int
open_record(struct lcp_home *home, char *fault)
{
    char data[LCP_PATH_MAX], path[LCP_PATH_MAX];
    enum lcp_err err = lcp_path_join(data, sizeof(data), home->path, "data");
    int code = 0;

    if (err == LCP_OK)
        err = lcp_path_join(path, sizeof(path), data, "lcp.db");
    if (err != LCP_OK)
        return fail(fault, "the path of the home is too long: %s", home->path);
    if (home->options->reseal)
        code = reseal(home, path, fault);
    if (code != 0)
        return code;
    err = lcp_os_mkdir(data);
    if (err == LCP_OK)
        err = lcp_store_sqlite_open(path, false, &home->writer);
    if (err == LCP_OK)
        err = lcp_store_sqlite_open(path, true, &home->reader);
    if (err == LCP_OK)
        err = lcp_store_sqlite_open(path, true, &home->mirror_reader);
    if (err != LCP_OK)
        return record_fault(err, path, fault);
    err = lcp_mirror_new(data, home->mirror_reader, &home->mirror);
    if (err != LCP_OK)
        return record_fault(err, data, fault);
    return 0;
}

int
lcp_home_open(struct lcp_home *home, char fault[static LCP_HOME_FAULT_MAX])
{
    int code = check_folder(home, fault);

    if (code == 0)
        code = take_lock(home, fault);
    if (code == 0 && lcp_home_load_conf(home, &home->conf, fault) != LCP_OK)
        code = EXIT_CONFIG;
    if (code == 0)
        code = read_key(home, fault);
    if (code == 0)
        code = open_record(home, fault);
    return code;
}

enum lcp_err
lcp_home_close(struct lcp_home *home, bool checkpoint)
{
    enum lcp_err err = LCP_OK;

    lcp_mirror_free(home->mirror);
    if (home->mirror_reader != NULL)
        home->mirror_reader->ops->close(home->mirror_reader);
    if (home->reader != NULL)
        home->reader->ops->close(home->reader);
    if (home->writer != NULL) {
        if (checkpoint)
            err = home->writer->ops->checkpoint(home->writer, true);
        if (err != LCP_ELOST)
            home->writer->ops->close(home->writer);
    }
    lcp_conf_free(&home->conf);
    lcp_wipe(&home->identity, sizeof(home->identity));
    lcp_os_unlock(&home->lock);
    return err == LCP_ELOST ? LCP_ELOST : LCP_OK;
}
