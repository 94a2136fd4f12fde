/* SPDX-License-Identifier: MIT
 *
 * lcp verify: evidence against the keys known here. Asks no daemon and no network, and
 * changes nothing.
 */
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/proof.h"
#include "store/store.h"

enum { PROOF_BYTES_MAX = 1024 * 1024, LINE_BYTES = 4096 };

/* Whose keys are known here. */
struct ring {
    struct lcp_known *known;
    size_t count;
    char receiver[LCP_NAME_MAX + 1]; /* by our record; "" when it knows nothing */
};

/* ---- what is known ---- */

static int
add_peers(struct lcp_cli *cli, struct ring *ring, struct lcp_store *store)
{
    struct lcp_conf conf;
    int code = lcp_cli_conf(cli, &conf);

    if (code != LCP_EXIT_DONE)
        return code;
    ring->known = calloc(conf.peer_count + 1, sizeof(ring->known[0]));
    if (ring->known == NULL)
        code = lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "out of memory");
    for (size_t i = 0; i < conf.peer_count && ring->known != NULL; i++) {
        struct lcp_known *k = &ring->known[ring->count++];
        char how[32];
        int64_t when;

        memcpy(k->name, conf.peers[i].name, sizeof(k->name));
        if (store == NULL ||
            store->ops->pin_get(store, k->name, &k->key, how, &when) != LCP_OK)
            k->key = conf.peers[i].key;
    }
    lcp_conf_free(&conf);
    return code;
}

/* A home without a readable key still knows its peers. */
static void
add_ourselves(const struct lcp_cli *cli, struct ring *ring)
{
    struct lcp_identity identity;
    uint8_t seed[LCP_SEED_BYTES];
    char path[LCP_PATH_MAX];

    if (lcp_cli_path(cli, "keys/identity.pem", path) != LCP_OK ||
        lcp_os_read_seed(path, seed) != LCP_OK)
        return;
    lcp_identity_from_seed(seed, &identity);
    ring->known[ring->count++].key = identity.key;
    lcp_wipe(seed, sizeof(seed));
    lcp_wipe(&identity, sizeof(identity));
}

struct sent {
    const struct lcp_proof *proof;
    char *receiver;
};

static bool
take_sent(void *ctx, const struct lcp_row *row)
{
    struct sent *sent = ctx;

    if (lcp_key_eq(&row->key, &sent->proof->sender))
        snprintf(sent->receiver, LCP_NAME_MAX + 1, "%s", row->peer);
    return false;
}

/* To whom our record says that we sent it. */
static void
ask_record(struct lcp_store *store, const struct lcp_proof *proof, struct ring *ring)
{
    struct sent sent = {proof, ring->receiver};
    struct lcp_row row;

    if (store != NULL && store->ops->find_out(store, proof->id, &row) == LCP_OK)
        (void)store->ops->get(store, row.number, take_sent, &sent);
}

static int
collect(struct lcp_cli *cli, const struct lcp_proof *proof, struct ring *ring)
{
    struct lcp_store *store = NULL;
    char path[LCP_PATH_MAX];
    int code;

    *ring = (struct ring){.count = 0};
    if (lcp_cli_path(cli, "data/lcp.db", path) == LCP_OK &&
        lcp_store_sqlite_open(path, true, &store) != LCP_OK)
        store = NULL; /* lcp.conf may name the keys */
    code = add_peers(cli, ring, store);
    if (code == LCP_EXIT_DONE) {
        add_ourselves(cli, ring);
        ask_record(store, proof, ring);
    }
    if (store != NULL)
        store->ops->close(store);
    return code;
}

/* ---- the verdict ---- */

static const char *const sentences[LCP_PROOF_FAULTS] = {
    [LCP_PROOF_NONE] = "this is no proof: it holds no message and receipt",
    [LCP_PROOF_ALTERED_MESSAGE] =
        "the message was altered: its signature does not fit it",
    [LCP_PROOF_ALTERED_RECEIPT] =
        "the receipt was altered: its signature does not fit it",
    [LCP_PROOF_OTHER_MESSAGE] = "the receipt speaks of another message",
    [LCP_PROOF_OTHER_KEY] = "the receipt is not signed by the receiver's pinned key",
    [LCP_PROOF_UNKNOWN_KEY] = "it is signed by a key that is nobody's here",
};

static const char *
name_of(const struct lcp_known *known)
{
    return known == NULL ? "" : known->name[0] == '\0' ? "us" : known->name;
}

/* Keys are evidence only once a signature of theirs was right. */
static void
write_fingerprint(struct lcp_writer *w, const char *name, const struct lcp_key *key)
{
    char text[LCP_FINGERPRINT_CHARS + 1];

    lcp_write_key(w, name);
    if (!lcp_key_is_set(key)) {
        lcp_write_null(w);
        return;
    }
    lcp_fingerprint(key, text);
    lcp_write_string(w, text);
}

static int
print_json(struct lcp_cli *cli, const struct lcp_proof *proof,
           enum lcp_proof_fault fault, const char *sender, const char *signer)
{
    char buf[LINE_BYTES];
    struct lcp_writer w;

