/* SPDX-License-Identifier: MIT
 *
 * A bad network between two nodes: takes UDP datagrams at one address and says them at
 * another, late, twice, cut, changed, or not at all. What it says has a right checksum:
 * only the nodes can notice.
 *
 *     relay SEED LEFT_HERE LEFT_NODE RIGHT_HERE RIGHT_NODE
 *
 * What LEFT_NODE sends to LEFT_HERE goes to RIGHT_NODE from RIGHT_HERE, and the other
 * way round, all on the default port. It says `ready`; each line of its input is
 *
 *     set KEY VALUE
 *
 * and is answered by what has gone through so far. Shares are in parts of a million:
 *     drop_right, drop_left   of what goes to that side is lost
 *     corrupt, truncate       of all is changed in one to four bytes, or cut
 *     copies                  that are made of each, besides the first
 *     delay_ms, jitter_ms     each is held for so long, and at random up to that
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PORT = 9528,
    HELD_MAX = 1 << 17, /* then packets are lost, as in any router */
    DATAGRAM_MAX = 65507,
    MILLION = 1000000,
    LINE_BYTES = 128,
    COPIES_MAX = 1000,
    DELAY_MAX_MS = 600000,
};

enum side { LEFT, RIGHT };

struct held {
    uint64_t due_us;
    enum side to;
    size_t len;
    uint8_t *bytes;
};

struct relay {
    uint64_t random;
    int fds[2];
    struct sockaddr_in nodes[2];
    struct held *heap;
    size_t count;
    uint32_t drop[2], corrupt, truncate, copies, delay_ms, jitter_ms;
    unsigned long long taken[2], said[2], lost, changed;
    size_t held_most;
};

static void
die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * MILLION + (uint64_t)t.tv_nsec / 1000;
}

