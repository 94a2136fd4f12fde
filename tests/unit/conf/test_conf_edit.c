/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "conf/conf.h"

#define KEY_A "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define NODE "[Node]\nName = me\nAddress = 127.0.0.1\n"

static char home[64], path[128], fault[LCP_CONF_FAULT_MAX];

static void
write_conf(const char *text)
{
    REQUIRE(lcp_os_write_file(path, lcp_span_str(text), 0600, false) == LCP_OK);
}

static const char *
read_conf(void)
{
    static char copy[8192];
    char *data;
    size_t len;

    REQUIRE(lcp_os_read_file(path, sizeof(copy) - 1, &data, &len) == LCP_OK);
    memcpy(copy, data, len + 1);
    free(data);
    return copy;
}

static const char *
no_env(const char *name)
{
    (void)name;
    return NULL;
}

static void
create_never_overwrites(void)
{
    struct lcp_conf conf;

    CHECK(lcp_conf_create(home, "a b", "127.0.0.1", fault) == LCP_EINVAL);
    CHECK(lcp_conf_create(home, "#ab", "127.0.0.1", fault) != LCP_OK);
    CHECK(lcp_conf_create(home, "ab\nName=c", "127.0.0.1", fault) == LCP_EINVAL);
    CHECK(lcp_conf_create(home, "ab", "localhost", fault) == LCP_EINVAL);
    CHECK(!lcp_os_exists(path));
    CHECK(lcp_conf_create(home, "\xe9\xbe\x99", "127.0.0.1:9000", fault) == LCP_OK);
    CHECK(lcp_conf_load(home, no_env, &conf, fault) == LCP_OK);
    CHECK_STR(conf.name, "\xe9\xbe\x99");
    CHECK(conf.address.port == 9000);
    lcp_conf_free(&conf);
    CHECK(lcp_conf_create(home, "other", "127.0.0.1", fault) == LCP_EEXIST);
    CHECK(lcp_conf_load(home, no_env, &conf, fault) == LCP_OK);
    CHECK_STR(conf.name, "\xe9\xbe\x99");
    lcp_conf_free(&conf);
}

static void
add_appends(void)
{
    static const struct {
        const char *label, *before, *key, *after;
    } rows[] = {
        {"plain", NODE, NULL, NODE "\n[Peer]\nName = bob\nAddress = 127.0.0.2:9528\n"},
        {"with key", NODE, KEY_A,
         NODE "\n[Peer]\nName = bob\nAddress = 127.0.0.2:9528\nPublicKey = " KEY_A
              "\n"},
        {"no newline at the end", "[Node]\nName = me # x", NULL,
         "[Node]\nName = me # x\n\n[Peer]\nName = bob\nAddress = 127.0.0.2:9528\n"},
        {"CRLF", "[Node]\r\nName = me\r\n", NULL,
         "[Node]\r\nName = me\r\n\r\n[Peer]\r\nName = bob\r\nAddress = "
         "127.0.0.2:9528\r\n"},
        {"name from the environment", "# nothing\n", NULL,
         "# nothing\n\n[Peer]\nName = bob\nAddress = 127.0.0.2:9528\n"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        write_conf(rows[i].before);
        CHECK_ROW(rows[i].label, lcp_conf_peer_add(home, "bob", "127.0.0.2:9528",
                                                   rows[i].key, fault) == LCP_OK);
        CHECK_STR(read_conf(), rows[i].after);
    }
}

static void
what_does_not_fit_changes_nothing(void)
{
    static const char text[] = NODE
        "[Peer]\nName = bob\nAddress=127.0.0.2\nPublicKey=" KEY_A "\n";
    static const struct {
        const char *label, *name, *address, *key;
        enum lcp_err want;
        const char *says;
    } rows[] = {
        {"there already", "bob", "127.0.0.3", NULL, LCP_EEXIST, "already"},
        {"newline in the name", "x\n[Node]", "127.0.0.3", NULL, LCP_EINVAL,
         "expected a name"},
        {"return in the name", "x\rName=y", "127.0.0.3", NULL, LCP_EINVAL,
         "expected a name"},
        {"newline in the address", "x", "127.0.0.3\nName = y", NULL, LCP_EINVAL,
         "IP address"},
        {"newline in the key", "x", "127.0.0.3", KEY_A "\n", LCP_EINVAL, "base64"},
        {"comment as a name", "#x", "127.0.0.3", NULL, LCP_EFORMAT, "Name"},
        {"host name", "x", "example.org", NULL, LCP_EINVAL, "IP address"},
        {"same endpoint", "x", "127.0.0.2:9528", NULL, LCP_EFORMAT,
         "Address of the peer"},
        {"same key", "x", "127.0.0.3", KEY_A, LCP_EFORMAT, "PublicKey of the peer"},
        {"ourselves", "x", "127.0.0.1", NULL, LCP_EFORMAT, "our own Address"},
        {"empty", "", "127.0.0.3", NULL, LCP_EINVAL, "expected a name"},
    };

    write_conf(text);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_ROW(rows[i].label, lcp_conf_peer_add(home, rows[i].name, rows[i].address,
                                                   rows[i].key, fault) == rows[i].want);
        CHECK_ROW(rows[i].label, strstr(fault, rows[i].says) != NULL);
        CHECK_STR(read_conf(), text);
    }
    CHECK(lcp_conf_peer_remove(home, "eve", fault) == LCP_ENOTFOUND);
    CHECK(lcp_conf_peer_set(home, "eve", "Address", "127.0.0.9", fault) ==
          LCP_ENOTFOUND);
    CHECK(lcp_conf_peer_set(home, "bob", "Adress", "127.0.0.9", fault) == LCP_EINVAL);
    CHECK(strstr(fault, "did you mean Address?") != NULL);
    CHECK(lcp_conf_peer_set(home, "bob", "Address", "127.0.0.9\nX = 1", fault) ==
          LCP_EINVAL);
    CHECK(lcp_conf_peer_set(home, "bob", "Address", NULL, fault) == LCP_EFORMAT);
    /* the pin and the queued mail go by the name */
    CHECK(lcp_conf_peer_set(home, "bob", "NAME", "rob", fault) == LCP_EINVAL);
    CHECK(strstr(fault, "keeps its name") != NULL);
    CHECK_STR(read_conf(), text);
    /* a broken file is not made worse, and its line is named */
    write_conf(NODE "nonsense\n");
    CHECK(lcp_conf_peer_add(home, "bob", "127.0.0.2", NULL, fault) == LCP_EFORMAT);
    CHECK(strstr(fault, "lcp.conf:4: ") != NULL);
    CHECK_STR(read_conf(), NODE "nonsense\n");
}

