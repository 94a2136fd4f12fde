/* SPDX-License-Identifier: MIT
 *
 * A typed word for what changes whom we trust or what an agent sees. It stops an agent
 * that was talked into it, not one that opens a terminal of its own: SECURITY.md.
 */
#include "base/text.h"
#include "cli/cli.h"

enum { WORD_MAX = 4 * LCP_NAME_MAX };

int
lcp_confirm(struct lcp_cli *cli, const char *what, const char *question,
            const char *word, const char **how)
{
    char text[LCP_QUESTION_MAX + WORD_MAX + 64], answer[WORD_MAX];
    enum lcp_err err;

    if (lcp_opt(cli, "yes") != NULL) {
        *how = "--yes";
        return LCP_EXIT_DONE;
    }
    *how = "typed";
    snprintf(text, sizeof(text), "%sType %s to go on: ", question, word);
    err = lcp_os_ask_person(text, answer, sizeof(answer));
    if (err != LCP_OK)
        return lcp_fail(cli, LCP_EXIT_UNCONFIRMED, "unconfirmed",
                        "tell a person to run it at a terminal",
                        "%s is for a person to do, and there is no terminal to ask at",
                        what);
    if (strcmp(answer, word) != 0)
        return lcp_fail(cli, LCP_EXIT_UNCONFIRMED, "unconfirmed", "",
                        "nothing was done: the word to type is %s", word);
    return LCP_EXIT_DONE;
}
