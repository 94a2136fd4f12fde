/* SPDX-License-Identifier: MIT
 *
 * From argv to a command: finds the verb, parses, finds the home, runs it.
 */
#include "cli/cli.h"

#include <stdlib.h>

#include "base/text.h"

enum { HOME_FLAG_MAX = 4 * LCP_PATH_MAX + 16 }; /* each byte a quote at worst */

static void
print_overview(const struct lcp_command *const *commands, size_t count, FILE *out)
{
    fprintf(out, "usage: lcp COMMAND [--home DIR] [--json] ...\n\n");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n`lcp help COMMAND` tells more, with an example; so does lcp(1).\n");
}

static const struct lcp_command *
find_command(const struct lcp_command *const *commands, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(commands[i]->name, name) == 0 ||
            (commands[i]->alias != NULL && strcmp(commands[i]->alias, name) == 0))
            return commands[i];
    }
    return NULL;
}

/* " --home DIR" as a shell takes it. */
static void
write_flag(const char *home, char flag[static HOME_FLAG_MAX])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    size_t len = (size_t)snprintf(flag, HOME_FLAG_MAX, " --home ");

    if (home[strspn(home, plain)] == '\0') {
        snprintf(flag + len, HOME_FLAG_MAX - len, "%s", home);
        return;
    }
    flag[len++] = '\'';
    for (const char *c = home; *c != '\0'; c++)
        len += (size_t)snprintf(flag + len, HOME_FLAG_MAX - len,
                                *c == '\'' ? "'\\''" : "%c", *c);
    snprintf(flag + len, HOME_FLAG_MAX - len, "'");
}

/* "~/x" comes through where no shell expands it: --home=~/x, a unit file, JSON. */
static enum lcp_err
expand_tilde(char home[static LCP_PATH_MAX])
{
    const char *user = getenv("HOME");
    char rest[LCP_PATH_MAX];

    if (strncmp(home, "~/", 2) != 0 || user == NULL || user[0] == '\0')
        return LCP_OK;
    memcpy(rest, home + 2, strlen(home + 2) + 1);
    return lcp_path_join(home, LCP_PATH_MAX, user, rest);
}

/* The home of --home, LCP_HOME or the default, without slashes at its end. */
static int
find_home(struct lcp_cli *cli, char flag[static HOME_FLAG_MAX])
{
    size_t len;
    enum lcp_err err = LCP_OK;

    cli->home_flag = "";
    if (cli->args.home != NULL) {
        if (cli->args.home[0] == '\0')
            return lcp_fail_usage(cli, "--home needs a folder");
        if (strlen(cli->args.home) >= sizeof(cli->home))
            err = LCP_EFULL;
        else
            memcpy(cli->home, cli->args.home, strlen(cli->args.home) + 1);
    } else {
        err = lcp_os_default_home(cli->home, sizeof(cli->home));
    }
    if (err == LCP_OK)
        err = expand_tilde(cli->home);
    if (err != LCP_OK)
        return lcp_fail(cli, LCP_EXIT_ERROR, "config", "give one with --home DIR",
                        "cannot tell where the home is");
    len = strlen(cli->home);
    while (len > 1 && cli->home[len - 1] == '/')
        cli->home[--len] = '\0';
    if (cli->args.home != NULL) {
        write_flag(cli->home, flag);
        cli->home_flag = flag;
    }
    return LCP_EXIT_DONE;
}

static int
run(struct lcp_cli *cli, int argc, char **argv, const struct lcp_args *before)
{
    char fault[LCP_ARGS_FAULT_MAX], flag[HOME_FLAG_MAX];
    enum lcp_err err;
    int code;

    cli->args = *before;
    err = lcp_args_parse(cli->command, argc, argv, &cli->args, fault);
    if (cli->args.help) {
        lcp_args_help(cli->command, cli->name, stdout);
        return lcp_flush(cli);
    }
    if (err != LCP_OK)
        return lcp_fail_usage(cli, "%s", fault);
    code = find_home(cli, flag);
    if (code == LCP_EXIT_DONE && lcp_crypto_init() != LCP_OK)
        code = lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "libsodium does not start");
    if (code == LCP_EXIT_DONE)
        code = cli->command->run(cli);
    lcp_client_close(cli->client);
    return code;
}

/* Options before the verb: the common ones, so that `lcp --home DIR check` works.
 * Returns the verb's index, or argc. */
static int
take_leading(int argc, char **argv, struct lcp_args *before)
{
    int i;

    for (i = 1; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--json") == 0)
            before->json = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            before->help = true;
        else if (strncmp(argv[i], "--home=", 7) == 0)
            before->home = argv[i] + 7;
        else if (strcmp(argv[i], "--home") == 0 && i + 1 < argc)
            before->home = argv[++i];
        else
            break;
    }
    return i;
}

int
lcp_cli_main(const struct lcp_command *const *commands, size_t count, int argc,
             char **argv)
{
    static const struct lcp_command none = {.name = "COMMAND", .words = "..."};
    struct lcp_args before = {.json = false};
    struct lcp_cli cli = {.command = &none, .name = "COMMAND"};
    int verb = take_leading(argc, argv, &before);

    cli.args = before;
    if (verb < argc && strcmp(argv[verb], "--version") == 0)
        argv[verb] += 2;
    if (verb < argc && strcmp(argv[verb], "help") == 0) {
        before.help = true;
        verb++;
    }
    if (verb >= argc && before.help) {
        print_overview(commands, count, stdout);
        return lcp_flush(&cli);
    }
    if (verb >= argc) {
        (void)lcp_fail(&cli, LCP_EXIT_USAGE, "usage", "", "no command was given");
        print_overview(commands, count, stderr);
        return LCP_EXIT_USAGE;
    }
    cli.name = argv[verb];
    cli.command = find_command(commands, count, argv[verb]);
    if (cli.command == NULL) {
        char shown[64];

        cli.command = &none;
        cli.name = none.name;
        for (int i = verb; i < argc; i++)
            cli.args.json = cli.args.json || strcmp(argv[i], "--json") == 0;
        lcp_text_escape(lcp_span_str(argv[verb]), false, shown, sizeof(shown));
        return lcp_fail_usage(&cli, "there is no command %s; lcp --help lists them",
                              shown);
    }
    return run(&cli, argc - verb - 1, argv + verb + 1, &before);
}

const char *
lcp_opt(const struct lcp_cli *cli, const char *name)
{
    return lcp_args_get(cli->command, &cli->args, name);
}
