/* SPDX-License-Identifier: MIT
 *
 * Evidence is read from its text alone; a layout of another program's making (spaces,
 * escapes, the order of members) changes nothing that was signed.
 */
#include "cli/proof.h"

#include <stdlib.h>

#include "base/text.h"

enum {
    NODES_MAX = 2 * LCP_JSON_NODES_MAX,
    DEPTH_MAX = LCP_JSON_DEPTH_MAX + 1, /* a message, one level down */
};

/* Room for one object: its text, laid out anew, and its scratch. */
struct room {
    struct lcp_msg_scratch scratch;
    char text[LCP_PAYLOAD_MAX];
};

struct rooms {
    struct lcp_json_node nodes[NODES_MAX];
    struct room message, receipt;
};

static const char *const fault_names[LCP_PROOF_FAULTS] = {
    [LCP_PROOF_VALID] = "valid",
    [LCP_PROOF_NONE] = "no-proof",
    [LCP_PROOF_ALTERED_MESSAGE] = "altered-message",
    [LCP_PROOF_ALTERED_RECEIPT] = "altered-receipt",
    [LCP_PROOF_OTHER_MESSAGE] = "other-message",
    [LCP_PROOF_OTHER_KEY] = "other-key",
    [LCP_PROOF_UNKNOWN_KEY] = "unknown-key",
};

const char *
lcp_proof_fault_name(enum lcp_proof_fault fault)
{
    return fault_names[fault];
}

/* The member as one line of bytes; false: there is none. */
static bool
take_object(const struct lcp_json *doc, const char *name, struct room *room,
            struct lcp_span *out)
{
    uint32_t at = lcp_json_member(doc, 0, name);
    struct lcp_writer w;

    if (at == 0 || !lcp_json_is(doc, at, LCP_JSON_OBJECT))
        return false;
    lcp_writer_init(&w, room->text, sizeof(room->text), 0);
    lcp_write_value(&w, doc, at);
    /* Too long when written anew: as it came, then. */
    if (lcp_writer_end(&w, out) != LCP_OK)
        *out = lcp_json_raw(doc, at);
    return true;
}

static void
take_text(const struct lcp_json *doc, uint32_t at, char *out, size_t cap)
{
    if (lcp_json_string(doc, at, out, cap, NULL) != LCP_OK)
        out[0] = '\0';
}

static enum lcp_proof_fault
read_message(struct lcp_span text, struct room *room, struct lcp_proof *proof,
             uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_msg msg;

    if (lcp_msg_parse(text, &room->scratch, &msg) != LCP_MSG_OK)
        return LCP_PROOF_ALTERED_MESSAGE;
    memcpy(proof->id, msg.id, sizeof(proof->id));
    proof->sender = msg.key;
    take_text(&msg.doc, msg.type, proof->type, sizeof(proof->type));
    take_text(&msg.doc, msg.to, proof->to, sizeof(proof->to));
    return lcp_msg_verify(&msg, &room->scratch, digest) ? LCP_PROOF_VALID
                                                        : LCP_PROOF_ALTERED_MESSAGE;
}

static enum lcp_proof_fault
read_receipt(struct lcp_span text, struct room *room, struct lcp_proof *proof,
             const uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_receipt receipt;

    if (lcp_receipt_parse(text, &room->scratch, &receipt) != LCP_MSG_OK)
        return LCP_PROOF_ALTERED_RECEIPT;
    take_text(&receipt.object.doc, receipt.object.timestamp, proof->at,
              sizeof(proof->at));
    if (!lcp_signed_verify(&receipt.object, &room->scratch))
        return LCP_PROOF_ALTERED_RECEIPT;
    proof->receiver = receipt.object.key;
    proof->word = receipt.word;
    memcpy(proof->reason, receipt.reason, sizeof(proof->reason));
    memcpy(proof->text, receipt.text, sizeof(proof->text));
    for (uint32_t i = 0; i < receipt.count; i++) {
        if (strcmp(receipt.entries[i].id, proof->id) == 0 &&
            memcmp(receipt.entries[i].digest, digest, LCP_DIGEST_BYTES) == 0)
            return LCP_PROOF_VALID;
    }
    return LCP_PROOF_OTHER_MESSAGE;
}

enum lcp_err
lcp_proof_read(struct lcp_span text, struct lcp_proof *proof,
               enum lcp_proof_fault *fault)
{
    struct rooms *rooms = malloc(sizeof(*rooms));
    struct lcp_json doc = {.cap = NODES_MAX};
    struct lcp_span message, receipt;
    uint8_t digest[LCP_DIGEST_BYTES];

    *proof = (struct lcp_proof){.word = LCP_WORD_COUNT};
    if (rooms == NULL)
        return LCP_ENOMEM;
    doc.nodes = rooms->nodes;
    *fault = LCP_PROOF_NONE;
    if (lcp_json_parse_deep(text, DEPTH_MAX, &doc) != LCP_JSON_FAULT_NONE ||
        !take_object(&doc, "message", &rooms->message, &message) ||
        !take_object(&doc, "receipt", &rooms->receipt, &receipt))
        goto out;
    *fault = read_message(message, &rooms->message, proof, digest);
    if (*fault == LCP_PROOF_VALID)
        *fault = read_receipt(receipt, &rooms->receipt, proof, digest);

out:
    free(rooms);
    return LCP_OK;
}

/* ---- whose keys ---- */

static const struct lcp_known *
find_key(const struct lcp_known *known, size_t count, const struct lcp_key *key)
{
    for (size_t i = 0; i < count; i++) {
        if (lcp_key_is_set(&known[i].key) && lcp_key_eq(&known[i].key, key))
            return &known[i];
    }
    return NULL;
}

static const struct lcp_known *
find_name(const struct lcp_known *known, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (name[0] != '\0' && strcmp(known[i].name, name) == 0)
            return &known[i];
    }
    return NULL;
}

enum lcp_proof_fault
lcp_proof_judge(const struct lcp_proof *proof, const struct lcp_known *known,
                size_t count, const char *receiver, const struct lcp_known **sender,
                const struct lcp_known **signer)
{
    const struct lcp_known *meant = NULL;
    bool is_ours;

    *sender = find_key(known, count, &proof->sender);
    *signer = find_key(known, count, &proof->receiver);
    /* By the record we sent it: then also with a former key of ours. */
    is_ours = receiver != NULL || (*sender != NULL && (*sender)->name[0] == '\0');
    if (is_ours)
        meant = find_name(known, count, receiver != NULL ? receiver : proof->to);
    /* Nobody testifies for himself, nor we for those we wrote to. */
    if (lcp_key_eq(&proof->sender, &proof->receiver) ||
        (is_ours && *signer != NULL && (*signer)->name[0] == '\0'))
        return LCP_PROOF_OTHER_KEY;
    if (meant != NULL && lcp_key_is_set(&meant->key) && *signer != meant)
        return LCP_PROOF_OTHER_KEY;
    /* Another peer's word is none, also when the receiver is nobody here any more. */
    if (is_ours && *signer != NULL && *signer != meant)
        return LCP_PROOF_OTHER_KEY;
    if (*signer == NULL || (*sender == NULL && !is_ours))
        return LCP_PROOF_UNKNOWN_KEY;
    return LCP_PROOF_VALID;
}
