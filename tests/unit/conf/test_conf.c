/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "conf/keys.h"

#define KEY_A "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define NODE "[Node]\nName = me\nAddress = 127.0.0.1\n"

static const char *env_names[8], *env_values[8];

static const char *
env(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(env_names) && env_names[i] != NULL; i++) {
        if (strcmp(env_names[i], name) == 0)
            return env_values[i];
    }
    return NULL;
}

static struct lcp_conf conf;
static char fault[LCP_CONF_FAULT_MAX];

static enum lcp_err
load(const char *text)
{
    return lcp_conf_parse("/h", "/h/lcp.conf", lcp_span_str(text), env, &conf, fault);
}

static void
every_key_is_read(void)
{
    CHECK(
        load("# comment\n\n[Node]\nName = AgentA # trailing\nADDRESS = 100.64.0.1:9000 "
             "; so too\n"
             "aliases = A, Agent-A ,\xe9\xbe\x99\xe8\x99\xbe\nAliases = "
             "a#b\nLegacySocket = /x/y.sock\n"
             "IpcPort = 1\nMaxRetries = 7\nRetryBase = 250\nAckTimeout = 1.5\n"
             "HeartbeatInterval = 0.25\nPeerTimeout = 60\nTTL = 2h\nRetention = "
             "90d\nMaxPeers = 9\n"
             "  [peer]\r\n  Name=bob\r\n\tAddress = [fd7a::1]:9529\r\nPublicKey: " KEY_A
             "\r\n"
             "[PEER]\nname = eve\naddress = 100.64.0.3") == LCP_OK);
    CHECK_STR(conf.name, "AgentA");
    CHECK(conf.has_address && conf.address.port == 9000);
    REQUIRE(conf.alias_count == 4);
    CHECK_STR(conf.aliases[0], "A");
    CHECK_STR(conf.aliases[1], "Agent-A");
    CHECK_STR(conf.aliases[3], "a#b");
    CHECK_STR(conf.legacy_socket, "/x/y.sock");
    CHECK(conf.ipc_port == 1 && conf.retries_max == 7 && conf.retry_base_ms == 250);
    CHECK(conf.ack_timeout_ms == 1500 && conf.heartbeat_ms == 250);
    CHECK(conf.peer_timeout_ms == 60000 && conf.ttl_s == 7200);
    CHECK(conf.retention_s == 90 * 86400 && conf.peers_max == 9);
    REQUIRE(conf.peer_count == 2);
    CHECK_STR(conf.peers[0].name, "bob");
    CHECK(conf.peers[0].endpoint.port == 9529 && conf.peers[0].line == 18);
    CHECK(lcp_key_is_set(&conf.peers[0].key));
    CHECK_STR(conf.peers[1].name, "eve");
    CHECK(conf.peers[1].endpoint.port == 9528 && !lcp_key_is_set(&conf.peers[1].key));
    lcp_conf_free(&conf);
}

static void
defaults_are_those_of_the_protocol(void)
{
    CHECK(load("[Node]\nName = me\n") == LCP_OK);
    CHECK(!conf.has_address && conf.retries_max == 5 && conf.retry_base_ms == 500);
    CHECK(conf.ack_timeout_ms == 3000 && conf.heartbeat_ms == 30000);
    CHECK(conf.peer_timeout_ms == 120000 && conf.ipc_port == 9529);
    CHECK(conf.ttl_s == 86400 && conf.retention_s == 0 && conf.peers_max == 64);
    CHECK_STR(conf.legacy_socket, "");
    lcp_conf_free(&conf);

    env_names[0] = "HOME";
    env_values[0] = "/users/me";
    CHECK(lcp_conf_parse("/users/me/.lcp/", "p", lcp_span_str(NODE), env, &conf,
                         fault) == LCP_OK);
    CHECK_STR(conf.legacy_socket, "/tmp/lcp.sock");
    CHECK(lcp_conf_parse("/users/me/.lcp2", "p", lcp_span_str(NODE), env, &conf,
                         fault) == LCP_OK);
    CHECK_STR(conf.legacy_socket, "");
    env_names[0] = NULL;
}

