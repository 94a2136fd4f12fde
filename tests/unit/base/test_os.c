/* SPDX-License-Identifier: MIT
 *
 * os*.c: files that are whole or absent, keys that only their owner can read, locks,
 * local streams, the way into the background. What needs another user runs as root
 * only.
 */
#define _GNU_SOURCE
#include "base/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { NOBODY = 65534, SOMEBODY = 65533 };

static char base[] = "/tmp/lcp-test-os-XXXXXX";

/* A path below the test's folder; four may be in use at a time. */
static const char *
at(const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    REQUIRE(lcp_path_join(path, sizeof(paths[0]), base, name) == LCP_OK);
    return path;
}

static bool
count_entry(void *ctx, const char *name)
{
    (void)name;
    ++*(int *)ctx;
    return true;
}

static int
entries_of(const char *path)
{
    int count = 0;

    REQUIRE(lcp_os_each_entry(path, count_entry, &count) == LCP_OK);
    return count;
}

static bool
file_is(const char *path, const char *want)
{
    char *data = NULL;
    size_t len = 0;
    bool same = lcp_os_read_file(path, 1000, &data, &len) == LCP_OK &&
                len == strlen(want) && strcmp(data, want) == 0;

    free(data);
    return same;
}

static unsigned
mode_of(const char *path)
{
    struct stat st;

    REQUIRE(stat(path, &st) == 0);
    return st.st_mode & 07777;
}

/* Runs body in a child and returns its exit code; -1 when a signal ended it. */
static int
in_child(int (*body)(void))
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0)
        _exit(body());
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
paths_join_with_one_slash(void)
{
    static const struct {
        const char *folder, *name, *want;
    } rows[] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/a//", "b", "/a/b"},
        {"/", "b", "/b"},  {"", "b", "b"},
    };
    char out[6] = "";

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK(lcp_path_join(out, sizeof(out), rows[i].folder, rows[i].name) == LCP_OK);
        CHECK_STR(out, rows[i].want);
    }
    CHECK(lcp_path_join(out, sizeof(out), "ab", "cd") == LCP_OK);
    CHECK(lcp_path_join(out, sizeof(out), "ab", "cde") == LCP_EFULL);
    CHECK(lcp_path_join(out, sizeof(out), "abcdefgh", "c") == LCP_EFULL);
    CHECK(lcp_path_join(out, sizeof(out), "", "abcdef") == LCP_EFULL);
}

static void
the_home_is_where_the_environment_says(void)
{
    char out[64] = "";

    setenv("HOME", "/nowhere", 1);
    unsetenv("LCP_HOME");
    CHECK(lcp_os_default_home(out, sizeof(out)) == LCP_OK);
    CHECK_STR(out, "/nowhere/.lcp");
    setenv("LCP_HOME", "/else/where", 1);
    CHECK(lcp_os_default_home(out, sizeof(out)) == LCP_OK);
    CHECK_STR(out, "/else/where");
    CHECK(lcp_os_default_home(out, 11) == LCP_EFULL);
    unsetenv("LCP_HOME");
}

static void
clocks_advance(void)
{
    uint64_t before = lcp_os_mono_ms();

    CHECK(before != 0);
    lcp_os_sleep_ms(5);
    CHECK(lcp_os_mono_ms() >= before + 5);
    CHECK(lcp_os_wall_ms() > INT64_C(1600000000000));
}

static void
folders_are_ours_alone(void)
{
    CHECK(lcp_os_mkdir(at("folder")) == LCP_OK);
    CHECK(mode_of(at("folder")) == 0700);
    CHECK(lcp_os_mkdir(at("folder")) == LCP_OK);
    CHECK(lcp_os_is_folder(at("folder")));
    CHECK(lcp_os_mkdir(at("no/where")) == LCP_ENOTFOUND);
    CHECK(lcp_os_write_file(at("plain"), lcp_span_str("x"), 0600, false) == LCP_OK);
    CHECK(lcp_os_mkdir(at("plain")) == LCP_EEXIST);
    CHECK(lcp_os_exists(at("plain")) && !lcp_os_is_folder(at("plain")));
    CHECK(!lcp_os_exists(at("absent")));
    CHECK(lcp_os_remove(at("plain")) == LCP_OK);
    CHECK(lcp_os_remove(at("plain")) == LCP_ENOTFOUND);
    CHECK(strstr(lcp_os_last_error(), "No such file") != NULL);
    CHECK(lcp_os_each_entry(at("absent"), count_entry, &(int){0}) == LCP_ENOTFOUND);
}

