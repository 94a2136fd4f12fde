/* SPDX-License-Identifier: MIT
 *
 * sim_sweep [--seeds N] [--from N] [--jobs N] [--within SECONDS] | --seed N [--trace]:
 * many seeds, and what they found. Fails on a broken promise, on a fault that fired too
 * rarely, on too few seeds with a Python node or on the real store, when nothing was
 * stored, and when the jobs needed more CPU time than would fit within so many seconds.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sweep.h"

enum {
    SEEDS_DEFAULT = 1000,
    JOBS_MAX = 16,
    FIRING_PER_CENT = 30, /* of the seeds, each class of faults */
    LEGACY_PER_CENT = 30,
    VIOLATIONS_SHOWN = 10,
};

struct totals {
    uint64_t seeds, failed, hash, virtual_ms, messages, stored;
    uint64_t legacy, quota, sqlite; /* seeds with these */
    uint64_t fired[SIM_FAULTS], faults[SIM_FAULTS];
};

static void
add(struct totals *totals, const struct sweep_result *r)
{
    totals->seeds++;
    totals->virtual_ms += r->virtual_ms;
    totals->messages += r->messages;
    totals->stored += r->stored;
    totals->legacy += r->has_legacy;
    totals->quota += r->has_quota;
    totals->sqlite += r->has_sqlite;
    /* Depends on the order of the seeds, so jobs are added up by seed. Where the power
     * fails on the real store hangs on how many writes SQLite makes, which is not the
     * same in every build: such a seed is judged by its promises alone. */
    if (!r->has_sqlite)
        totals->hash = (totals->hash ^ r->hash) * UINT64_C(0x100000001b3);
    for (int i = 0; i < SIM_FAULTS; i++) {
        totals->faults[i] += r->faults[i];
        totals->fired[i] += r->faults[i] > 0;
    }
    if (r->violation[0] == '\0')
        return;
    if (++totals->failed <= VIOLATIONS_SHOWN)
        printf("seed %llu: %s\n", (unsigned long long)r->seed, r->violation);
}

/* One job: every jobs-th seed, results down the pipe in order. */
static void
work(uint64_t from, uint64_t seeds, uint64_t first, uint64_t jobs, int out)
{
    struct sweep_result r;

    for (uint64_t i = first; i < seeds; i += jobs) {
        sweep_seed(from + i, NULL, &r);
        for (size_t done = 0; done < sizeof(r);) {
            ssize_t put = write(out, (const char *)&r + done, sizeof(r) - done);

            if (put <= 0)
                _exit(1);
            done += (size_t)put;
        }
    }
    _exit(0);
}

