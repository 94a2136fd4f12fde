/* SPDX-License-Identifier: MIT
 *
 * What was acknowledged survives the loss of power, at so many random points; and the
 * test can tell: with each of five faults planted the same run must lose something.
 *
 *   test_power [--failures N] [--seed N] [--life N]
 *
 * Everything follows from seed and life; --life runs just that one, without faults.
 */
#include <inttypes.h>

#include "base/crypto.h"
#include "check.h"
#include "power/life.h"

enum {
    FAILURES_A_LIFE = 16,
    FAULTY_SHARE = 20, /* a faulty store needs far fewer to be found out */
};

struct arguments {
    uint64_t failures, seed, life;
    bool is_one_life;
};

static bool
parse(int argc, char **argv, struct arguments *out)
{
    for (int i = 1; i < argc; i += 2) {
        char *end = NULL;
        uint64_t value;

        if (i + 1 == argc)
            return false;
        value = strtoull(argv[i + 1], &end, 10);
        if (end == argv[i + 1] || *end != '\0')
            return false;
        if (strcmp(argv[i], "--failures") == 0) {
            out->failures = value;
        } else if (strcmp(argv[i], "--seed") == 0) {
            out->seed = value;
        } else if (strcmp(argv[i], "--life") == 0) {
            out->life = value;
            out->is_one_life = true;
        } else {
            return false;
        }
    }
    return out->failures > 0;
}

static void
print_report(const char *label, const struct power_report *r)
{
    printf("%-18s %6" PRIu64 " failures (%" PRIu64 " opening, %" PRIu64
           " committing, %" PRIu64 " checkpointing, %" PRIu64 " closing, %" PRIu64
           " idle), %" PRIu64 " batches, in flight %" PRIu64 " came %" PRIu64
           " went %" PRIu64 " returned, %" PRIu64 " messages, lives %" PRIu64
           ": lost %" PRIu64 " damaged %" PRIu64 "\n",
           label, r->failures, r->opening, r->committing, r->checkpointing, r->closing,
           r->idle, r->acknowledged, r->came, r->went, r->returned, r->rows, r->lives,
           r->lost, r->damaged);
}

/* Lives until the power failed so often. A life that breaks a promise at its first
 * failure counts none, so lives are bounded too. */
static struct power_report
run(const struct power_plan *plan, const char *label, uint64_t failures)
{
    struct power_report report = {0};

    while (report.failures < failures && report.lives < failures)
        power_life(plan, report.lives, FAILURES_A_LIFE, &report);
    print_report(label, &report);
    return report;
}

static void
what_was_acknowledged_survives(struct power_plan plan, uint64_t failures)
{
    struct power_report r;

    plan.fault = POWER_SOUND;
    plan.is_loud = true;
    r = run(&plan, "as it is", failures);
    CHECK(r.failures >= failures);
    CHECK(r.lost == 0);
    CHECK(r.damaged == 0);
    CHECK(r.returned == 0);
    /* The run met what it is for. */
    CHECK(r.acknowledged > failures && r.rows > failures);
    CHECK(r.came > 0 && r.went > 0);
    CHECK(r.opening > 0 && r.committing > 0 && r.checkpointing > 0 && r.idle > 0);
}

static void
a_planted_fault_is_found(struct power_plan plan, uint64_t failures)
{
    static const struct {
        const char *label;
        enum power_fault fault;
        bool must_lose, may_damage;
    } rows[] = {
        /* SQLite promises that this one leaves a whole record, only an older one. */
        {"synchronous=NORMAL", POWER_SYNC_NORMAL, true, false},
        {"journal_mode=OFF", POWER_JOURNAL_OFF, false, true},
        {"ack before commit", POWER_EARLY_ACK, true, false},
        {"log unsynced", POWER_LOG_UNSYNCED, true, true},
        {"database unsynced", POWER_DATABASE_UNSYNCED, false, true},
    };

    plan.is_loud = false;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct power_report r;

        plan.fault = rows[i].fault;
        r = run(&plan, rows[i].label, failures);
        CHECK_ROW(rows[i].label, r.lost + r.damaged > 0);
        CHECK_ROW(rows[i].label, !rows[i].must_lose || r.lost > 0);
        CHECK_ROW(rows[i].label, rows[i].may_damage || r.damaged == 0);
    }
}

int
main(int argc, char **argv)
{
    struct arguments a = {.failures = 10000, .seed = 1};
    struct power_plan plan = {.is_loud = true};

    if (!parse(argc, argv, &a)) {
        fprintf(stderr, "usage: test_power [--failures N] [--seed N] [--life N]\n");
        return 2;
    }
    REQUIRE(lcp_crypto_init() == LCP_OK);
    plan.seed = a.seed;
    printf("seed %" PRIu64 "\n", a.seed);
    if (a.is_one_life) {
        struct power_report r = {0};

        power_life(&plan, a.life, FAILURES_A_LIFE, &r);
        print_report("one life", &r);
        CHECK(r.lost + r.damaged == 0);
    } else {
        what_was_acknowledged_survives(plan, a.failures);
        a_planted_fault_is_found(plan, a.failures / FAULTY_SHARE + 1);
    }
    return check_end("test_power");
}
