/* SPDX-License-Identifier: MIT
 *
 * The daemon's life: start, signals, stop. Everything it does in between is the pump's.
 */
#define _GNU_SOURCE
#include "uv/daemon.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "ipc/ipc.h"
#include "uv/home.h"
#include "uv/world_uv.h"

#ifndef LCP_VERSION
#define LCP_VERSION "0.1.0"
#endif

enum {
    EXIT_ERROR = 1,
    EXIT_CONFIG = 2,
    EXIT_STORAGE_LOST = 70,
    STOP_POLL_MS = 10,
    STOP_BOUND_MS = 1500, /* with the rest of the stop under the promised 2 s */
    SIGNALS = 3,
    READY_MAX = 2 * LCP_PATH_MAX,
    FILES_OWN = 24, /* the record's, the loop's, sockets, what the mirror writes */
    CLIENTS_MIN = 8,
};

struct daemon {
    struct lcp_home home;
    struct lcp_log log;
    struct lcp_world_uv world;
    struct lcp_pump *pump;
    uv_loop_t loop;
    uv_signal_t signals[SIGNALS];
    uv_timer_t stop_timer;
    uint64_t stop_by_ms; /* 0: running */
    size_t clients_max;
    bool has_loop;
    char fault[LCP_HOME_FAULT_MAX];
};

/* RELOAD of the local protocol. */
static enum lcp_err
read_again(void *ctx, struct lcp_conf *conf, char *fault)
{
    struct daemon *d = ctx;

    return lcp_home_load_conf(&d->home, conf, fault);
}

static void
on_hangup(uv_signal_t *signal, int number)
{
    struct daemon *d = signal->data;
    struct lcp_conf conf;
    char fault[LCP_CONF_FAULT_MAX] = "";
    enum lcp_err err;

    (void)number;
    if (d->stop_by_ms != 0)
        return;
    err = lcp_home_load_conf(&d->home, &conf, fault);
    if (err == LCP_OK) {
        err = lcp_pump_reload(d->pump, &conf);
        lcp_conf_free(&conf);
    }
    if (err == LCP_OK)
        lcp_log_line(&d->log, LCP_LOG_INFO,
                     "peers of lcp.conf read again; [Node] counts from the next start");
    else
        lcp_log_print(&d->log, LCP_LOG_ERROR, "lcp.conf not taken, nothing changed: %s",
                      fault[0] != '\0' ? fault : lcp_err_name(err));
}

static void
on_stop_poll(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    bool is_done = lcp_pump_is_idle(d->pump) && lcp_world_uv_is_idle(&d->world) &&
                   !lcp_door_is_writing(&d->world.door);

    if (is_done || lcp_os_mono_ms() >= d->stop_by_ms)
        uv_stop(&d->loop);
}

static void
on_stop(uv_signal_t *signal, int number)
{
    struct daemon *d = signal->data;

    if (d->stop_by_ms != 0) {
        d->stop_by_ms = 1; /* asked twice: do not wait */
        return;
    }
    lcp_log_print(&d->log, LCP_LOG_INFO, "stopping (%s)",
                  number == SIGINT ? "SIGINT" : "SIGTERM");
    d->stop_by_ms = lcp_os_mono_ms() + STOP_BOUND_MS;
    lcp_door_shut(&d->world.door);
    lcp_pump_stop(d->pump);
    (void)uv_timer_start(&d->stop_timer, on_stop_poll, 0, STOP_POLL_MS);
}

static enum lcp_err
watch_signals(struct daemon *d)
{
    static const struct {
        int number;
        uv_signal_cb callback;
    } rows[SIGNALS] = {{SIGINT, on_stop}, {SIGTERM, on_stop}, {SIGHUP, on_hangup}};

    for (size_t i = 0; i < SIGNALS; i++) {
        if (uv_signal_init(&d->loop, &d->signals[i]) != 0)
            return LCP_EIO;
        d->signals[i].data = d;
        if (uv_signal_start(&d->signals[i], rows[i].callback, rows[i].number) != 0)
            return LCP_EIO;
    }
    if (uv_timer_init(&d->loop, &d->stop_timer) != 0)
        return LCP_EIO;
    d->stop_timer.data = d;
    return LCP_OK;
}

static int
make_pump(struct daemon *d)
{
    struct lcp_pump_config config = {
        .world = &d->world.world,
        .conf = &d->home.conf,
        .identity = &d->home.identity,
        .writer = d->home.writer,
        .reader = d->home.reader,
        .mirror = d->home.mirror,
        .version = LCP_VERSION,
        .uv_version = lcp_uv_version(),
        .reload = read_again,
        .reload_ctx = d,
    };
    char fault[LCP_CONF_FAULT_MAX] = "";
    enum lcp_err err = lcp_pump_new(&config, fault, &d->pump);

    if (err == LCP_OK)
        return 0;
    if (err == LCP_ELOST) {
        snprintf(d->fault, sizeof(d->fault),
                 "storage lost: the record in %s/data could not be synced; look at the "
                 "disk, then start again",
                 d->home.path);
        return EXIT_STORAGE_LOST;
    }
    if (fault[0] != '\0')
        snprintf(d->fault, sizeof(d->fault), "%s", fault);
    else if (err == LCP_ENOMEM)
        snprintf(d->fault, sizeof(d->fault), "out of memory for the node");
    else
        snprintf(d->fault, sizeof(d->fault), "cannot start the node (%s)",
                 lcp_err_name(err));
    return err == LCP_ECONFLICT ? EXIT_CONFIG : EXIT_ERROR;
}