static void
files_are_read_whole_or_not_at_all(void)
{
    char *data = NULL;
    size_t len = 0;

    CHECK(lcp_os_write_file(at("five"), lcp_span("ab\0de", 5), 0600, true) == LCP_OK);
    CHECK(lcp_os_read_file(at("five"), 5, &data, &len) == LCP_OK);
    CHECK(len == 5 && memcmp(data, "ab\0de", 6) == 0);
    free(data);
    data = NULL;
    CHECK(lcp_os_read_file(at("five"), 4, &data, &len) == LCP_EFULL);
    CHECK(lcp_os_read_file(at("absent"), 4, &data, &len) == LCP_ENOTFOUND);
    CHECK(lcp_os_read_file(base, 4, &data, &len) == LCP_EINVAL);
    REQUIRE(mkfifo(at("pipe"), 0600) == 0); /* nobody writes there: must not wait */
    CHECK(lcp_os_read_file(at("pipe"), 4, &data, &len) == LCP_EINVAL);
    CHECK(data == NULL);
    CHECK(lcp_os_write_file(at("none"), lcp_span("", 0), 0600, false) == LCP_OK);
    CHECK(file_is(at("none"), ""));
#if defined(__linux__)
    /* The system claims that these are empty. */
    CHECK(lcp_os_read_file("/proc/self/status", 100000, &data, &len) == LCP_OK);
    CHECK(len > 100 && strlen(data) == len);
    free(data);
    data = NULL;
    CHECK(lcp_os_read_file("/proc/self/status", 100, &data, &len) == LCP_EFULL);
#endif
}

static void
files_are_replaced_whole_and_leave_no_rest(void)
{
    mode_t before = umask(0077);
    const char *folder = at("whole");

    CHECK(lcp_os_mkdir(folder) == LCP_OK);
    CHECK(lcp_os_write_file(at("whole/f"), lcp_span_str("old"), 0644, true) == LCP_OK);
    CHECK(mode_of(at("whole/f")) == 0644);
    CHECK(lcp_os_write_file(at("whole/f"), lcp_span_str("new"), 0600, false) == LCP_OK);
    CHECK(mode_of(at("whole/f")) == 0600);
    CHECK(file_is(at("whole/f"), "new"));
    CHECK(lcp_os_rename(at("whole/f"), at("whole/g")) == LCP_OK);
    CHECK(lcp_os_rename(at("whole/f"), at("whole/g")) == LCP_ENOTFOUND);
    CHECK(entries_of(at("whole")) == 1);
    CHECK(lcp_os_write_file(at("gone/f"), lcp_span_str("x"), 0600, true) ==
          LCP_ENOTFOUND);
    umask(before);
}

/* A limit on file size stands for the full disk: the write stops in the middle. */
static int
write_beyond_the_limit(void)
{
    static char big[8192];
    struct rlimit limit = {4096, 4096};

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    if (lcp_os_write_file(at("disk/f"), lcp_span(big, sizeof(big)), 0600, true) !=
        LCP_ENOSPACE)
        return 2;
    if (lcp_os_create_file(at("disk/g"), lcp_span(big, sizeof(big)), 0600) !=
        LCP_ENOSPACE)
        return 3;
    return 0;
}

static void
a_full_disk_leaves_the_old_file(void)
{
    CHECK(lcp_os_mkdir(at("disk")) == LCP_OK);
    CHECK(lcp_os_write_file(at("disk/f"), lcp_span_str("old"), 0600, true) == LCP_OK);
    CHECK(in_child(write_beyond_the_limit) == 0);
    CHECK(file_is(at("disk/f"), "old"));
    CHECK(entries_of(at("disk")) == 1);
}

