/* SPDX-License-Identifier: MIT
 *
 * Command lines: a command says in a table which options and words it takes; parsing,
 * the usage line and --help follow from it. Prints and exits nothing.
 */
#ifndef LCP_CLI_ARGS_H
#define LCP_CLI_ARGS_H

#include <stdio.h>

#include "lcp/types.h"

enum {
    LCP_OPTIONS_MAX = 8, /* of one command, beside the common ones */
    LCP_ARGS_FAULT_MAX = 256,
};

struct lcp_cli;

struct lcp_option {
    const char *name;  /* without "--"; NULL ends the table */
    const char *value; /* what follows it: "NAME"; NULL for a flag */
    const char *help;
};

struct lcp_command {
    const char *name, *alias; /* alias may be NULL */
    const char *summary;      /* a line of `lcp --help` */
    const char *words;        /* what stands in the usage line behind the options */
    const char *usage;        /* the usage line where options and words do not say it */
    const char *about;        /* paragraph of --help, NULL: the summary is enough */
    const char *example;      /* lines, each ending with a newline */
    int words_min, words_max;
    int (*run)(struct lcp_cli *cli);
    struct lcp_option options[LCP_OPTIONS_MAX];
};

struct lcp_args {
    const char *values[LCP_OPTIONS_MAX]; /* by the option's index: NULL, a value, or ""
                                            for a flag */
    const char *home;                    /* --home */
    bool json, help;
    char **words; /* inside argv */
    int word_count;
};

/* Sorts argv[0..argc) into args; words are moved to argv's front. LCP_EINVAL: fault
 * says why. */
LCP_MUST_USE enum lcp_err lcp_args_parse(const struct lcp_command *command, int argc,
                                         char **argv, struct lcp_args *args,
                                         char fault[static LCP_ARGS_FAULT_MAX]);

/* The value of the option of this name; NULL when it was not given. */
const char *lcp_args_get(const struct lcp_command *command, const struct lcp_args *args,
                         const char *name);

/* "usage: lcp send [--to NAME] ... [MESSAGE or -]" */
void lcp_args_usage(const struct lcp_command *command, const char *name, FILE *out);
void lcp_args_help(const struct lcp_command *command, const char *name, FILE *out);

#endif