static int
open_doors(struct daemon *d)
{
    char path[LCP_PATH_MAX], fault[LCP_LISTEN_FAULT_MAX];
    const char *legacy = d->home.conf.legacy_socket;

    if (lcp_path_join(path, sizeof(path), d->home.path, "lcp.sock") != LCP_OK) {
        snprintf(d->fault, sizeof(d->fault), "the path of the home is too long: %s",
                 d->home.path);
        return EXIT_ERROR;
    }
    if (lcp_door_listen(&d->world.door, path, LCP_LISTEN_HOME, fault) != LCP_OK) {
        snprintf(d->fault, sizeof(d->fault), "%s", fault);
        return EXIT_ERROR;
    }
    if (legacy[0] != '\0' && strcmp(legacy, path) != 0 &&
        lcp_door_listen(&d->world.door, legacy, LCP_LISTEN_SHARED, fault) != LCP_OK)
        lcp_log_print(&d->log, LCP_LOG_WARN, "running without the legacy socket: %s",
                      fault);
    return 0;
}

static int
open_udp(struct daemon *d)
{
    const struct lcp_endpoint *address = &d->home.conf.address;
    char text[LCP_ENDPOINT_TEXT_MAX + 1];
    enum lcp_err err = lcp_world_uv_start(&d->world, d->pump, address);

    if (err == LCP_OK)
        return 0;
    lcp_endpoint_print(address, text);
    if (err == LCP_EBUSY)
        snprintf(d->fault, sizeof(d->fault),
                 "another program has UDP port %s; stop it, or choose another port in "
                 "lcp.conf",
                 text);
    else if (err == LCP_EPERM)
        snprintf(d->fault, sizeof(d->fault),
                 "the system does not give us UDP port %s; choose one above 1023",
                 text);
    else
        snprintf(d->fault, sizeof(d->fault), "cannot open UDP port %s", text);
    return EXIT_ERROR;
}

/* libuv grows its table of watchers with this and aborts when it is given nothing; it
 * asks nowhere else. */
static void *
realloc_or_end(void *old, size_t size)
{
    void *grown = realloc(old, size);

    if (grown == NULL) {
        fprintf(stderr, "lcp: out of memory, the event loop cannot go on\n");
        _Exit(EXIT_ERROR);
    }
    return grown;
}

/* Also libuv's: without a pipe for signals it aborts. Clients get what the daemon
 * itself has no use for, so that many of them do not keep it from its files. */
static int
look_for_files(struct daemon *d)
{
    size_t left = lcp_os_files_left(FILES_OWN + LCP_DOOR_CONNECTIONS_MAX);

    if (left < FILES_OWN + CLIENTS_MIN) {
        snprintf(d->fault, sizeof(d->fault),
                 "the system lets a node open only %zu more files, it needs %d; raise "
                 "the limit: ulimit -n 64",
                 left, FILES_OWN + CLIENTS_MIN);
        return EXIT_ERROR;
    }
    d->clients_max = left - FILES_OWN;
    return 0;
}

static int
open_loop(struct daemon *d)
{
    enum lcp_err err = LCP_EIO;

    (void)uv_replace_allocator(malloc, realloc_or_end, calloc, free);
    d->has_loop = uv_loop_init(&d->loop) == 0;
    if (d->has_loop)
        err = watch_signals(d);
    if (err == LCP_OK)
        err = lcp_world_uv_init(&d->world, &d->loop, &d->log);
    if (err == LCP_OK) {
        d->world.door.connections_max = d->clients_max;
        return 0;
    }
    snprintf(d->fault, sizeof(d->fault), "the system does not give us %s",
             err == LCP_ENOMEM ? "memory for our threads" : "an event loop");
    return EXIT_ERROR;
}

/* All that can fail before the daemon is ready. Returns an exit code, with d->fault. */
static int
start(struct daemon *d)
{
    int code = look_for_files(d);

    if (code == 0)
        code = lcp_home_open(&d->home, d->fault);
    if (code == 0)
        code = open_loop(d);
    if (code == 0)
        code = make_pump(d);
    if (code == 0)
        code = open_udp(d);
    if (code == 0)
        code = open_doors(d);
    return code;
}