static void
remove_takes_only_its_lines(void)
{
    static const struct {
        const char *label, *before, *after;
    } rows[] = {
        {"at the end", NODE "\n[Peer]\nName = bob\nAddress = 127.0.0.2\n", NODE},
        {"in the middle",
         NODE "\n# eve\n[Peer]\nName=eve\nAddress=127.0.0.3\n\n[Peer]\nname: "
              "bob\nAddress = 127.0.0.2\n"
              "\n# carol\n[Peer]\nName=carol\nAddress=127.0.0.4\n",
         NODE "\n# eve\n[Peer]\nName=eve\nAddress=127.0.0.3\n"
              "\n# carol\n[Peer]\nName=carol\nAddress=127.0.0.4\n"},
        {"comments inside stay",
         NODE "# before\n[Peer] # x\nName = bob # y\n# PublicKey = old\nAddress = "
              "127.0.0.2\n# after\n",
         NODE "# before\n# PublicKey = old\n# after\n"},
        {"no newline at the end", NODE "[Peer]\nName = bob\nAddress = 127.0.0.2", NODE},
        {"CRLF",
         "[Node]\r\nName = me\r\n\r\n[Peer]\r\nName = bob\r\nAddress = 127.0.0.2\r\n",
         "[Node]\r\nName = me\r\n"},
        {"blank lines inside", NODE "[Peer]\n\nName = bob\n\nAddress = 127.0.0.2\n",
         NODE},
        {"first", "[Peer]\nName = bob\nAddress = 127.0.0.2\n" NODE, NODE},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        write_conf(rows[i].before);
        CHECK_ROW(rows[i].label, lcp_conf_peer_remove(home, "bob", fault) == LCP_OK);
        CHECK_STR(read_conf(), rows[i].after);
    }
}

