/* SPDX-License-Identifier: MIT
 *
 * lcp.conf of any bytes, with and without an environment: either it is read and all
 * that is in it has its form, or one sentence says why not.
 */
#include "conf/keys.h"

#include "fuzz.h"

static char values[4][256]; /* of the environment; "": not set */

static const char *
fake_env(const char *name)
{
    static const char *const names[] = {"LCP_NAME", "LCP_ADDRESS", "LCP_PORT",
                                        "LCP_ALIASES"};

    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return values[i][0] != '\0' ? values[i] : NULL;
    return NULL;
}

static bool
is_name(const char *text)
{
    return lcp_name_is_valid(lcp_span_str(text));
}

static void
peer_has_form(const struct lcp_conf *conf, size_t i)
{
    const struct lcp_conf_peer *peer = &conf->peers[i];

    must(is_name(peer->name) && peer->endpoint.port != 0 && peer->line > 0);
    must(peer->policy.allow_count <= LCP_ALLOW_MAX);
    for (size_t k = 0; k < peer->policy.allow_count; k++)
        must(strlen(peer->policy.allow[k]) <= LCP_TYPE_MAX);
    for (size_t k = 0; k < i; k++) {
        must(strcmp(conf->peers[k].name, peer->name) != 0);
        must(!lcp_endpoint_eq(&conf->peers[k].endpoint, &peer->endpoint));
        must(!lcp_key_is_set(&peer->key) ||
             !lcp_key_eq(&conf->peers[k].key, &peer->key));
    }
}

static void
try(struct lcp_span text, const char *(*env)(const char *name))
{
    char fault[LCP_CONF_FAULT_MAX];
    struct lcp_conf conf;

    memset(fault, '#', sizeof(fault));
    if (lcp_conf_parse("/home", "/home/lcp.conf", text, env, &conf, fault) != LCP_OK) {
        must(memchr(fault, '\0', sizeof(fault)) != NULL && fault[0] != '\0');
        for (const char *at = fault; *at != '\0'; at++)
            must((uint8_t)*at >= ' ' && *at != 0x7f);
        return;
    }
    must(conf.name[0] == '\0' ? env == NULL : is_name(conf.name));
    must(conf.alias_count <= LCP_ALIASES_MAX);
    for (size_t i = 0; i < conf.alias_count; i++)
        must(is_name(conf.aliases[i]));
    must(memchr(conf.legacy_socket, '\0', sizeof(conf.legacy_socket)) != NULL);
    must(conf.retries_max > 0 && conf.retry_base_ms > 0 && conf.heartbeat_ms > 0);
    must(conf.peers_max >= conf.peer_count);
    for (size_t i = 0; i < conf.peer_count; i++)
        peer_has_form(&conf, i);
    lcp_conf_free(&conf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lcp_span text = lcp_span(data, size);
    struct fuzz_input in = {data, size};

    must(lcp_crypto_init() == LCP_OK);
    memset(values, 0, sizeof(values));
    try(text, NULL);
    try(text, fake_env);
    /* The same behind an environment of its first lines. */
    for (int i = 0; i < 4; i++) {
        uint8_t c;

        for (size_t len = 0; len < sizeof(values[i]) - 1; len++) {
            c = take_byte(&in);
            if (c == '\0' || c == '\n')
                break;
            values[i][len] = (char)c;
        }
    }
    try(take_span(&in, size), fake_env);
    return 0;
}
