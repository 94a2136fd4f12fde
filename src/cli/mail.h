/* SPDX-License-Identifier: MIT
 *
 * A message of a reply, as people read it.
 */
#ifndef LCP_CLI_MAIL_H
#define LCP_CLI_MAIL_H

#include "cli/cli.h"

enum {
    LCP_BODY_CUT = 600,   /* characters, in `lcp check` */
    LCP_SHOWN_MAX = 1000, /* numbers of one SHOWN */
};

struct lcp_mail {
    uint64_t number;
    bool is_ours; /* we sent it */
    char peer[LCP_NAME_MAX + 1];
    char calls_itself[LCP_NAME_MAX + 1]; /* "" when it uses our name for it */
    char type[LCP_TYPE_MAX + 1];
    char reply_to[LCP_ID_MAX + 1];
    char state[32];  /* of ours */
    int64_t wall_ms; /* received or sent */
    char *body;      /* UTF-8; lcp_mail_free */
    size_t body_len;
};

/* raw: one element of "messages". LCP_EFORMAT, LCP_ENOMEM. */
LCP_MUST_USE enum lcp_err lcp_mail_parse(struct lcp_span raw, struct lcp_mail *mail);
void lcp_mail_free(struct lcp_mail *mail);

/* "#41 chat from bob (calls itself Bobby), 2 min ago, reply to 1b2c3d4e" and the body,
 * escaped, followed by a blank line, in malloc'ed memory; NULL: out of memory. cut: at
 * LCP_BODY_CUT characters, with a line that says how to read on; *whole tells whether
 * all of it is there. */
char *lcp_mail_text(const struct lcp_cli *cli, const struct lcp_mail *mail, bool cut,
                    bool *whole);

/* Tells the daemon which messages were printed whole. When that fails they come again,
 * which is no failure of the command; a line on stderr says so. */
void lcp_mail_shown(struct lcp_cli *cli, const uint64_t *numbers, size_t count);
/* The same for all received messages of an array, which the answer may
 * overwrite afterwards. */
void lcp_mail_shown_all(struct lcp_cli *cli, struct lcp_span messages);

/* Says that no daemon runs and that nothing is marked; without a home an exit code. */
LCP_MUST_USE int lcp_direct_begin(struct lcp_cli *cli);

/* The pending messages straight from the store, as the daemon's reply to CHECK would be
 * but with
 * "_source":"direct". Marks nothing. *reply is malloc'ed. 0 or an exit code. */
struct lcp_direct {
    const char *peer, *type; /* NULL: any */
    uint64_t after, limit;
};
LCP_MUST_USE int lcp_direct_check(struct lcp_cli *cli, const struct lcp_direct *what,
                                  char **reply);
/* The same for READ. */
LCP_MUST_USE int lcp_direct_read(struct lcp_cli *cli, const char *id, bool thread,
                                 char **reply);

#endif
