/* SPDX-License-Identifier: MIT
 *
 * What happened, as text for people and as a hash for comparing runs.
 */
#include "state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

static const char *const fault_names[SIM_FAULTS] = {
    [SIM_LOSS] = "loss",
    [SIM_DUPLICATION] = "duplication",
    [SIM_REORDERING] = "reordering",
    [SIM_DELAY] = "delay",
    [SIM_CORRUPTION] = "corruption",
    [SIM_ONE_WAY] = "one-way link",
    [SIM_CRASH] = "crash at rest",
    [SIM_CRASH_BEFORE_COMMIT] = "crash before a commit",
    [SIM_CRASH_AFTER_COMMIT] = "crash after a commit",
    [SIM_CRASH_UNSENT] = "crash before sending",
    [SIM_DISK_FULL] = "full disk",
    [SIM_SLOW_DISK] = "slow disk",
    [SIM_SLEEP] = "sleep",
    [SIM_CLOCK_JUMP] = "clock jump",
    [SIM_IMPOSTOR] = "impostor",
    [SIM_REPLAY] = "replay",
    [SIM_MUTATION] = "mutation",
    [SIM_FLOOD] = "flood",
    [SIM_POWER] = "loss of power",
};

const char *
sim_fault_name(enum sim_fault fault)
{
    return fault_names[fault];
}

void
sim_mix(struct sim *sim, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        sim->hash = (sim->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

void
sim_mix_number(struct sim *sim, uint64_t number)
{
    sim->hash = (sim->hash ^ number) * UINT64_C(0x9FB21C651E98DF25);
    sim->hash ^= sim->hash >> 32;
}

uint64_t
sim_hash(const struct sim *sim)
{
    return sim->hash;
}

static void
put_line(struct sim *sim, const char *line)
{
    size_t len = strlen(line);

    if (sim->out != NULL)
        fputs(line, sim->out);
    if (!sim->options.keep_trace)
        return;
    while (sim->trace_len + len + 1 > sim->trace_cap) {
        sim->trace_cap = sim->trace_cap == 0 ? 4096 : sim->trace_cap * 2;
        sim->trace = realloc(sim->trace, sim->trace_cap);
        assert(sim->trace != NULL);
    }
    memcpy(sim->trace + sim->trace_len, line, len + 1);
    sim->trace_len += len;
}

LCP_PRINTF(4, 0)
static void
write_line(struct sim *sim, int node, const char *verb, const char *format,
           va_list args)
{
    char what[SIM_TEXT_MAX], line[SIM_TEXT_MAX + 64];

    (void)vsnprintf(what, sizeof(what), format, args);
    (void)snprintf(line, sizeof(line), "%5llu %c %-7s %s\n",
                   (unsigned long long)(sim->now_ms - sim->epoch_ms), sim_letter(node),
                   verb, what);
    put_line(sim, line);
}

/* The hash takes in every line; nobody formats what nobody reads. */
static bool
is_read(const struct sim *sim)
{
    return sim->options.keep_trace || sim->out != NULL;
}

void
sim_say(struct sim *sim, int node, const char *verb, const char *format, ...)
{
    va_list args;

    sim_mix_number(sim, sim->now_ms);
    sim_mix_number(sim, (uint64_t)node);
    sim_mix(sim, verb, strlen(verb));
    if (!is_read(sim))
        return;
    va_start(args, format);
    write_line(sim, node, verb, format, args);
    va_end(args);
}

void
sim_note(struct sim *sim, int node, const char *verb, const char *format, ...)
{
    va_list args;

    sim_mix_number(sim, sim->now_ms);
    sim_mix(sim, verb, strlen(verb));
    if (!is_read(sim) || !sim->options.trace_all)
        return;
    va_start(args, format);
    write_line(sim, node, verb, format, args);
    va_end(args);
}

void
sim_break(struct sim *sim, const char *format, ...)
{
    va_list args;
    char line[SIM_TEXT_MAX + 64];

    if (sim->violation[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(sim->violation, sizeof(sim->violation), format, args);
    va_end(args);
    (void)snprintf(line, sizeof(line), "%5llu ! %s\n",
                   (unsigned long long)(sim->now_ms - sim->epoch_ms), sim->violation);
    put_line(sim, line);
}

const char *
sim_violation(const struct sim *sim)
{
    return sim->violation[0] != '\0' ? sim->violation : NULL;
}

const char *
sim_trace(const struct sim *sim)
{
    return sim->trace != NULL ? sim->trace : "";
}

void
sim_clear_trace(struct sim *sim)
{
    sim->trace_len = 0;
    if (sim->trace != NULL)
        sim->trace[0] = '\0';
}

bool
sim_expect(struct sim *sim, const char *want)
{
    bool is_same = strcmp(sim_trace(sim), want) == 0;

    if (!is_same)
        fprintf(stderr, "trace:\n%sexpected:\n%s", sim_trace(sim), want);
    sim_clear_trace(sim);
    return is_same;
}

void
sim_print_to(struct sim *sim, FILE *out)
{
    sim->out = out;
}