    lcp_writer_init(&w, buf, sizeof(buf), 0);
    lcp_write_object(&w);
    lcp_write_member_bool(&w, "ok", fault == LCP_PROOF_VALID);
    if (fault != LCP_PROOF_VALID) {
        lcp_write_member_string(&w, "fault", lcp_proof_fault_name(fault));
        lcp_write_member_string(&w, "message", sentences[fault]);
    } else {
        lcp_write_member_string(&w, "state", lcp_word_name(proof->word));
    }
    lcp_write_member_string(&w, "id", proof->id);
    lcp_write_member_string(&w, "by", signer);
    write_fingerprint(&w, "byFingerprint", &proof->receiver);
    lcp_write_member_string(&w, "from", sender);
    write_fingerprint(&w, "fromFingerprint", &proof->sender);
    if (fault == LCP_PROOF_VALID) {
        lcp_write_member_string(&w, "at", proof->at);
        lcp_write_member_string(&w, "reason", proof->reason);
        lcp_write_member_string(&w, "text", proof->text);
    }
    lcp_write_object_end(&w);
    return lcp_print_writer(cli, &w);
}

static void
print_foreign(const char *before, const char *text)
{
    if (text[0] == '\0')
        return;
    fputs(before, stdout);
    lcp_print_text(stdout, lcp_span_str(text), false);
}

static int
print_verdict(struct lcp_cli *cli, const struct lcp_proof *proof,
              enum lcp_proof_fault fault, const char *sender, const char *signer)
{
    char fingerprint[LCP_FINGERPRINT_CHARS + 1];

    if (fault != LCP_PROOF_VALID) {
        printf("NOT VALID (%s): %s\n", lcp_proof_fault_name(fault), sentences[fault]);
        if (lcp_key_is_set(&proof->receiver)) {
            lcp_fingerprint(&proof->receiver, fingerprint);
            printf("receipt signed by key %s", fingerprint);
            print_foreign(", which is that of ", signer);
            putchar('\n');
        }
        return lcp_flush(cli);
    }
    lcp_fingerprint(&proof->receiver, fingerprint);
    print_foreign("valid: signed by ", signer);
    printf(" (%s)\n%s", fingerprint, lcp_word_name(proof->word));
    fputs(": ", stdout);
    lcp_print_word(stdout, proof->type);
    print_foreign(" from ", sender);
    print_foreign(", id ", proof->id);
    print_foreign(", says its clock at ", proof->at);
    print_foreign(", because ", proof->reason);
    print_foreign(": ", proof->text);
    putchar('\n');
    return lcp_flush(cli);
}

/* ---- the file ---- */

/* A file, or standard input; 0 or an exit code. */
static int
read_text(struct lcp_cli *cli, char **text, size_t *len)
{
    const char *path = cli->args.words[0];

    if (strcmp(path, "-") != 0) {
        if (lcp_os_read_file(path, PROOF_BYTES_MAX, text, len) == LCP_OK)
            return LCP_EXIT_DONE;
        return lcp_fail(cli, LCP_EXIT_ERROR, "io",
                        "make one: lcp sent ID --proof >FILE", "cannot read %s", path);
    }
    *text = malloc(PROOF_BYTES_MAX);
    if (*text == NULL)
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "out of memory");
    *len = fread(*text, 1, PROOF_BYTES_MAX, stdin);
    if (ferror(stdin))
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "standard input cannot be read");
    return LCP_EXIT_DONE;
}

/* Without white space around it: files end with a newline. */
static struct lcp_span
trim(const char *text, size_t len)
{
    static const char blanks[] = " \t\r\n";

    while (len > 0 && strchr(blanks, text[len - 1]) != NULL)
        len--;
    while (len > 0 && strchr(blanks, *text) != NULL) {
        text++;
        len--;
    }
    return lcp_span(text, len);
}

static int
run(struct lcp_cli *cli)
{
    const struct lcp_known *sender = NULL, *signer = NULL;
    struct lcp_proof proof;
    struct ring ring = {.known = NULL};
    enum lcp_proof_fault fault;
    const char *from;
    char *text = NULL;
    size_t len;
    int code = read_text(cli, &text, &len);

    if (code == LCP_EXIT_DONE &&
        lcp_proof_read(trim(text, len), &proof, &fault) != LCP_OK)
        code = lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "out of memory");
    if (code == LCP_EXIT_DONE && fault == LCP_PROOF_VALID) {
        code = collect(cli, &proof, &ring);
        if (code == LCP_EXIT_DONE)
            fault = lcp_proof_judge(&proof, ring.known, ring.count,
                                    ring.receiver[0] != '\0' ? ring.receiver : NULL,
                                    &sender, &signer);
    }
    if (code != LCP_EXIT_DONE)
        goto out;
    from = sender == NULL && ring.receiver[0] != '\0' ? "us" : name_of(sender);
    code = (cli->args.json ? print_json : print_verdict)(cli, &proof, fault, from,
                                                         name_of(signer));
    if (code == LCP_EXIT_DONE && fault != LCP_PROOF_VALID)
        code = LCP_EXIT_REFUSED;

out:
    free(ring.known);
    free(text);
    return code;
}

const struct lcp_command lcp_cmd_verify = {
    .name = "verify",
    .summary = "checks a proof that a message was stored, read, done or refused",
    .words = "FILE or -",
    .about =
        "Checks a proof that lcp sent printed, without a daemon and without a network: "
        "both\nsignatures, that the receipt speaks of this message, and that the "
        "receiver's pinned key\nsigned it. Exit 0: it is valid. Exit 5: it is not, "
        "with "
        "what is wrong.",
    .example = "  lcp verify proof.json\n",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