/* splitmix64 */
static uint64_t
draw(struct relay *r, uint64_t below)
{
    uint64_t z = r->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

/* ---- held packets: a heap by due time ---- */

static void
swap(struct held *a, struct held *b)
{
    struct held c = *a;

    *a = *b;
    *b = c;
}

static void
hold(struct relay *r, struct held packet)
{
    size_t at = r->count++;

    if (r->count > r->held_most)
        r->held_most = r->count;
    r->heap[at] = packet;
    for (; at > 0 && r->heap[(at - 1) / 2].due_us > r->heap[at].due_us;
         at = (at - 1) / 2)
        swap(&r->heap[(at - 1) / 2], &r->heap[at]);
}

static struct held
release(struct relay *r)
{
    struct held first = r->heap[0];
    size_t at = 0, child;

    r->heap[0] = r->heap[--r->count];
    while ((child = 2 * at + 1) < r->count) {
        if (child + 1 < r->count && r->heap[child + 1].due_us < r->heap[child].due_us)
            child++;
        if (r->heap[at].due_us <= r->heap[child].due_us)
            break;
        swap(&r->heap[at], &r->heap[child]);
        at = child;
    }
    return first;
}

static void
say_due(struct relay *r)
{
    uint64_t at_us = now_us();

    while (r->count > 0 && r->heap[0].due_us <= at_us) {
        struct held p = release(r);
        const struct sockaddr *node = (const struct sockaddr *)&r->nodes[p.to];

        /* A full queue or a node that is not there: lost. */
        if (sendto(r->fds[p.to], p.bytes, p.len, 0, node, sizeof(r->nodes[0])) >= 0)
            r->said[p.to]++;
        free(p.bytes);
    }
}

/* ---- what happens to a packet ---- */

static void
spoil(struct relay *r, struct held *p)
{
    if (p->len > 0 && draw(r, MILLION) < r->corrupt) {
        for (uint64_t i = 1 + draw(r, 4); i > 0; i--)
            p->bytes[draw(r, p->len)] ^= (uint8_t)(1 + draw(r, 255));
        r->changed++;
    }
    if (p->len > 0 && draw(r, MILLION) < r->truncate) {
        p->len = draw(r, p->len);
        r->changed++;
    }
}

static void
pass_on(struct relay *r, enum side to, const uint8_t *bytes, size_t len)
{
    for (uint32_t copy = 0; copy <= r->copies; copy++) {
        struct held p = {.to = to, .len = len};

        p.bytes = r->count < HELD_MAX ? malloc(len + 1) : NULL;
        if (p.bytes == NULL) {
            r->lost++;
            continue;
        }
        memcpy(p.bytes, bytes, len);
        spoil(r, &p);
        p.due_us = now_us() + (uint64_t)r->delay_ms * 1000 +
                   (r->jitter_ms > 0 ? draw(r, (uint64_t)r->jitter_ms * 1000) : 0);
        hold(r, p);
    }
}

static void
take(struct relay *r, enum side from)
{
    static uint8_t bytes[DATAGRAM_MAX];
    enum side to = from == LEFT ? RIGHT : LEFT;
    ssize_t got;

    while ((got = recv(r->fds[from], bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
        r->taken[from]++;
        if (draw(r, MILLION) < r->drop[to])
            r->lost++;
        else
            pass_on(r, to, bytes, (size_t)got);
    }
}

/* ---- its own line ---- */

static bool
set(struct relay *r, const char *key, uint32_t value)
{
    const struct {
        const char *key;
        uint32_t *value, max;
    } rows[] = {{"drop_left", &r->drop[LEFT], MILLION},
                {"drop_right", &r->drop[RIGHT], MILLION},
                {"corrupt", &r->corrupt, MILLION},
                {"truncate", &r->truncate, MILLION},
                {"copies", &r->copies, COPIES_MAX},
                {"delay_ms", &r->delay_ms, DELAY_MAX_MS},
                {"jitter_ms", &r->jitter_ms, DELAY_MAX_MS}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(key, rows[i].key) == 0 && value <= rows[i].max) {
            *rows[i].value = value;
            return true;
        }
    }
    return false;
}

/* False at the end of the input. */
static bool
take_line(struct relay *r)
{
    char line[LINE_BYTES], key[LINE_BYTES] = "";
    unsigned value;
    bool is_set;

    if (fgets(line, sizeof(line), stdin) == NULL)
        return false;
    is_set = sscanf(line, "set %127s %u", key, &value) == 2 && set(r, key, value);
    printf("{\"ok\":%s,\"from_left\":%llu,\"from_right\":%llu,\"to_left\":%llu,"
           "\"to_right\":%llu,\"lost\":%llu,\"changed\":%llu,\"held_most\":%zu}\n",
           is_set ? "true" : "false", r->taken[LEFT], r->taken[RIGHT], r->said[LEFT],
           r->said[RIGHT], r->lost, r->changed, r->held_most);
    fflush(stdout);
    return true;
}

static int
open_side(const char *here, const char *node, struct sockaddr_in *to)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 8 << 20;

    *to = address;
    if (fd < 0 || inet_pton(AF_INET, here, &address.sin_addr) != 1 ||
        inet_pton(AF_INET, node, &to->sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die(here);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return fd;
}

static void
run(struct relay *r)
{
    struct pollfd fds[3] = {{.fd = r->fds[LEFT], .events = POLLIN},
                            {.fd = r->fds[RIGHT], .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};

    setvbuf(stdin, NULL, _IONBF, 0); /* or poll would not know of a second line */
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        (void)poll(fds, 3, r->count > 0 ? 1 : 1000);
        if (fds[LEFT].revents != 0)
            take(r, LEFT);
        if (fds[RIGHT].revents != 0)
            take(r, RIGHT);
        if (fds[2].revents != 0 && !take_line(r))
            return;
        say_due(r);
    }
}

int
main(int argc, char **argv)
{
    struct relay *r = calloc(1, sizeof(*r));

    if (r == NULL || argc != 6) {
        fprintf(stderr,
                "usage: relay SEED LEFT_HERE LEFT_NODE RIGHT_HERE RIGHT_NODE\n");
        return 2;
    }
    r->heap = calloc(HELD_MAX + COPIES_MAX, sizeof(r->heap[0]));
    if (r->heap == NULL)
        die("memory");
    r->random = strtoull(argv[1], NULL, 10);
    r->fds[LEFT] = open_side(argv[2], argv[3], &r->nodes[LEFT]);
    r->fds[RIGHT] = open_side(argv[4], argv[5], &r->nodes[RIGHT]);
    run(r);
    while (r->count > 0)
        free(release(r).bytes);
    free(r->heap);
    free(r);
    return 0;
}
