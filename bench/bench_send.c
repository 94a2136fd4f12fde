/* SPDX-License-Identifier: MIT
 *
 * Messages a second through a running daemon, and the latency of each: THREADS clients,
 * each with one message open at a time, COUNT messages in all. Every one is durable on
 * both sides before it counts.
 *
 *     bench_send HOME COUNT THREADS
 */
#define _POSIX_C_SOURCE 200809L
#include "lcp/client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_MAX = 128 };

struct lane {
    pthread_t thread;
    const char *home;
    size_t count;
    double *ms; /* of each message */
    size_t failed;
};

static double
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void *
run_lane(void *arg)
{
    struct lane *lane = arg;
    struct lcp_client *client = NULL;

    if (lcp_client_open(lane->home, &client) != LCP_OK) {
        lane->failed = lane->count;
        return NULL;
    }
    for (size_t i = 0; i < lane->count; i++) {
        struct lcp_sent sent;
        double start = now_ms();
        enum lcp_err err = lcp_client_send(client, NULL, NULL,
                                           "forty bytes of text, more or less so.",
                                           NULL, true, &sent);

        lane->ms[i] = now_ms() - start;
        lane->failed += err != LCP_OK || !sent.ok;
    }
    lcp_client_close(client);
    return NULL;
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
    static struct lane lanes[THREADS_MAX];
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    size_t threads = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    size_t failed = 0;
    double *ms, start, seconds;

    if (argc < 2 || threads == 0 || threads > THREADS_MAX || count < threads) {
        fprintf(stderr, "usage: bench_send HOME COUNT THREADS\n");
        return 2;
    }
    count -= count % threads;
    ms = calloc(count, sizeof *ms);
    if (ms == NULL)
        return 1;
    start = now_ms();
    for (size_t i = 0; i < threads; i++) {
        lanes[i] = (struct lane){.home = argv[1],
                                 .count = count / threads,
                                 .ms = ms + i * (count / threads)};
        if (pthread_create(&lanes[i].thread, NULL, run_lane, &lanes[i]) != 0)
            return 1;
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(lanes[i].thread, NULL);
        failed += lanes[i].failed;
    }
    seconds = (now_ms() - start) / 1e3;
    qsort(ms, count, sizeof *ms, by_value);
    printf("%zu messages, %zu clients: %.0f a second, p50 %.2f ms, p99 %.2f ms, %zu "
           "failed\n",
           count, threads, (double)count / seconds, ms[count / 2], ms[count * 99 / 100],
           failed);
    free(ms);
    return failed != 0;
}
