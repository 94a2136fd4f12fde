/* SPDX-License-Identifier: MIT
 *
 * What all commands share: the context of one run, exit codes, questions to the daemon,
 * and words for people. Only cli/ prints and exits.
 */
#ifndef LCP_CLI_CLI_H
#define LCP_CLI_CLI_H

#include "base/json.h"
#include "base/os.h"
#include "cli/args.h"
#include "conf/conf.h"
#include "ipc/reply.h"
#include "lcp/client.h"

#ifndef LCP_VERSION
#define LCP_VERSION "unknown" /* the build says it */
#endif

/* Exit codes, lcp(1). */
enum lcp_exit {
    LCP_EXIT_DONE = 0,
    LCP_EXIT_ERROR = 1,
    LCP_EXIT_USAGE = 2, /* and a broken lcp.conf */
    LCP_EXIT_NO_DAEMON = 3,
    LCP_EXIT_QUEUED = 4,
    LCP_EXIT_REFUSED = 5,
    LCP_EXIT_TIMEOUT = 6,
    LCP_EXIT_UNCONFIRMED = 9, /* a person's to do, and no person said so */
    LCP_EXIT_LOST = 70,
};

enum {
    LCP_QUICK_MS = 30000,
    LCP_WAIT_MS = 30000, /* SEND and PING answer after 9.5 s at the latest */
    LCP_PURGE_WAIT_MS = 600000,
    LCP_AGO_MAX = 32,
    LCP_DURATION_MAX_S = 20000 * 24 * 3600, /* what the daemon takes */
};

struct lcp_cli {
    const struct lcp_command *command;
    const char *name; /* of the command, as it was called */
    struct lcp_args args;
    char home[LCP_PATH_MAX];
    const char *home_flag; /* " --home DIR" for hints, "" when it is not needed */
    bool legacy;           /* errors in the legacy shape */
    struct lcp_client *client;
};

/* Runs one of the commands; returns the exit code. argv is that of main. */
int lcp_cli_main(const struct lcp_command *const *commands, size_t count, int argc,
                 char **argv);
/* The legacy names; false: argv[0] is none of them. */
bool lcp_legacy_main(int argc, char **argv, int *code);

/* The value of an option of this command, NULL when it was not given. */
const char *lcp_opt(const struct lcp_cli *cli, const char *name);

/* ---- failures: a sentence on stderr, with --json the object on stdout; return the
 * code ---- */

LCP_PRINTF(5, 6)
int lcp_fail(struct lcp_cli *cli, int exit_code, const char *code, const char *hint,
             const char *format, ...);
/* Exit 2 with the usage line. */
LCP_PRINTF(2, 3) int lcp_fail_usage(struct lcp_cli *cli, const char *format, ...);
/* What the client could not do. */
int lcp_fail_client(struct lcp_cli *cli, enum lcp_err err);
/* An error reply of the daemon's. */
int lcp_fail_reply(struct lcp_cli *cli, struct lcp_span reply);

/* ---- questions ---- */

struct lcp_ask {
    char *buf;
    struct lcp_writer w; /* write members of the request here */
};
void lcp_ask_begin(struct lcp_ask *ask, const char *cmd);
/* Sends it and waits; 0 and the reply, or an exit code with the failure told. Frees
 * ask. The reply is valid until the next question. */
LCP_MUST_USE int lcp_ask_send(struct lcp_cli *cli, struct lcp_ask *ask,
                              uint64_t timeout_ms, struct lcp_span *reply);
/* The same where a failure is not told; false: it failed. */
bool lcp_ask_reply_quietly(struct lcp_cli *cli, struct lcp_ask *ask,
                           uint64_t timeout_ms, struct lcp_span *reply);
/* The same where nobody waits for the answer; false: it failed. */
bool lcp_ask_quietly(struct lcp_cli *cli, struct lcp_ask *ask, uint64_t timeout_ms);
void lcp_ask_free(struct lcp_ask *ask);
/* Opens the connection; errors as lcp_client_open, nothing is told. */
LCP_MUST_USE enum lcp_err lcp_cli_connect(struct lcp_cli *cli);

/* ---- the home ---- */

/* 0, or an exit code with the failure told. */
LCP_MUST_USE int lcp_cli_conf(struct lcp_cli *cli, struct lcp_conf *conf);
LCP_MUST_USE int lcp_cli_identity(struct lcp_cli *cli, struct lcp_identity *identity);
LCP_MUST_USE enum lcp_err lcp_cli_path(const struct lcp_cli *cli, const char *name,
                                       char out[static LCP_PATH_MAX]);

/* ---- what only a person should do ---- */

enum { LCP_QUESTION_MAX = 2048 };

/* Puts the question (text for people, ending with a newline) and asks for this word,
 * unless --yes was given; what: "peer trust". 0 and *how ("typed" or "--yes", for the
 * audit record), or exit 9 with the refusal told. */
LCP_MUST_USE int lcp_confirm(struct lcp_cli *cli, const char *what,
                             const char *question, const char *word, const char **how);

/* ---- words ---- */

/* Foreign text, made harmless. */
void lcp_print_text(FILE *out, struct lcp_span text, bool keep_newlines);
/* A word of a peer's in a line of ours, such as a type: it cannot go on as our text. */
void lcp_print_word(FILE *out, const char *word);
/* The same of a member of a reply: names of peers may hold what a terminal shows
 * wrong or not at all. */
void lcp_print_member(struct lcp_span row, const char *name);
/* The same behind a text of ours; nothing when it is absent or empty. */
void lcp_print_field(struct lcp_span row, const char *name, const char *before);
/* "just now", "2 min ago", "3 days ago". */
void lcp_ago(int64_t then_ms, int64_t now_ms, char out[static LCP_AGO_MAX]);
/* "2 min", "3 h": for uptimes. */
void lcp_span_of_time(uint64_t seconds, char out[static LCP_AGO_MAX]);
/* A line of JSON, as the daemon wrote it. */
void lcp_print_json(struct lcp_span json);
/* The same with a growing writer's content. */
int lcp_print_writer(struct lcp_cli *cli, const struct lcp_writer *w);
/* Is all of stdout written? Else a failure is told and its code returned. */
LCP_MUST_USE int lcp_flush(struct lcp_cli *cli);

/* ---- the commands ---- */

extern const struct lcp_command lcp_cmd_init, lcp_cmd_node, lcp_cmd_id, lcp_cmd_peer,
    lcp_cmd_send, lcp_cmd_check, lcp_cmd_read, lcp_cmd_done, lcp_cmd_refuse,
    lcp_cmd_sent, lcp_cmd_verify, lcp_cmd_cancel, lcp_cmd_resend, lcp_cmd_held,
    lcp_cmd_release, lcp_cmd_pause, lcp_cmd_resume, lcp_cmd_log, lcp_cmd_status,
    lcp_cmd_ping, lcp_cmd_version, lcp_cmd_purge;

#endif