static void
close_any(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Ends what start() began, however far it came. Returns the exit code. */
static int
finish(struct daemon *d, int code)
{
    bool is_idle = d->pump == NULL || (lcp_world_uv_is_idle(&d->world) &&
                                       (code != 0 || lcp_pump_is_idle(d->pump)));

    if (!is_idle) {
        /* A hand is stuck in the disk. What was promised is committed; the rest nobody
         * heard of. */
        lcp_log_line(&d->log, LCP_LOG_WARN, "stopped without waiting for the disk");
        lcp_door_shut(&d->world.door);
        fflush(NULL);
        _Exit(code);
    }
    if (d->has_loop) {
        lcp_world_uv_close(&d->world);
        uv_walk(&d->loop, close_any, NULL);
        while (uv_run(&d->loop, UV_RUN_DEFAULT) != 0)
            ;
        (void)uv_loop_close(&d->loop);
    }
    if (d->pump != NULL)
        lcp_pump_free(d->pump);
    if (lcp_home_close(&d->home, d->pump != NULL) == LCP_ELOST) {
        lcp_log_line(&d->log, LCP_LOG_ERROR,
                     "storage lost: the record could not be synced");
        return EXIT_STORAGE_LOST;
    }
    return code;
}

static void
print_json(const struct lcp_writer *w)
{
    struct lcp_span text;

    if (lcp_writer_end(w, &text) == LCP_OK)
        printf("%.*s\n", (int)text.len, (const char *)text.data);
    fflush(stdout);
}

/* line: the same as text, for the log. */
static void
say_ready(const struct daemon *d, char line[static READY_MAX])
{
    char address[LCP_ENDPOINT_TEXT_MAX + 1], buf[READY_MAX];
    size_t peers = d->home.conf.peer_count;
    struct lcp_writer w;

    lcp_endpoint_print(&d->home.conf.address, address);
    snprintf(line, READY_MAX, "ready: %s %s, home %s, %zu peer%s", d->home.conf.name,
             address, d->home.path, peers, peers == 1 ? "" : "s");
    if (!d->home.options->json) {
        printf("%s\n", line);
        fflush(stdout);
        return;
    }
    lcp_writer_init(&w, buf, sizeof(buf), 0);
    lcp_write_object(&w);
    lcp_write_member_bool(&w, "ready", true);
    lcp_write_member_string(&w, "name", d->home.conf.name);
    lcp_write_member_string(&w, "address", address);
    lcp_write_member_string(&w, "home", d->home.path);
    lcp_write_member_int(&w, "pid", lcp_os_pid());
    lcp_write_member_int(&w, "peers", (int64_t)peers);
    lcp_write_object_end(&w);
    print_json(&w);
}

static void
say_fault(const struct daemon *d, int code)
{
    const char *name = d->home.code != NULL        ? d->home.code
                       : code == EXIT_CONFIG       ? "config"
                       : code == EXIT_STORAGE_LOST ? "storage-lost"
                                                   : "io";
    char buf[2 * LCP_HOME_FAULT_MAX];
    struct lcp_writer w;

    fprintf(stderr, "lcp: %s\n", d->fault);
    if (!d->home.options->json)
        return;
    lcp_writer_init(&w, buf, sizeof(buf), 0);
    lcp_ipc_write_error(&w, true, name, d->fault, "");
    print_json(&w);
}

static int
run(struct daemon *d)
{
    char line[READY_MAX];
    int code = start(d);

    if (code == 0) {
        say_ready(d, line);
        if (d->home.options->reseal)
            lcp_log_print(&d->log, LCP_LOG_WARN,
                          "the record was looked through and sealed anew: %" PRIu64
                          " messages, sound as far as their digests tell",
                          d->home.resealed);
        lcp_os_detached(0);
        if (d->home.options->detach)
            lcp_log_line(&d->log, LCP_LOG_INFO, line);
        (void)uv_run(&d->loop, UV_RUN_DEFAULT);
    } else {
        say_fault(d, code);
        lcp_os_detached(code);
    }
    return finish(d, code);
}

/* True in the process that stays behind: its work is done, *code says how. */
static bool
detach(struct daemon *d, int *code)
{
    long child = 0;
    enum lcp_err err = lcp_path_join(d->log.path, sizeof(d->log.path), d->home.path,
                                     "lcp.log");

    *code = EXIT_ERROR;
    if (err == LCP_OK && lcp_os_detach(d->log.path, &child) == LCP_OK) {
        *code = 0;
        return child != 0;
    }
    /* LCP_EIO comes after the other process has said why, and with its exit code. */
    if (err == LCP_OK && child > 0)
        *code = (int)child;
    if (!lcp_os_exists(d->log.path))
        fprintf(stderr, "lcp: cannot write %s/lcp.log: %s\n", d->home.path,
                lcp_os_last_error());
    return true;
}

const char *
lcp_uv_version(void)
{
    return uv_version_string();
}

int
lcp_daemon_main(const struct lcp_daemon_options *options)
{
    struct daemon *d = calloc(1, sizeof(*d));
    int code = EXIT_ERROR;

    if (d == NULL || lcp_crypto_init() != LCP_OK) {
        fprintf(stderr, "lcp: no memory or no randomness to start with\n");
        goto out;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(077);
    code = lcp_home_find(&d->home, options, d->fault);
    if (code != 0) {
        say_fault(d, code);
        goto out;
    }
    if (options->detach && detach(d, &code))
        goto out;
    code = run(d);

out:
    free(d);
    return code;
}