static void
policy_is_the_peers_own(void)
{
    const struct lcp_policy *bob, *eve;

    CHECK(load("[Node]\nName = me\nRequireKey = yes\nLoopLimit = 0\nTiming = fixed\n"
               "[Peer]\nName = bob\nAddress = 127.0.0.2\nAllow = chat, task ,x-y\n"
               "RatePerHour = 60\nQuotaMessages = 100\nQuotaBytes = 64K\nHold = yes\n"
               "MinVersion = 1.2\n"
               "[Peer]\nName = eve\nAddress = 127.0.0.3\nQuotaBytes = 3M\nHold = no\n"
               "MinVersion = 1.1\n") == LCP_OK);
    CHECK(conf.require_key && conf.loop_limit == 0 && conf.is_timing_fixed);
    REQUIRE(conf.peer_count == 2);
    bob = &conf.peers[0].policy;
    eve = &conf.peers[1].policy;
    REQUIRE(bob->allow_count == 3);
    CHECK_STR(bob->allow[0], "chat");
    CHECK_STR(bob->allow[1], "task");
    CHECK_STR(bob->allow[2], "x-y");
    CHECK(bob->rate_per_hour == 60 && bob->quota_messages == 100);
    CHECK(bob->quota_bytes == 65536 && bob->hold && bob->min_version_1_2);
    CHECK(eve->allow_count == 0 && eve->rate_per_hour == 0 && eve->quota_messages == 0);
    CHECK(eve->quota_bytes == 3 * 1024 * 1024 && !eve->hold && !eve->min_version_1_2);
    lcp_conf_free(&conf);

    CHECK(load("[Node]\nName = me\n") == LCP_OK);
    CHECK(!conf.require_key && conf.loop_limit == 30 && !conf.is_timing_fixed);
    lcp_conf_free(&conf);

    env_names[0] = "LCP_LOOP_LIMIT";
    env_values[0] = "7";
    CHECK(load("[Node]\nName = me\nLoopLimit = 9\n") == LCP_OK && conf.loop_limit == 7);
    env_names[0] = NULL;
    lcp_conf_free(&conf);
}

static void
names_of_the_seed_work_in_the_file(void)
{
    CHECK(load("[Node]\nName = me\nAddress = 127.0.0.1\nLCP_PORT = 9700\nIPC_SOCKET = "
               "/s\nIPC_PORT = 7\n"
               "MAX_RETRIES = 2\nRETRY_BASE_MS = 10\nACK_TIMEOUT_S = "
               "3.0\nHEARTBEAT_INTERVAL_S = 5\n"
               "PEER_TIMEOUT_S = 20\n[Peer]\nName = b\nAddress = 127.0.0.2\n") ==
          LCP_OK);
    CHECK(conf.address.port == 9700 && conf.peers[0].endpoint.port == 9700);
    CHECK_STR(conf.legacy_socket, "/s");
    CHECK(conf.ipc_port == 7 && conf.retries_max == 2 && conf.retry_base_ms == 10);
    CHECK(conf.ack_timeout_ms == 3000 && conf.heartbeat_ms == 5000 &&
          conf.peer_timeout_ms == 20000);
    lcp_conf_free(&conf);
    /* spelled without its underscores as well */
    CHECK(load(NODE "RetryBaseMs = 20\n") == LCP_OK && conf.retry_base_ms == 20);
}

