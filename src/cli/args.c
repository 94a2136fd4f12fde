/* SPDX-License-Identifier: MIT
 *
 * Command lines against a command's table. Options may stand anywhere, as --name VALUE
 * or
 * --name=VALUE; behind "--" everything is a word, and so is "-".
 */
#include "cli/args.h"

#include "base/text.h"

enum { HELP_COLUMN = 24, SHOWN_MAX = 60 };

static const struct lcp_option common_options[] = {
    {"json", NULL, "output for programs: one JSON object on standard output"},
    {"home", "DIR", "the home to work with, instead of LCP_HOME or ~/.lcp"},
    {"help", NULL, "this text"},
};

enum { COMMON_COUNT = sizeof(common_options) / sizeof(common_options[0]) };

/* The option that text ("name" or "name=value") means, among the first max of a table.
 */
static const struct lcp_option *
find(const struct lcp_option *options, size_t max, const char *text)
{
    size_t len = strcspn(text, "=");

    for (size_t i = 0; i < max && options[i].name != NULL; i++) {
        if (strlen(options[i].name) == len && memcmp(options[i].name, text, len) == 0)
            return &options[i];
    }
    return NULL;
}

static void
say(char *fault, const char *before, const char *what, const char *after)
{
    char shown[SHOWN_MAX];

    lcp_text_escape(lcp_span_str(what), false, shown, sizeof(shown));
    snprintf(fault, LCP_ARGS_FAULT_MAX, "%s%s%s", before, shown, after);
}

/* A common option: where its value goes. */
static const char **
common_slot(const struct lcp_option *option, struct lcp_args *args,
            const char **scratch)
{
    if (strcmp(option->name, "home") == 0)
        return &args->home;
    if (strcmp(option->name, "json") == 0)
        args->json = true;
    else
        args->help = true;
    return scratch;
}

/* Takes argv[*i], an option, and its value. */
static enum lcp_err
take_option(const struct lcp_command *command, int argc, char **argv, int *i,
            struct lcp_args *args, char *fault)
{
    const char *text = argv[*i] + 2, *inside = strchr(text, '='), *scratch;
    const struct lcp_option *option = find(command->options, LCP_OPTIONS_MAX, text);
    const char **value;

    if (option != NULL) {
        value = &args->values[option - command->options];
    } else {
        option = find(common_options, COMMON_COUNT, text);
        if (option == NULL) {
            say(fault, "there is no option ", argv[*i],
                command->words_max > 0
                    ? " here; a word that begins with '-' goes behind --"
                    : " here");
            return LCP_EINVAL;
        }
        value = common_slot(option, args, &scratch);
    }
    if (option->value == NULL) {
        *value = "";
        if (inside == NULL)
            return LCP_OK;
        say(fault, "--", option->name, " takes no value");
        return LCP_EINVAL;
    }
    if (inside == NULL && *i + 1 >= argc) {
        say(fault, "--", option->name, " needs a value");
        return LCP_EINVAL;
    }
    *value = inside != NULL ? inside + 1 : argv[++*i];
    return LCP_OK;
}

enum lcp_err
lcp_args_parse(const struct lcp_command *command, int argc, char **argv,
               struct lcp_args *args, char fault[static LCP_ARGS_FAULT_MAX])
{
    bool only_words = false;
    /* A first fault does not hide --json and --help, which decide how it is told. */
    enum lcp_err err = LCP_OK;
    char later[LCP_ARGS_FAULT_MAX];

    args->words = argv;
    args->word_count = 0;
    for (int i = 0; i < argc; i++) {
        enum lcp_err this = LCP_OK;

        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && strcmp(argv[i], "-h") == 0) {
            args->help = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] == '-') {
            this = take_option(command, argc, argv, &i, args,
                               err == LCP_OK ? fault : later);
        } else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            say(err == LCP_OK ? fault : later, "there is no option ", argv[i],
                " here; a word that begins with '-' goes behind --");
            this = LCP_EINVAL;
        } else {
            args->words[args->word_count++] = argv[i];
        }
        if (err == LCP_OK)
            err = this;
    }
    if (err != LCP_OK || args->help)
        return err;
    if (args->word_count < command->words_min) {
        snprintf(fault, LCP_ARGS_FAULT_MAX, "something is missing: %s",
                 command->usage != NULL ? command->usage : command->words);
        return LCP_EINVAL;
    }
    if (args->word_count > command->words_max) {
        say(fault, "", args->words[command->words_max],
            command->words_max > 0 ? " is one word too many; quote text that has blanks"
                                   : " is one word too many: here go only options");
        return LCP_EINVAL;
    }
    return LCP_OK;
}

const char *
lcp_args_get(const struct lcp_command *command, const struct lcp_args *args,
             const char *name)
{
    const struct lcp_option *option = find(command->options, LCP_OPTIONS_MAX, name);

    return option == NULL ? NULL : args->values[option - command->options];
}

void
lcp_args_usage(const struct lcp_command *command, const char *name, FILE *out)
{
    /* The legacy names are programs of their own. */
    fprintf(out, "usage: %s%s", strncmp(name, "lcp_", 4) == 0 ? "" : "lcp ", name);
    if (command->usage != NULL) {
        fprintf(out, " %s\n", command->usage);
        return;
    }
    for (size_t i = 0; i < LCP_OPTIONS_MAX && command->options[i].name != NULL; i++) {
        const struct lcp_option *option = &command->options[i];

        fprintf(out, " [--%s%s%s]", option->name, option->value != NULL ? " " : "",
                option->value != NULL ? option->value : "");
    }
    fprintf(out, "%s%s\n", command->words[0] != '\0' ? " " : "", command->words);
}

static void
print_option(const struct lcp_option *option, FILE *out)
{
    int width = fprintf(out, "  --%s%s%s", option->name,
                        option->value != NULL ? " " : "",
                        option->value != NULL ? option->value : "");

    fprintf(out, "%*s%s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "",
            option->help);
}

void
lcp_args_help(const struct lcp_command *command, const char *name, FILE *out)
{
    lcp_args_usage(command, name, out);
    fprintf(out, "\n%s\n\n",
            command->about != NULL ? command->about : command->summary);
    for (size_t i = 0; i < LCP_OPTIONS_MAX && command->options[i].name != NULL; i++)
        print_option(&command->options[i], out);
    for (size_t i = 0; i < COMMON_COUNT; i++)
        print_option(&common_options[i], out);
    fprintf(out, "\nExample:\n%s", command->example);
}
