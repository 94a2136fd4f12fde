/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "cli/args.h"

static const struct lcp_command send = {
    .name = "send",
    .summary = "sends",
    .words = "[MESSAGE]",
    .example = "  lcp send x\n",
    .words_min = 1,
    .words_max = 2,
    .options = {{"to", "NAME", "the peer"}, {"no-wait", NULL, "at once"}},
};

/* Parses a line of words separated by '|', and writes down what came of it. */
static void
parse(const char *line, char *out, size_t cap)
{
    char copy[256], fault[LCP_ARGS_FAULT_MAX] = "", *argv[16];
    struct lcp_args args = {.json = false};
    int argc = 0;
    enum lcp_err err;
    size_t len = 0;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *at = copy; *line != '\0' && at != NULL;) {
        argv[argc++] = at;
        at = strchr(at, '|');
        if (at != NULL)
            *at++ = '\0';
    }
    err = lcp_args_parse(&send, argc, argv, &args, fault);
    if (err != LCP_OK) {
        snprintf(out, cap, "%s%s", args.json ? "json " : "", fault);
        return;
    }
    len += (size_t)snprintf(
        out + len, cap - len,
        "to=%s wait=%s home=%s%s%s:", args.values[0] != NULL ? args.values[0] : "-",
        lcp_args_get(&send, &args, "no-wait") != NULL ? "no" : "yes",
        args.home != NULL ? args.home : "-", args.json ? " json" : "",
        args.help ? " help" : "");
    for (int i = 0; i < args.word_count; i++)
        len += (size_t)snprintf(out + len, cap - len, "[%s]", args.words[i]);
}

static void
lines_are_sorted_into_options_and_words(void)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        {"hi", "to=- wait=yes home=-:[hi]"},
        {"--to|bob|hi", "to=bob wait=yes home=-:[hi]"},
        {"hi|--to=bob|--no-wait", "to=bob wait=no home=-:[hi]"},
        {"--to=|hi", "to= wait=yes home=-:[hi]"},
        {"--to=a=b|hi", "to=a=b wait=yes home=-:[hi]"},
        {"--to|--no-wait|hi", "to=--no-wait wait=yes home=-:[hi]"},
        {"--json|--home|/h|-", "to=- wait=yes home=/h json:[-]"},
        {"--|--to|x", "to=- wait=yes home=-:[--to][x]"},
        {"a|--|b", "to=- wait=yes home=-:[a][b]"},
        {"|b", "to=- wait=yes home=-:[][b]"},
        {"--help", "to=- wait=yes home=- help:"},
        {"-h|a|b|c", "to=- wait=yes home=- help:[a][b][c]"},
        {"", "something is missing: [MESSAGE]"},
        {"a|b|c", "c is one word too many; quote text that has blanks"},
        {"--too|x",
         "there is no option --too here; a word that begins with '-' goes behind --"},
        {"--t|x",
         "there is no option --t here; a word that begins with '-' goes behind --"},
        {"--to", "--to needs a value"},
        {"--no-wait=1|x", "--no-wait takes no value"},
        {"-x|a",
         "there is no option -x here; a word that begins with '-' goes behind --"},
        {"--too|--json",
         "json there is no option --too here; a word that begins with '-' "
         "goes behind --"},
        {"--a\x1b[m",
         "there is no option --a\\x1b[m here; a word that begins with '-' goes "
         "behind --"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char got[512];

        parse(rows[i].line, got, sizeof(got));
        CHECK_ROW(rows[i].line, strcmp(got, rows[i].want) == 0);
        if (strcmp(got, rows[i].want) != 0)
            fprintf(stderr, "  got %s\n", got);
    }
}

static void
usage_and_help_come_from_the_table(void)
{
    char text[2048] = "";
    FILE *out = tmpfile();

    REQUIRE(out != NULL);
    lcp_args_help(&send, "send", out);
    rewind(out);
    CHECK(fread(text, 1, sizeof(text) - 1, out) > 0);
    fclose(out);
    CHECK(strstr(text, "usage: lcp send [--to NAME] [--no-wait] [MESSAGE]\n") == text);
    CHECK(strstr(text, "\nsends\n") != NULL);
    CHECK(strstr(text, "  --to NAME             the peer\n") != NULL);
    CHECK(strstr(text, "  --home DIR ") != NULL && strstr(text, "  --json ") != NULL);
    CHECK(strstr(text, "Example:\n  lcp send x\n") != NULL);
}

int
main(void)
{
    lines_are_sorted_into_options_and_words();
    usage_and_help_come_from_the_table();
    return check_end("test_args");
}
