/* SPDX-License-Identifier: MIT
 *
 * An agent: sends what it is told, then takes what came in.  ./agent AgentB "hello"
 */
#include <stdio.h>
#include <lcp/client.h>

static bool
take(void *ctx, const struct lcp_received *m)
{
    printf("#%llu %s from %s: %s\n", (unsigned long long)m->number, m->type, m->peer,
           m->message);
    return lcp_client_done(ctx, m->number) == LCP_OK;
}

int
main(int argc, char **argv)
{
    struct lcp_client *client;
    struct lcp_sent sent;
    uint64_t next = 0;
    enum lcp_err err = lcp_client_open(NULL, &client);

    if (err != LCP_OK) {
        fprintf(stderr, "no daemon, start one: lcp node --detach\n");
        return 3;
    }
    if (argc == 3)
        err = lcp_client_send(client, argv[1], "chat", argv[2], NULL, true, &sent);
    if (argc == 3 && err == LCP_OK)
        printf("#%llu is %s\n", (unsigned long long)sent.number, sent.state);
    do {
        if (err == LCP_OK)
            err = lcp_client_check(client, next, take, client, &next);
    } while (err == LCP_OK && next != 0);
    if (err != LCP_OK)
        fprintf(stderr, "%s\n", lcp_client_error(client));
    lcp_client_close(client);
    return err != LCP_OK;
}