static bool
read_result(int in, struct sweep_result *r)
{
    for (size_t done = 0; done < sizeof(*r);) {
        ssize_t got = read(in, (char *)r + done, sizeof(*r) - done);

        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static bool
sweep(uint64_t from, uint64_t seeds, uint64_t jobs, struct totals *totals)
{
    int ends[JOBS_MAX][2];
    pid_t pids[JOBS_MAX];
    struct sweep_result r;
    bool ok = true;

    fflush(NULL);
    for (uint64_t j = 0; j < jobs; j++) {
        if (pipe(ends[j]) != 0)
            return false;
        pids[j] = fork();
        if (pids[j] == 0) {
            close(ends[j][0]);
            work(from, seeds, j, jobs, ends[j][1]);
        }
        close(ends[j][1]);
    }
    for (uint64_t i = 0; i < seeds && ok; i++) {
        ok = read_result(ends[i % jobs][0], &r);
        if (ok)
            add(totals, &r);
        else
            printf("seed %llu: the simulation itself broke down\n",
                   (unsigned long long)(from + i));
    }
    for (uint64_t j = 0; j < jobs; j++) {
        close(ends[j][0]);
        (void)waitpid(pids[j], NULL, 0);
    }
    return ok;
}

/* Of each job, which is how long the sweep takes where nothing else runs. */
static double
cpu_seconds(uint64_t jobs)
{
    struct rusage used;

    if (getrusage(RUSAGE_CHILDREN, &used) != 0)
        return 0;
    return ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
            (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6) /
           (double)jobs;
}

/* The seeds are what they are said to be, long and mixed. */
static bool
is_well_mixed(const struct totals *t)
{
    bool is_it = t->virtual_ms == t->seeds * (SWEEP_FAULTS_MS + SWEEP_PEACE_MS) &&
                 t->sqlite >= t->seeds / SWEEP_SQLITE_EVERY &&
                 (t->seeds < 100 || t->legacy * 100 >= t->seeds * LEGACY_PER_CENT);

    if (!is_it)
        printf("TOO SHORT, or too few with a Python node or on the real store\n");
    return is_it;
}

static int
report(const struct totals *totals, double seconds)
{
    double hours = (double)totals->virtual_ms / 3600000.0;
    int rare = 0;

    for (int i = 0; i < SIM_FAULTS; i++) {
        /* Only the real store's machines have power to lose. */
        uint64_t seeds = i == SIM_POWER ? totals->sqlite : totals->seeds;
        bool is_rare = totals->fired[i] * 100 < seeds * FIRING_PER_CENT;

        rare += is_rare;
        printf("%-24s %9llu times, in %5.1f %% of the seeds%s\n",
               sim_fault_name((enum sim_fault)i), (unsigned long long)totals->faults[i],
               100.0 * (double)totals->fired[i] / (double)(seeds > 0 ? seeds : 1),
               is_rare ? "  TOO RARE" : "");
    }
    printf("with a Python node %llu seeds, with a quota %llu, on the real store %llu\n",
           (unsigned long long)totals->legacy, (unsigned long long)totals->quota,
           (unsigned long long)totals->sqlite);
    printf("%llu seeds, %llu failed; %llu messages accepted, %llu stored\n",
           (unsigned long long)totals->seeds, (unsigned long long)totals->failed,
           (unsigned long long)totals->messages, (unsigned long long)totals->stored);
    printf("%.1f simulated hours in %.1f s: %.0f times as fast as life\n", hours,
           seconds, hours * 3600.0 / seconds);
    printf("trace hash %016llx\n", (unsigned long long)totals->hash);
    return totals->failed > 0 || rare > 0 || totals->stored == 0 ||
           !is_well_mixed(totals);
}

static uint64_t
option(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    }
    return otherwise;
}

static int
one_seed(uint64_t seed, bool with_trace)
{
    struct sweep_result r, again;

    sweep_seed(seed, with_trace ? stdout : NULL, &r);
    sweep_seed(seed, NULL, &again);
    printf("seed %llu: %s, %llu messages, %llu stored, trace hash %016llx%s\n",
           (unsigned long long)seed,
           r.violation[0] != '\0' ? r.violation : "all promises held",
           (unsigned long long)r.messages, (unsigned long long)r.stored,
           (unsigned long long)r.hash,
           r.hash == again.hash ? "" : ", AND ANOTHER THE SECOND TIME");
    return r.violation[0] != '\0' || r.hash != again.hash;
}

int
main(int argc, char **argv)
{
    uint64_t seeds = option(argc, argv, "--seeds", SEEDS_DEFAULT);
    uint64_t from = option(argc, argv, "--from", 1),
             jobs = option(argc, argv, "--jobs", 1);
    uint64_t seed = option(argc, argv, "--seed", 0);
    uint64_t within_s = option(argc, argv, "--within", 0);
    struct totals totals = {.hash = UINT64_C(0xcbf29ce484222325)};
    struct timespec begin, end;
    double cpu_s;
    int failed;

    if (seed != 0)
        return one_seed(seed, strcmp(argv[argc - 1], "--trace") == 0);
    if (jobs < 1 || jobs > JOBS_MAX || seeds < 1) {
        fprintf(stderr, "usage: sim_sweep [--seeds N] [--from N] [--jobs 1..16] "
                        "[--within SECONDS] | --seed N [--trace]\n");
        return 2;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    if (!sweep(from, seeds, jobs, &totals))
        return 1;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    failed = report(&totals, (double)(end.tv_sec - begin.tv_sec) +
                                 (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    cpu_s = cpu_seconds(jobs);
    printf("%.1f s of CPU time a job\n", cpu_s);
    if (within_s != 0 && cpu_s > (double)within_s) {
        printf("TOO SLOW: %llu s are allowed\n", (unsigned long long)within_s);
        return 1;
    }
    return failed;
}