static int
create_once(void)
{
    return lcp_os_create_file(at("race/f"), lcp_span_str("one"), 0600) == LCP_OK ? 1
                                                                                 : 0;
}

static void
created_files_are_never_replaced(void)
{
    enum { RACERS = 8 };
    int winners = 0;

    CHECK(lcp_os_create_file(at("made"), lcp_span_str("first"), 0600) == LCP_OK);
    CHECK(lcp_os_create_file(at("made"), lcp_span_str("second"), 0600) == LCP_EEXIST);
    CHECK(file_is(at("made"), "first"));
    CHECK(mode_of(at("made")) == 0600);
    REQUIRE(symlink("/nonexistent", at("dangling")) == 0);
    CHECK(lcp_os_create_file(at("dangling"), lcp_span_str("x"), 0600) == LCP_EEXIST);

    CHECK(lcp_os_mkdir(at("race")) == LCP_OK);
    fflush(NULL);
    for (int i = 0; i < RACERS; i++) {
        pid_t child = fork();

        REQUIRE(child >= 0);
        if (child == 0)
            _exit(create_once());
    }
    for (int i = 0; i < RACERS; i++) {
        int status = 0;

        REQUIRE(wait(&status) > 0);
        winners += WIFEXITED(status) && WEXITSTATUS(status) == 1;
    }
    CHECK(winners == 1);
    CHECK(entries_of(at("race")) == 1);
}

static bool
seed_is_zero(const uint8_t *seed)
{
    static const uint8_t zero[LCP_SEED_BYTES];

    return memcmp(seed, zero, LCP_SEED_BYTES) == 0;
}

static void
a_key_that_others_may_read_is_refused(void)
{
    static const struct {
        const char *label;
        unsigned mode;
        size_t len;
        enum lcp_err want;
    } rows[] = {
        {"0600", 0600, 32, LCP_OK},       {"0400", 0400, 32, LCP_OK},
        {"0644", 0644, 32, LCP_EPERM},    {"0640", 0640, 32, LCP_EPERM},
        {"0620", 0620, 32, LCP_EPERM},    {"0601", 0601, 32, LCP_EPERM},
        {"short", 0600, 31, LCP_EFORMAT}, {"long", 0600, 33, LCP_EFORMAT},
        {"empty", 0600, 0, LCP_EFORMAT},  {"far too long", 0600, 400, LCP_EFORMAT},
    };
    char text[401];
    uint8_t seed[LCP_SEED_BYTES];

    memset(text, 'k', sizeof(text));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        memset(seed, 1, sizeof(seed));
        CHECK(lcp_os_write_file(at("key"), lcp_span(text, rows[i].len), rows[i].mode,
                                false) == LCP_OK);
        CHECK_ROW(rows[i].label, lcp_os_read_seed(at("key"), seed) == rows[i].want);
        if (rows[i].want == LCP_OK)
            CHECK_ROW(rows[i].label, memcmp(seed, text, sizeof(seed)) == 0);
        else
            CHECK_ROW(rows[i].label, seed_is_zero(seed));
    }
}

static void
a_key_that_is_no_file_of_ours_is_refused(void)
{
    static const uint8_t key[LCP_SEED_BYTES] = {1, 2, 3};
    uint8_t seed[LCP_SEED_BYTES] = {1};

    CHECK(lcp_os_read_seed(at("absent"), seed) == LCP_ENOTFOUND);
    CHECK(seed_is_zero(seed));
    CHECK(lcp_os_read_seed(at("pipe"), seed) == LCP_EFORMAT);
    CHECK(lcp_os_read_seed(base, seed) == LCP_EFORMAT);
    CHECK(lcp_os_write_file(at("key"), lcp_span(key, sizeof(key)), 0600, false) ==
          LCP_OK);
    REQUIRE(symlink(at("key"), at("link")) == 0);
    CHECK(lcp_os_read_seed(at("link"), seed) == LCP_EPERM);
    if (geteuid() != 0) {
        printf("SKIP root: a key of another user\n");
        return;
    }
    REQUIRE(chown(at("key"), NOBODY, NOBODY) == 0);
    CHECK(lcp_os_read_seed(at("key"), seed) == LCP_EPERM);
    CHECK(seed_is_zero(seed));
}