static void
set_changes_only_the_value(void)
{
    static const char before[] = NODE "[Peer]\nName=eve\nAddress=127.0.0.3\n[Peer]\r\n"
                                      "\tName  =   bob   # our friend\r\n"
                                      "\t# Address = 127.0.0.9\r\n"
                                      "\taddress:127.0.0.2\t; here\r\n\r\n# end\r\n";
    static const struct {
        const char *label, *key, *value, *after;
    } rows[] = {
        {"address", "Address", "127.0.0.7:1",
         "\tName  =   bob   # our friend\r\n\t# Address = 127.0.0.9\r\n"
         "\taddress:127.0.0.7:1\t; here\r\n\r\n# end\r\n"},
        {"a new key", "publickey", KEY_A,
         "\tName  =   bob   # our friend\r\n\t# Address = 127.0.0.9\r\n"
         "\taddress:127.0.0.2\t; here\r\n\tPublicKey = " KEY_A "\r\n\r\n# end\r\n"},
        {"delete what is not there", "PublicKey", NULL,
         "\tName  =   bob   # our friend\r\n\t# Address = 127.0.0.9\r\n"
         "\taddress:127.0.0.2\t; here\r\n\r\n# end\r\n"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char want[1024];

        write_conf(before);
        CHECK_ROW(rows[i].label, lcp_conf_peer_set(home, "bob", rows[i].key,
                                                   rows[i].value, fault) == LCP_OK);
        snprintf(want, sizeof(want), "%.*s%s", (int)(strstr(before, "\tName") - before),
                 before, rows[i].after);
        CHECK_STR(read_conf(), want);
    }
    write_conf(NODE "[Peer]\nName = bob\nAddress = 127.0.0.2\nPublicKey = " KEY_A);
    CHECK(lcp_conf_peer_set(home, "bob", "PublicKey", NULL, fault) == LCP_OK);
    CHECK_STR(read_conf(), NODE "[Peer]\nName = bob\nAddress = 127.0.0.2\n");
}

static void
policy_is_set_and_taken_back(void)
{
    static const char bob[] = NODE "[Peer]\nName = bob\nAddress = 127.0.0.2\n";
    struct lcp_conf conf;

    write_conf(bob);
    CHECK(lcp_conf_peer_set(home, "bob", "allow", "chat, task", fault) == LCP_OK);
    CHECK(lcp_conf_peer_set(home, "bob", "QuotaBytes", "2M", fault) == LCP_OK);
    CHECK(lcp_conf_peer_set(home, "bob", "Hold", "yes", fault) == LCP_OK);
    CHECK_STR(read_conf(), NODE "[Peer]\nName = bob\nAddress = 127.0.0.2\n"
                                "Allow = chat, task\nQuotaBytes = 2M\nHold = yes\n");
    CHECK(lcp_conf_load(home, no_env, &conf, fault) == LCP_OK);
    CHECK(conf.peers[0].policy.allow_count == 2 && conf.peers[0].policy.hold);
    CHECK(conf.peers[0].policy.quota_bytes == 2 * 1024 * 1024);
    lcp_conf_free(&conf);
    /* What would end up as another line, or as a comment, is no value. */
    CHECK(lcp_conf_peer_set(home, "bob", "Allow", "chat\nHold = no", fault) ==
          LCP_EINVAL);
    CHECK(lcp_conf_peer_set(home, "bob", "Allow", "chat, #task", fault) == LCP_EINVAL);
    CHECK(lcp_conf_peer_set(home, "bob", "Hold", "perhaps", fault) == LCP_EINVAL);
    CHECK(lcp_conf_peer_set(home, "bob", "Allow", NULL, fault) == LCP_OK);
    CHECK(lcp_conf_peer_set(home, "bob", "QuotaBytes", NULL, fault) == LCP_OK);
    CHECK(lcp_conf_peer_set(home, "bob", "Hold", NULL, fault) == LCP_OK);
    CHECK_STR(read_conf(), bob);
}

int
main(void)
{
    char lock[128];

    snprintf(home, sizeof(home), "/tmp/lcp-conf-%llx",
             (unsigned long long)lcp_os_mono_ms());
    REQUIRE(lcp_os_mkdir(home) == LCP_OK);
    REQUIRE(lcp_path_join(path, sizeof(path), home, "lcp.conf") == LCP_OK);
    REQUIRE(lcp_path_join(lock, sizeof(lock), home, "lcp.conf.lock") == LCP_OK);
    create_never_overwrites();
    add_appends();
    what_does_not_fit_changes_nothing();
    remove_takes_only_its_lines();
    set_changes_only_the_value();
    policy_is_set_and_taken_back();
    CHECK(lcp_os_remove(path) == LCP_OK);
    CHECK(lcp_os_remove(lock) == LCP_OK);
    (void)remove(home);
    return check_end("test_conf_edit");
}
