/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "ipc/server.h"

static struct lcp_json_node nodes[LCP_IPC_NODES_MAX];
static char ids[LCP_REQUEST_IDS_MAX][LCP_REQUEST_ID_TEXT + 1];
static char text_buf[LCP_IPC_REQUEST_MAX];
static struct lcp_request got = {.ids = ids, .text_buf = text_buf};
static const char *code, *message;

static bool
parse(const char *text)
{
    return lcp_request_parse(lcp_span_str(text), true, nodes, &got, &code, &message) ==
           LCP_OK;
}

static void
verbs_match_in_any_case(void)
{
    static const struct {
        const char *label, *in;
        enum lcp_verb want;
    } rows[] = {
        {"upper", "{\"cmd\":\"STATUS\"}", LCP_VERB_STATUS},
        {"lower", "{\"cmd\":\"status\"}", LCP_VERB_STATUS},
        {"mixed", "{\"cmd\":\"sTaTuS\",\"v\":1}", LCP_VERB_STATUS},
        {"escaped", "{\"cmd\":\"\\u0073tatus\"}", LCP_VERB_STATUS},
        {"check", "{\"cmd\":\"check\"}", LCP_VERB_CHECK},
        {"ack", "{\"cmd\":\"Ack\"}", LCP_VERB_ACK},
        {"sent", "{\"cmd\":\"sent\"}", LCP_VERB_SENT},
        {"ping", "{\"cmd\":\"Ping\"}", LCP_VERB_PING},
        {"peers", "{\"cmd\":\"Peers\"}", LCP_VERB_PEERS},
        {"reload", "{\"cmd\":\"reload\"}", LCP_VERB_RELOAD},
        {"read", "{\"cmd\":\"read\",\"id\":1}", LCP_VERB_READ},
        {"cancel", "{\"cmd\":\"cancel\",\"id\":1}", LCP_VERB_CANCEL},
        {"shown", "{\"cmd\":\"shown\",\"numbers\":[]}", LCP_VERB_SHOWN},
        {"purge", "{\"cmd\":\"purge\",\"older_than\":0}", LCP_VERB_PURGE},
        {"trust", "{\"cmd\":\"trust\",\"name\":\"b\",\"fingerprint\":\"00\"}",
         LCP_VERB_TRUST},
        {"send", "{\"cmd\":\"send\",\"payload\":{\"message\":\"\"}}", LCP_VERB_SEND},
        {"held", "{\"cmd\":\"held\"}", LCP_VERB_HELD},
        {"release", "{\"cmd\":\"release\",\"id\":1,\"how\":\"typed\"}",
         LCP_VERB_RELEASE},
        {"refuse", "{\"cmd\":\"refuse\",\"id\":1}", LCP_VERB_REFUSE},
        {"resend", "{\"cmd\":\"resend\",\"id\":1}", LCP_VERB_RESEND},
        {"pause", "{\"cmd\":\"pause\"}", LCP_VERB_PAUSE},
        {"resume", "{\"cmd\":\"resume\",\"how\":\"--yes\"}", LCP_VERB_RESUME},
        {"version", "{\"cmd\":\"version\",\"name\":\"b\",\"version\":\"1.1\"}",
         LCP_VERB_VERSION},
        {"audit", "{\"cmd\":\"audit\"}", LCP_VERB_AUDIT},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_ROW(rows[i].label, parse(rows[i].in));
        CHECK_ROW(rows[i].label, got.verb == rows[i].want);
        CHECK_ROW(rows[i].label, code == NULL && message == NULL);
    }
}