static int
lock_and_report(void)
{
    struct lcp_os_lock lock;
    long pid = -1;

    if (lcp_os_lock(at("lock"), &lock, &pid) != LCP_EBUSY || lock.handle != -1)
        return 1;
    return pid == (long)getppid() ? 0 : 2;
}

static void
a_lock_has_one_holder_and_says_who(void)
{
    struct lcp_os_lock lock, again;
    long pid = -1;
    int fd, status;
    pid_t child;

    CHECK(lcp_os_lock(at("lock"), &lock, &pid) == LCP_OK);
    CHECK(pid == (long)getpid());
    CHECK(in_child(lock_and_report) == 0);
    CHECK(lcp_os_lock(at("lock"), &again, NULL) == LCP_EBUSY);
    fd = open(at("lock"), O_RDONLY);
    close(fd); /* with fcntl() locks, this would have let go */
    CHECK(in_child(lock_and_report) == 0);
    lcp_os_unlock(&lock);
    lcp_os_unlock(&lock);
    CHECK(lock.handle == -1);

    /* A holder that was killed holds nothing. */
    fflush(NULL);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0)
        _exit(lcp_os_lock(at("lock"), &lock, NULL) == LCP_OK ? raise(SIGKILL) : 1);
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(lcp_os_lock(at("lock"), &lock, NULL) == LCP_OK);
    lcp_os_unlock(&lock);
}

static int
listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    REQUIRE(fd >= 0 && strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    REQUIRE(listen(fd, 4) == 0);
    return fd;
}

