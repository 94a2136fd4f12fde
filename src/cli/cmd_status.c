/* SPDX-License-Identifier: MIT
 *
 * lcp status: the daemon in numbers, and what a person should hear of.
 */
#include <inttypes.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/rows.h"

enum { TEXT_MAX = 512 };

static void
print_self(struct lcp_span s)
{
    char address[LCP_ENDPOINT_TEXT_MAX + 1];
    char fingerprint[LCP_FINGERPRINT_CHARS + 1], version[32], up[LCP_AGO_MAX];

    lcp_reply_text(s, "address", address, sizeof(address));
    lcp_reply_text(s, "fingerprint", fingerprint, sizeof(fingerprint));
    lcp_reply_text(s, "version", version, sizeof(version));
    lcp_span_of_time(lcp_reply_number(s, "uptime"), up);
    lcp_print_member(s, "name");
    printf(" at %s, up %s\nhome         ", address, up);
    lcp_print_member(s, "home");
    printf("\nfingerprint  %s\n", fingerprint);
    printf("daemon       version %s, pid %" PRIu64 "\n", version,
           lcp_reply_number(s, "pid"));
}

static void
print_store(struct lcp_span s)
{
    struct lcp_span store = {.len = 0}, buffers = {.len = 0};

    (void)lcp_reply_member(s, "store", &store);
    (void)lcp_reply_member(s, "buffers", &buffers);
    printf("mail         %" PRIu64 " pending, %" PRIu64 " not seen yet, %" PRIu64
           " queued, %" PRIu64 " in the store\n",
           lcp_reply_number(s, "inbox_count"), lcp_reply_number(s, "unread"),
           lcp_reply_number(s, "queued"), lcp_reply_number(store, "messages"));
    if (lcp_reply_number(s, "held") > 0)
        printf("held         %" PRIu64 " for a person to see: lcp held\n",
               lcp_reply_number(s, "held"));
    (void)lcp_print_paused(s, "paused       ");
    printf("buffers      %" PRIu64 " KiB in, %" PRIu64 " KiB out\n",
           lcp_reply_number(buffers, "rcv") / 1024,
           lcp_reply_number(buffers, "snd") / 1024);
}

/* Counters that are not zero, a line each. */
static void
print_counters(struct lcp_span s)
{
    struct lcp_span counters = {.len = 0}, name;
    size_t at = 0;
    uint64_t value;

    if (!lcp_reply_member(s, "counters", &counters))
        return;
    while (lcp_reply_each(counters, &at, &name, &value)) {
        if (value != 0)
            printf("  %-22.*s %" PRIu64 "\n", (int)name.len, (const char *)name.data,
                   value);
    }
}

static void
print_peers(struct lcp_span peers)
{
    struct lcp_span row;
    size_t at = 0, count = 0;

    for (; lcp_reply_next(peers, &at, &row); count++)
        lcp_print_peer(row);
    if (count == 0)
        puts("no peers: lcp peer add NAME ADDRESS KEY");
}

static void
print_warnings(struct lcp_span s, struct lcp_span peers)
{
    char text[TEXT_MAX];
    struct lcp_span value, row;
    size_t at = 0;

    if (lcp_reply_member(s, "bound", &value) && !lcp_reply_is_true(s, "bound"))
        puts("warning: the address is not up: nothing is sent or received until it is");
    lcp_reply_text(s, "degraded", text, sizeof(text));
    if (text[0] != '\0')
        printf("warning: degraded: %s\n", text);
    lcp_reply_text(s, "version", text, sizeof(text));
    if (strcmp(text, LCP_VERSION) != 0)
        printf(
            "warning: the daemon has version %s, this command %s: restart the daemon\n",
            text, LCP_VERSION);
    while (lcp_reply_next(peers, &at, &row)) {
        if (!lcp_reply_is_true(row, "clear"))
            continue;
        fputs("warning: ", stdout);
        lcp_print_member(row, "name");
        puts(" is outside the tailnet: messages travel readable");
    }
}

static int
run(struct lcp_cli *cli)
{
    struct lcp_span reply, peers = {.len = 0};
    struct lcp_ask ask;
    int code;

    lcp_ask_begin(&ask, "STATUS");
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (cli->args.json) {
        lcp_print_json(reply);
        return lcp_flush(cli);
    }
    (void)lcp_reply_member(reply, "peers", &peers);
    print_self(reply);
    print_store(reply);
    print_peers(peers);
    puts("counters");
    print_counters(reply);
    print_warnings(reply, peers);
    return lcp_flush(cli);
}

const struct lcp_command lcp_cmd_status = {
    .name = "status",
    .summary = "shows the daemon, its peers and its counters",
    .words = "",
    .example = "  lcp status\n  lcp status --json\n",
    .run = run,
};