static void
environment_beats_file(void)
{
    static const struct {
        const char *label, *name, *value, *text;
        uint16_t port;
        uint32_t retries;
    } rows[] = {
        {"port beats Address", "LCP_PORT", "9001",
         "[Node]\nName=m\nAddress=127.0.0.1:9000\n", 9001, 5},
        {"address with port", "LCP_ADDRESS", "127.0.0.2:7",
         "[Node]\nName=m\nAddress=127.0.0.1:9\n", 7, 5},
        {"address takes the port", "LCP_ADDRESS", "127.0.0.2",
         "[Node]\nName=m\nLCP_PORT=8\n", 8, 5},
        {"ours", "LCP_MAX_RETRIES", "3", "[Node]\nName=m\nMaxRetries=4\n", 9528, 3},
        {"the seed's", "MAX_RETRIES", "3", "[Node]\nName=m\nMaxRetries=4\n", 9528, 3},
        {"name from there alone", "LCP_NAME", "me", "", 9528, 5},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        env_names[0] = rows[i].name;
        env_values[0] = rows[i].value;
        CHECK_ROW(rows[i].label, load(rows[i].text) == LCP_OK);
        CHECK_ROW(rows[i].label, conf.address.port == rows[i].port);
        CHECK_ROW(rows[i].label, conf.retries_max == rows[i].retries);
        lcp_conf_free(&conf);
    }
    env_names[0] = "MAX_RETRIES", env_values[0] = "8";
    env_names[1] = "LCP_MAX_RETRIES", env_values[1] = "9";
    env_names[2] = "LCP_ALIASES", env_values[2] = "x,y";
    env_names[3] = "IPC_SOCKET", env_values[3] = "";
    env_names[4] = "LCP_PORT", env_values[4] = "9600";
    CHECK(load(NODE "Aliases = a,b,c\nLegacySocket = "
                    "/s\n[Peer]\nName=b\nAddress=127.0.0.2\n") == LCP_OK);
    CHECK(conf.retries_max == 9 && conf.alias_count == 2);
    CHECK_STR(conf.aliases[1], "y");
    CHECK_STR(conf.legacy_socket, "");
    CHECK(conf.peers[0].endpoint.port == 9600);
    lcp_conf_free(&conf);
    env_names[0] = NULL;
    env_names[0] = "LCP_ADDRESS", env_values[0] = "nowhere", env_names[1] = NULL;
    CHECK(load(NODE) == LCP_EFORMAT);
    CHECK(strstr(fault, "environment: LCP_ADDRESS = nowhere; expected an IP address") ==
          fault);
    env_names[0] = NULL;
}

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
faults_name_file_and_line(void)
{
    static const struct {
        const char *label, *text, *where, *says;
    } rows[] = {
        {"unknown key", NODE "Adress = 1\n",
         ":4: ", "unknown key Adress; did you mean Address?"},
        {"unknown seed key", NODE "MAX_RETRYS = 1\n",
         ":4: ", "did you mean MaxRetries?"},
        {"nothing like it", NODE "Colour = red\n",
         ":4: ", "expected one of Name Address Port"},
        {"peer's key", NODE "[Peer]\nColour = x\n",
         ":5: ", "expected one of Name Address PublicKey"},
        {"peer's key, close", NODE "[Peer]\nPublicKeys = x\n",
         ":5: ", "did you mean PublicKey?"},
        {"unknown section", NODE "[Peers]\n",
         ":4: ", "unknown section [Peers]; expected [Node] or [Peer]"},
        {"before sections", "Name = me\n", ":1: ", "before any section"},
        {"no pair", NODE "hello\n", ":4: ", "Key = Value"},
        {"open bracket", NODE "[Peer\n", ":4: ", "unknown section"},
        {"no key", NODE "= x\n", ":4: ", "Key = Value"},
        {"twice", NODE "Name = you\n", ":4: ", "Name is there twice"},
        {"two nodes", NODE "[Node]\n", ":4: ", "second [Node]"},
        {"no name", "[Node]\nAddress = 127.0.0.1\n", ":1: ", "no Name"},
        {"empty file", "", "lcp.conf: ", "no Name"},
        {"bad name", "[Node]\nName = a/b\n", ":2: ", "Name = a/b; expected a name"},
        {"empty name", "[Node]\nName =\n", ":2: ", "expected a name"},
        {"bad address", "[Node]\nName = a\nAddress = example.org\n",
         ":3: ", "expected an IP address"},
        {"bad port", "[Node]\nName = a\nAddress = 127.0.0.1:0\n",
         ":3: ", "expected an IP address"},
        {"two ports", "[Node]\nName=a\nAddress=127.0.0.1:7\nPort=8\n",
         "lcp.conf: ", "different ports"},
        {"relative socket", NODE "LegacySocket = x.sock\n", ":4: ", "absolute path"},
        {"long socket", NODE "LegacySocket = /" X50 X50 "1234567\n",
         ":4: ", "107 bytes"},
        {"retries 0", NODE "MaxRetries = 0\n", ":4: ", "1 to 100"},
        {"timeout text", NODE "AckTimeout = 3s\n", ":4: ", "seconds"},
        {"timeout 0", NODE "PeerTimeout = 0\n", ":4: ", "seconds"},
        {"timeout .", NODE "PeerTimeout = 1.\n", ":4: ", "seconds"},
        {"timeout digits", NODE "PeerTimeout = 1.0001\n", ":4: ", "seconds"},
        {"ttl 0", NODE "TTL = 0\n", ":4: ", "duration"},
        {"alias", NODE "Aliases = a, b c\n", ":4: ", "separated by commas"},
        {"17 aliases", NODE "Aliases = a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n",
         ":4: ", "at most 16"},
        {"peer without name", NODE "[Peer]\nAddress = 127.0.0.2\n", ":4: ", "no Name"},
        {"peer without address", NODE "[Peer]\nName = b\n[Peer]\nName = c\n",
         ":4: ", "no Address"},
        {"empty peer at the end", NODE "[Peer]\n", ":4: ", "no Name"},
        {"peer 0.0.0.0", NODE "[Peer]\nName=b\nAddress = 0.0.0.0:1\n",
         ":6: ", "peer's IP address"},
        {"bad key", NODE "[Peer]\nName=b\nAddress=127.0.0.2\nPublicKey = abc\n",
         ":7: ", "base64"},
        {"allow nothing", NODE "[Peer]\nName=b\nAddress=127.0.0.2\nAllow =\n",
         ":7: ", "types of messages"},
        {"allow a hole", NODE "[Peer]\nName=b\nAddress=127.0.0.2\nAllow = a,,b\n",
         ":7: ", "types of messages"},
        {"allow blanks", NODE "[Peer]\nName=b\nAddress=127.0.0.2\nAllow = a b\n",
         ":7: ", "types of messages"},
        {"allow twice",
         NODE "[Peer]\nName=b\nAddress=127.0.0.2\nAllow = a\nAllow = b\n",
         ":8: ", "twice"},
        {"rate", NODE "[Peer]\nName=b\nAddress=127.0.0.2\nRatePerHour = -1\n",
         ":7: ", "0 for no limit"},
        {"quota unit", NODE "[Peer]\nName=b\nAddress=127.0.0.2\nQuotaBytes = 1G\n",
         ":7: ", "64K or 16M"},
        {"quota without digits",
         NODE "[Peer]\nName=b\nAddress=127.0.0.2\nQuotaBytes = K\n",
         ":7: ", "64K or 16M"},
        {"quota beyond 64 bits",
         NODE "[Peer]\nName=b\nAddress=127.0.0.2\nQuotaBytes = 18014398509481984K\n",
         ":7: ", "64K or 16M"},
        {"hold", NODE "[Peer]\nName=b\nAddress=127.0.0.2\nHold = maybe\n",
         ":7: ", "yes or no"},
        {"version", NODE "[Peer]\nName=b\nAddress=127.0.0.2\nMinVersion = 1.3\n",
         ":7: ", "1.1 or 1.2"},
        {"hold of the node", NODE "Hold = yes\n", ":4: ", "unknown key Hold"},
        {"require", NODE "RequireKey = 1\n", ":4: ", "yes or no"},
        {"timing", NODE "Timing = slow\n", ":4: ", "normal or fixed"},
        {"name twice",
         NODE "[Peer]\nName=b\nAddress=127.0.0.2\n[Peer]\nName=b\nAddress=127.0.0.3\n",
         ":7: ", "the Name of the peer in line 4"},
        {"endpoint twice",
         NODE
         "[Peer]\nName=b\nAddress=127.0.0.2\n[Peer]\nName=c\nAddress=127.0.0.2:9528\n",
         ":7: ", "the Address of the peer in line 4"},
        {"key twice",
         NODE "[Peer]\nName=b\nAddress=127.0.0.2\nPublicKey=" KEY_A
              "\n[Peer]\nName=a\nAddress=127.0.0.3\nPublicKey=" KEY_A "\n",
         ":8: ", "the PublicKey of the peer in line 4"},
        {"ourselves", NODE "[Peer]\nName=b\nAddress=127.0.0.1:9528\n",
         ":4: ", "our own Address"},
        {"few MaxPeers",
         NODE "MaxPeers=1\n[Peer]\nName=b\nAddress=127.0.0.2\n[Peer]\nName=c\n"
              "Address=127.0.0.3\n",
         "lcp.conf: ", "MaxPeers = 1"},
        {"long line", NODE "Aliases = " X50 "," X50 "," X50 "," X50 "\n",
         ":4: ", "too long"},
        {"control in a key", NODE "N\x1b[31m = 1\n", ":4: ", "\\x1b"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_ROW(rows[i].label, load(rows[i].text) == LCP_EFORMAT);
        CHECK_ROW(rows[i].label, strstr(fault, "/h/lcp.conf:") == fault);
        CHECK_ROW(rows[i].label, strstr(fault, rows[i].where) != NULL);
        CHECK_ROW(rows[i].label, strstr(fault, rows[i].says) != NULL);
        if (strstr(fault, rows[i].says) == NULL || strstr(fault, rows[i].where) == NULL)
            fprintf(stderr, "  %s\n", fault);
        CHECK_ROW(rows[i].label, conf.peers == NULL);
    }
}

static void
odd_texts_are_read_right(void)
{
    static char comment[3000];

    /* inih alone would cut this in pieces and read them as keys */
    memset(comment, 'c', sizeof(comment) - 1);
    memcpy(comment, "#Name = ", 8);
    memcpy(comment + sizeof(comment) - 1 - sizeof(NODE), "\n" NODE, sizeof(NODE));
    CHECK(load(comment) == LCP_OK);
    CHECK_STR(conf.name, "me");
    /* inih alone would take an indented line for more of the line before */
    CHECK(load("[Node]\n  Name = me\n    Address = 127.0.0.1\n\tMaxRetries = 3\n") ==
          LCP_OK);
    CHECK(conf.retries_max == 3 && conf.has_address);
    CHECK(load("\xef\xbb\xbf[Node]\r\nName = me\r\n") == LCP_OK);
    CHECK_STR(conf.name, "me");
    CHECK(lcp_conf_parse("/h", "/h/lcp.conf", lcp_span("[Node]\nName = a\0b\n", 18),
                         env, &conf, fault) == LCP_EFORMAT);
    CHECK(strstr(fault, "NUL") != NULL);
}

static void
many_peers_are_quick(void)
{
    size_t cap = 64 * (LCP_CONF_PEERS_MAX + 2), len;
    char *text = malloc(cap);

    REQUIRE(text != NULL);
    for (int count = LCP_CONF_PEERS_MAX; count <= LCP_CONF_PEERS_MAX + 1; count++) {
        len = (size_t)snprintf(text, cap, NODE);
        for (int i = 0; i < count; i++)
            len += (size_t)snprintf(text + len, cap - len,
                                    "[Peer]\nName=p%d\nAddress=10.1.%d.%d\n", i,
                                    i / 250, i % 250 + 1);
        CHECK((load(text) == LCP_OK) == (count == LCP_CONF_PEERS_MAX));
        CHECK(count > LCP_CONF_PEERS_MAX || conf.peers_max == 2 * LCP_CONF_PEERS_MAX);
        lcp_conf_free(&conf);
    }
    free(text);
}

static void
a_missing_file_is_told_apart(void)
{
    CHECK(lcp_conf_load("/nonexistent/home", env, &conf, fault) == LCP_ENOTFOUND);
    CHECK(strstr(fault, "/nonexistent/home/lcp.conf: ") == fault);
}

int
main(void)
{
    every_key_is_read();
    defaults_are_those_of_the_protocol();
    policy_is_the_peers_own();
    names_of_the_seed_work_in_the_file();
    environment_beats_file();
    faults_name_file_and_line();
    odd_texts_are_read_right();
    many_peers_are_quick();
    a_missing_file_is_told_apart();
    return check_end("test_conf");
}