static void
what_does_not_fit_is_named(void)
{
    static const struct {
        const char *label, *in, *says;
    } rows[] = {
        {"no JSON", "{nonsense}", "JSON"},
        {"two objects", "{}{}", "JSON"},
        {"no cmd", "{}", "cmd"},
        {"cmd is a number", "{\"cmd\":1}", "cmd"},
        {"unknown verb", "{\"cmd\":\"HELO\"}", "cmd"},
        {"verb with a tail", "{\"cmd\":\"STATUSX\"}", "cmd"},
        {"long verb", "{\"cmd\":\"STATUSSTATUSSTATUSSTATUS\"}", "cmd"},
        {"verb with NUL", "{\"cmd\":\"STATUS\\u0000\"}", "cmd"},
        {"send without payload", "{\"cmd\":\"SEND\"}", "payload"},
        {"payload is a string", "{\"cmd\":\"SEND\",\"payload\":\"x\"}", "payload"},
        {"no message", "{\"cmd\":\"SEND\",\"payload\":{}}", "payload.message"},
        {"message null", "{\"cmd\":\"SEND\",\"payload\":{\"message\":null}}",
         "payload.message"},
        {"message beside", "{\"cmd\":\"SEND\",\"payload\":{},\"message\":\"x\"}",
         "payload.message"},
        {"message is a list", "{\"cmd\":\"SEND\",\"payload\":{\"message\":[]}}",
         "payload.message"},
        {"type is a number",
         "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"\",\"type\":1}}",
         "payload.type"},
        {"to with NUL",
         "{\"cmd\":\"SEND\",\"to\":\"a\\u0000b\",\"payload\":{\"message\":\"\"}}",
         "to "},
        {"ttl 0", "{\"cmd\":\"SEND\",\"ttl\":0,\"payload\":{\"message\":\"\"}}", "ttl"},
        {"ttl negative", "{\"cmd\":\"SEND\",\"ttl\":-1,\"payload\":{\"message\":\"\"}}",
         "ttl"},
        {"ttl float", "{\"cmd\":\"SEND\",\"ttl\":1.0,\"payload\":{\"message\":\"\"}}",
         "ttl"},
        {"ttl huge",
         "{\"cmd\":\"SEND\",\"ttl\":99999999999999999999,\"payload\":{\"message\":\"\"}"
         "}",
         "ttl"},
        {"ttl that overflows in milliseconds",
         "{\"cmd\":\"SEND\",\"ttl\":9223372036854775807,\"payload\":{\"message\":"
         "\"\"}}",
         "ttl"},
        {"purge what is older than time",
         "{\"cmd\":\"PURGE\",\"older_than\":9223372036854776}", "older_than"},
        {"through nothing", "{\"cmd\":\"ACK\",\"through\":0}", "through"},
        {"wait is text",
         "{\"cmd\":\"SEND\",\"wait\":\"no\",\"payload\":{\"message\":\"\"}}", "wait"},
        {"limit 0", "{\"cmd\":\"CHECK\",\"limit\":0}", "limit"},
        {"after text", "{\"cmd\":\"CHECK\",\"after\":\"4\"}", "after"},
        {"read nothing", "{\"cmd\":\"READ\"}", "id"},
        {"read a float", "{\"cmd\":\"READ\",\"id\":1.5}", "id"},
        {"cancel null", "{\"cmd\":\"CANCEL\",\"id\":null}", "id"},
        {"ids not a list", "{\"cmd\":\"ACK\",\"ids\":41}", "ids"},
        {"ids with a list", "{\"cmd\":\"ACK\",\"ids\":[[41]]}", "ids"},
        {"shown nothing", "{\"cmd\":\"SHOWN\"}", "numbers"},
        {"purge nothing", "{\"cmd\":\"PURGE\"}", "older_than"},
        {"trust nobody", "{\"cmd\":\"TRUST\",\"fingerprint\":\"\"}", "name"},
        {"long fingerprint",
         "{\"cmd\":\"TRUST\",\"name\":\"b\",\"fingerprint\":"
         "\"000102030405060708090a0b0c0d0e0f0\"}",
         "fingerprint"},
        {"wait for whatever",
         "{\"cmd\":\"SEND\",\"wait_for\":\"acked\",\"payload\":{\"message\":\"\"}}",
         "wait_for"},
        {"wait for more than there is",
         "{\"cmd\":\"SEND\",\"wait_for\":\"storedstoredstored\",\"payload\":"
         "{\"message\":\"\"}}",
         "wait_for"},
        {"timeout 0", "{\"cmd\":\"SEND\",\"timeout\":0,\"payload\":{\"message\":\"\"}}",
         "timeout"},
        {"timeout beyond the clock",
         "{\"cmd\":\"SEND\",\"timeout\":1728000001,\"payload\":{\"message\":\"\"}}",
         "timeout"},
        {"automatic is text",
         "{\"cmd\":\"SEND\",\"automatic\":\"1\",\"payload\":{\"message\":\"\"}}",
         "automatic"},
        {"proof of nothing", "{\"cmd\":\"SENT\",\"proof\":true}", "proof"},
        {"proof is a number", "{\"cmd\":\"SENT\",\"id\":1,\"proof\":1}", "proof"},
        {"peek is text", "{\"cmd\":\"CHECK\",\"peek\":\"yes\"}", "peek"},
        {"release nothing", "{\"cmd\":\"RELEASE\",\"how\":\"typed\"}", "id"},
        {"release without a person", "{\"cmd\":\"RELEASE\",\"id\":1}", "how"},
        {"release somehow", "{\"cmd\":\"RELEASE\",\"id\":1,\"how\":\"-y\"}", "how"},
        {"release, how is empty", "{\"cmd\":\"RELEASE\",\"id\":1,\"how\":\"\"}", "how"},
        {"resume without a person", "{\"cmd\":\"RESUME\",\"name\":\"b\"}", "how"},
        {"trust somehow",
         "{\"cmd\":\"TRUST\",\"name\":\"b\",\"fingerprint\":\"00\",\"how\":\"x\"}",
         "how"},
        {"refuse nothing", "{\"cmd\":\"REFUSE\"}", "id"},
        {"reason is a list", "{\"cmd\":\"REFUSE\",\"id\":1,\"reason\":[]}", "reason"},
        {"resend nothing", "{\"cmd\":\"RESEND\"}", "id"},
        {"pause a number", "{\"cmd\":\"PAUSE\",\"name\":1}", "name"},
        {"version of nobody", "{\"cmd\":\"VERSION\",\"version\":\"1.1\"}", "name"},
        {"no version", "{\"cmd\":\"VERSION\",\"name\":\"b\"}", "version"},
        {"other version", "{\"cmd\":\"VERSION\",\"name\":\"b\",\"version\":\"1.3\"}",
         "version"},
        {"version is a float", "{\"cmd\":\"VERSION\",\"name\":\"b\",\"version\":1.2}",
         "version"},
        {"audit limit 0", "{\"cmd\":\"AUDIT\",\"limit\":0}", "limit"},
        {"held after text", "{\"cmd\":\"HELD\",\"after\":\"4\"}", "after"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_ROW(rows[i].label, !parse(rows[i].in));
        CHECK_ROW(rows[i].label, code != NULL && strcmp(code, "bad-request") == 0);
        CHECK_ROW(rows[i].label,
                  message != NULL && strstr(message, rows[i].says) != NULL);
    }
}

static void
send_takes_members_beside_and_inside(void)
{
    CHECK(
        parse("{\"cmd\":\"SEND\",\"payload\":{\"message\":\"h\\u0000\\u4f60\",\"type\":"
              "\"task\","
              "\"replyTo\":41,\"to\":\"bob\",\"ttl\":60,\"unknown\":[]},\"wait\":false,"
              "\"id\":\"1b2c\"}"));
    CHECK(got.message.len == 5 && memcmp(got.message.data, "h\0\xe4\xbd\xa0", 5) == 0);
    CHECK_STR(got.type, "task");
    CHECK_STR(got.reply_to, "#41");
    CHECK_STR(got.to, "bob");
    CHECK_STR(got.id, "1b2c");
    CHECK(got.has_ttl && got.ttl_s == 60);
    CHECK(got.has_wait && !got.wait);

    /* the next request starts from nothing */
    CHECK(parse("{\"cmd\":\"SEND\",\"to\":\"eve\",\"payload\":{\"message\":\"x\","
                "\"to\":\"bob\","
                "\"replyTo\":null,\"type\":null}}"));
    CHECK_STR(got.to, "eve");
    CHECK_STR(got.type, "chat");
    CHECK_STR(got.reply_to, "");
    CHECK_STR(got.id, "");
    CHECK(!got.has_ttl && !got.has_wait && got.wait);
    CHECK(got.ids == ids && got.text_buf == text_buf);

    /* type and id of the request itself belong to nobody's payload */
    CHECK(
        parse("{\"cmd\":\"SEND\",\"type\":\"task\",\"payload\":{\"message\":\"x\"}}"));
    CHECK_STR(got.type, "chat");
}

static void
lists_of_ids(void)
{
    static char many[16 * LCP_REQUEST_IDS_MAX];
    size_t len;

    CHECK(parse("{\"cmd\":\"ack\",\"ids\":[41,\"42\",\"#43\",\"1b2c3d4e\"]}"));
    REQUIRE(got.id_count == 4);
    CHECK_STR(ids[0], "#41"); /* no id, whatever a peer chose */
    CHECK_STR(ids[1], "42");
    CHECK_STR(ids[2], "#43");
    CHECK_STR(ids[3], "1b2c3d4e");
    CHECK(!got.has_through && !got.all);
    CHECK(parse("{\"cmd\":\"ack\",\"through\":57}") && got.has_through &&
          got.through == 57);
    CHECK(got.id_count == 0);
    CHECK(parse("{\"cmd\":\"ack\",\"all\":true}") && got.all);

    for (size_t count = LCP_REQUEST_IDS_MAX; count <= LCP_REQUEST_IDS_MAX + 1;
         count++) {
        len = (size_t)snprintf(many, sizeof(many), "{\"cmd\":\"SHOWN\",\"numbers\":[");
        for (size_t i = 0; i < count; i++)
            len += (size_t)snprintf(many + len, sizeof(many) - len, "%s%zu",
                                    i ? "," : "", i);
        snprintf(many + len, sizeof(many) - len, "]}");
        CHECK(parse(many) == (count == LCP_REQUEST_IDS_MAX));
    }
}

static void
an_id_has_at_most_its_room(void)
{
    char text[300];

    for (int len = LCP_REQUEST_ID_TEXT; len <= LCP_REQUEST_ID_TEXT + 1; len++) {
        char digits[160];

        memset(digits, '1', sizeof(digits));
        snprintf(text, sizeof(text), "{\"cmd\":\"READ\",\"id\":\"%.*s\"}", len, digits);
        CHECK(parse(text) == (len == LCP_REQUEST_ID_TEXT));
        snprintf(text, sizeof(text), "{\"cmd\":\"READ\",\"id\":%.*s}", len - 1, digits);
        CHECK(parse(text) == (len == LCP_REQUEST_ID_TEXT));
    }
}

static void
filters(void)
{
    CHECK(parse("{\"cmd\":\"CHECK\",\"from\":\"bob\",\"type\":\"task\",\"limit\":5,"
                "\"after\":57}"));
    CHECK_STR(got.to, "bob");
    CHECK_STR(got.type, "task");
    CHECK(got.has_limit && got.limit == 5 && got.has_after && got.after == 57);
    CHECK(parse("{\"cmd\":\"CHECK\"}"));
    CHECK_STR(got.type, "");
    CHECK(!got.has_limit && !got.has_after);
    CHECK(parse("{\"cmd\":\"SENT\",\"id\":41,\"state\":\"queued\",\"after\":3}"));
    CHECK_STR(got.id, "#41");
    CHECK_STR(got.state, "queued");
    CHECK(parse("{\"cmd\":\"READ\",\"id\":\"#41\",\"thread\":true}") && got.thread);
    CHECK(parse("{\"cmd\":\"PEERS\",\"unknown\":true}") && got.unknown);
    CHECK(parse("{\"cmd\":\"PURGE\",\"older_than\":86400}") &&
          got.older_than_s == 86400);
    CHECK(parse("{\"cmd\":\"PING\",\"to\":\"bob\"}"));
    CHECK_STR(got.to, "bob");
}

static void
what_1_2_adds(void)
{
    char text[600], reason[LCP_DETAIL_MAX + 2];

    CHECK(parse("{\"cmd\":\"SEND\",\"wait_for\":\"read\",\"timeout\":60,\"payload\":"
                "{\"message\":\"\",\"automatic\":true}}"));
    CHECK_STR(got.wait_for, "read");
    CHECK(got.timeout_s == 60 && got.automatic);
    CHECK(parse("{\"cmd\":\"SEND\",\"payload\":{\"message\":\"\"}}"));
    CHECK_STR(got.wait_for, "");
    CHECK(got.timeout_s == 0 && !got.automatic);
    CHECK(parse("{\"cmd\":\"SENT\",\"id\":41,\"proof\":true}") && got.proof);
    CHECK(parse("{\"cmd\":\"SENT\",\"proof\":false}") && !got.proof);
    CHECK(parse("{\"cmd\":\"CHECK\",\"peek\":true}") && got.peek);
    CHECK(parse("{\"cmd\":\"READ\",\"id\":1,\"peek\":true}") && got.peek);
    CHECK(parse("{\"cmd\":\"RELEASE\",\"id\":41,\"how\":\"--yes\"}"));
    CHECK_STR(got.id, "#41");
    CHECK_STR(got.how, "--yes");
    CHECK(parse("{\"cmd\":\"TRUST\",\"name\":\"b\",\"fingerprint\":\"00\",\"how\":"
                "\"typed\"}"));
    CHECK_STR(got.how, "typed");
    CHECK(parse("{\"cmd\":\"RESUME\",\"name\":\"b\",\"how\":\"typed\"}"));
    CHECK_STR(got.to, "b");
    CHECK(parse("{\"cmd\":\"PAUSE\",\"name\":null}"));
    CHECK_STR(got.to, "");
    CHECK(parse("{\"cmd\":\"VERSION\",\"name\":\"b\",\"version\":\"1.1\"}"));
    CHECK_STR(got.to, "b");
    CHECK(got.version == LCP_VERSION_1_1);
    CHECK(parse("{\"cmd\":\"VERSION\",\"name\":\"b\",\"version\":\"1.2\"}") &&
          got.version == LCP_VERSION_1_2);
    CHECK(parse("{\"cmd\":\"HELD\",\"limit\":5,\"after\":7}") && got.limit == 5 &&
          got.after == 7);
    for (int len = LCP_DETAIL_MAX; len <= LCP_DETAIL_MAX + 1; len++) {
        memset(reason, 'x', sizeof(reason));
        snprintf(text, sizeof(text),
                 "{\"cmd\":\"REFUSE\",\"id\":1,\"reason\":\"%.*s\"}", len, reason);
        CHECK(parse(text) == (len == LCP_DETAIL_MAX));
    }
}

int
main(void)
{
    verbs_match_in_any_case();
    what_does_not_fit_is_named();
    send_takes_members_beside_and_inside();
    lists_of_ids();
    an_id_has_at_most_its_room();
    filters();
    what_1_2_adds();
    return check_end("test_server");
}