static void
nobody_listens_is_not_a_sandbox(void)
{
    char longest[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
    intptr_t handle = 7;

    CHECK(lcp_os_connect(at("absent.sock"), &handle) == LCP_ECLOSED);
    CHECK(handle == -1);
    CHECK(lcp_os_connect(at("five/absent.sock"), &handle) == LCP_ECLOSED);
    CHECK(lcp_os_connect(at("five"), &handle) == LCP_ECLOSED);
    close(listen_at(at("stale.sock")));
    CHECK(lcp_os_connect(at("stale.sock"), &handle) == LCP_ECLOSED);
    CHECK(lcp_os_connect("", &handle) == LCP_EINVAL);
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    CHECK(lcp_os_connect(longest, &handle) == LCP_EFULL);
    longest[sizeof(longest) - 2] = '\0'; /* the longest that fits */
    CHECK(lcp_os_connect(longest, &handle) == LCP_ECLOSED);
}

static void
a_stream_carries_bytes_and_says_how_it_ended(void)
{
    static char big[1 << 20];
    int listener = listen_at(at("echo.sock")), server;
    intptr_t handle = -1;
    char out[8];
    size_t len = 9;
    uint64_t before;

    CHECK(lcp_os_connect(at("echo.sock"), &handle) == LCP_OK);
    server = accept(listener, NULL, NULL);
    REQUIRE(server >= 0);
    CHECK(lcp_os_check_peer(server) == LCP_OK);
    CHECK(lcp_os_stream_write(handle, lcp_span_str("hello")) == LCP_OK);
    CHECK(recv(server, out, sizeof(out), 0) == 5 && memcmp(out, "hello", 5) == 0);

    before = lcp_os_mono_ms();
    CHECK(lcp_os_stream_read(handle, out, sizeof(out), 30, &len) == LCP_ETIMEOUT);
    CHECK(lcp_os_mono_ms() - before >= 29);
    CHECK(lcp_os_stream_read(handle, out, sizeof(out), 0, &len) == LCP_ETIMEOUT);
    REQUIRE(send(server, "0123456789", 10, 0) == 10);
    CHECK(lcp_os_stream_read(handle, out, sizeof(out), UINT64_MAX, &len) == LCP_OK);
    CHECK(len == 8 && memcmp(out, "01234567", 8) == 0);
    CHECK(lcp_os_stream_read(handle, out, sizeof(out), 1000, &len) == LCP_OK &&
          len == 2);
    close(server);
    CHECK(lcp_os_stream_read(handle, out, sizeof(out), 1000, &len) == LCP_OK &&
          len == 0);
    CHECK(lcp_os_stream_write(handle, lcp_span(big, sizeof(big))) == LCP_ECLOSED);
    lcp_os_stream_close(handle);
    lcp_os_stream_close(-1);
    close(listener);
}

static int
connect_as_nobody(void)
{
    intptr_t handle;

    if (setuid(NOBODY) != 0)
        return 1;
    if (lcp_os_connect(at("shut.sock"), &handle) != LCP_EPERM)
        return 2;
    if (lcp_os_connect(at("folder/in.sock"), &handle) != LCP_EPERM)
        return 3;
    /* Listened at by SOMEBODY, writable for all: a trap. */
    if (lcp_os_connect(at("trap.sock"), &handle) != LCP_EPERM || handle != -1)
        return 4;
    if (lcp_os_connect(at("root.sock"), &handle) != LCP_OK)
        return 5;
    return 0;
}

/* Makes a socket that belongs to SOMEBODY until the process it returns is killed. */
static pid_t
keep_trap(void)
{
    int ready[2];
    char byte;
    pid_t keeper;

    REQUIRE(pipe(ready) == 0);
    fflush(NULL);
    keeper = fork();
    REQUIRE(keeper >= 0);
    if (keeper == 0) {
        if (setuid(SOMEBODY) != 0)
            _exit(1);
        listen_at(at("trap.sock"));
        chmod(at("trap.sock"), 0777);
        (void)!write(ready[1], "", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    REQUIRE(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return keeper;
}

static void
a_stranger_at_either_end_is_noticed(void)
{
    int shut, inside, open_for_all, server;
    pid_t keeper;

    if (geteuid() != 0) {
        printf("SKIP root: strangers at the socket\n");
        return;
    }
    REQUIRE(chmod(base, 0777) == 0);
    shut = listen_at(at("shut.sock"));
    chmod(at("shut.sock"), 0600);
    inside = listen_at(at("folder/in.sock"));
    open_for_all = listen_at(at("root.sock"));
    chmod(at("root.sock"), 0777);
    keeper = keep_trap();
    CHECK(in_child(connect_as_nobody) == 0);
    fcntl(open_for_all, F_SETFL,
          O_NONBLOCK); /* if that child never came, do not wait */
    server = accept(open_for_all, NULL, NULL);
    CHECK(server >= 0 && lcp_os_check_peer(server) == LCP_EPERM);
    close(server);
    kill(keeper, SIGKILL);
    waitpid(keeper, NULL, 0);
    close(shut);
    close(inside);
    close(open_for_all);
    chmod(base, 0700);
}

static int
detach_well(void)
{
    long pid = -1;
    pid_t session = getsid(0);
    int inherited = dup2(STDIN_FILENO, 40); /* what a careless starter leaves open */
    enum lcp_err err = lcp_os_detach(at("log"), &pid);

    if (err != LCP_OK)
        return 1;
    if (pid == 0) {
        char byte;

        if (getsid(0) == session || getsid(0) == getpid() ||
            fcntl(inherited, F_GETFD) >= 0 || read(STDIN_FILENO, &byte, 1) != 0)
            _exit(1);
        lcp_os_detached(0);
        fprintf(stderr, "to the log\n");
        printf("and this\n");
        fflush(NULL);
        if (lcp_os_rotate_log(at("log"), 1000) != LCP_OK ||
            lcp_os_rotate_log(at("log"), 10) != LCP_OK)
            _exit(1);
        fprintf(stderr, "to the next\n");
        for (;;)
            pause();
    }
    /* The child runs: end it when it has written what we look for. */
    for (int i = 0; i < 1000 && !file_is(at("log"), "to the next\n"); i++)
        lcp_os_sleep_ms(10);
    if (kill((pid_t)pid, SIGKILL) != 0)
        return 3;
    if (!file_is(at("log"), "to the next\n"))
        return 4;
    return file_is(at("log.1"), "to the log\nand this\n") ? 0 : 5;
}

static int
detach_badly(void)
{
    long pid = -1;
    enum lcp_err err = lcp_os_detach(at("log.bad"), &pid);

    if (err == LCP_OK && pid == 0) {
        lcp_os_detached(2);
        _exit(1);
    }
    return err == LCP_EIO && pid == 2 ? 0 : 1;
}

static int
detach_and_die(void)
{
    long pid = -1;
    enum lcp_err err = lcp_os_detach(at("log.bad"), &pid);

    if (err == LCP_OK && pid == 0)
        raise(SIGKILL);
    return err == LCP_EIO ? 0 : 1;
}

static int
detach_without_log(void)
{
    long pid = -1;

    return lcp_os_detach(at("absent/log"), &pid) == LCP_ENOTFOUND ? 0 : 1;
}

static void
the_starter_learns_how_the_start_went(void)
{
    CHECK(in_child(detach_well) == 0);
    CHECK(mode_of(at("log")) == 0600);
    CHECK(in_child(detach_badly) == 0);
    CHECK(in_child(detach_and_die) == 0);
    CHECK(in_child(detach_without_log) == 0);
    lcp_os_detached(0); /* nobody detached: nothing happens */
    CHECK(lcp_os_rotate_log(at("log"), UINT64_MAX) == LCP_OK);
}

#if defined(__linux__)
/* Gives the loopback interface of a fresh network namespace this address. */
static bool
set_loopback(const char *address)
{
    struct ifreq request = {.ifr_name = "lo"};
    struct sockaddr_in in = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool ok;

    inet_pton(AF_INET, address, &in.sin_addr);
    memcpy(&request.ifr_addr, &in, sizeof(in));
    ok = fd >= 0 && ioctl(fd, SIOCSIFADDR, &request) == 0;
    memset(&request.ifr_ifru, 0, sizeof(request.ifr_ifru));
    request.ifr_flags = IFF_UP;
    ok = ok && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return ok;
}

enum { CANNOT = 77 };

static int
find_tailnet(void)
{
    static const struct {
        const char *address;
        enum lcp_err want;
    } rows[] = {
        {"100.63.255.255", LCP_ENOTFOUND}, {"100.64.0.1", LCP_OK},
        {"100.127.255.254", LCP_OK},       {"100.128.0.0", LCP_ENOTFOUND},
        {"10.64.0.1", LCP_ENOTFOUND},
    };

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 && unshare(CLONE_NEWNET) != 0)
        return CANNOT;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_endpoint found = {{0}, 0};
        uint8_t ip[4];

        if (!set_loopback(rows[i].address))
            return CANNOT;
        inet_pton(AF_INET, rows[i].address, ip);
        if (lcp_os_tailnet_address(&found) != rows[i].want)
            return 1 + (int)i;
        if (rows[i].want == LCP_OK &&
            (memcmp(found.ip + 12, ip, 4) != 0 || found.ip[11] != 0xff ||
             found.port != LCP_PORT_DEFAULT))
            return 20 + (int)i;
    }
    return 0;
}

static void
the_tailnet_address_is_found_on_an_interface(void)
{
    int code = in_child(find_tailnet);

    if (code == CANNOT)
        printf("SKIP netns: the tailnet address needs a network namespace\n");
    else
        CHECK(code == 0);
}
#endif

static int
remove_all(const char *path)
{
    char command[300];

    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    return system(command);
}

int
main(void)
{
    umask(0022);
    REQUIRE(mkdtemp(base) != NULL);
    paths_join_with_one_slash();
    the_home_is_where_the_environment_says();
    clocks_advance();
    folders_are_ours_alone();
    files_are_read_whole_or_not_at_all();
    files_are_replaced_whole_and_leave_no_rest();
    a_full_disk_leaves_the_old_file();
    created_files_are_never_replaced();
    a_key_that_others_may_read_is_refused();
    a_key_that_is_no_file_of_ours_is_refused();
    a_lock_has_one_holder_and_says_who();
    nobody_listens_is_not_a_sandbox();
    a_stream_carries_bytes_and_says_how_it_ended();
    a_stranger_at_either_end_is_noticed();
    the_starter_learns_how_the_start_went();
#if defined(__linux__)
    the_tailnet_address_is_found_on_an_interface();
#endif
    CHECK(remove_all(base) == 0);
    return check_end("os");
}
