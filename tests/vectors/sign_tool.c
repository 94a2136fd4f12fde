/* SPDX-License-Identifier: MIT
 *
 * The other side of sign_oracle.py. stdin is a sequence of records, each a 4-byte
 * little-endian length and bytes; stdout gets one line for each.
 *   sign SEED_HEX     a record is id, from, to, timestamp, type, message and replyTo
 *                     (which may be empty: absent), NUL after each; the line is the
 *                     payload
 *   hello SEED_HEX    from, to, timestamp, boot, nonce, echo (may be empty), max, time
 * of the last reading in milliseconds; the line is the payload receipt SEED_HEX  from,
 * to, timestamp, state, reason, text (both may be empty), retryS, then id, digest and
 * seq (may be empty) of each entry; the line is the payload verify            a record
 * is a payload; the line is "good" or "forged", what was read (of a message: the digest
 * of its canonical bytes; the others in their own fields), or the name of the fault
 */
#include "core/hello.h"
#include "core/msg.h"
#include "core/receipt.h"

#include "base/err.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct lcp_msg_scratch scratch;
static struct lcp_identity identity;

static const char *
hex(const uint8_t *bytes, size_t len)
{
    static char text[2 * LCP_DIGEST_BYTES + 1];

    lcp_hex_print(bytes, len, text);
    return text;
}

static void
print_verdict(bool is_good)
{
    fputs(is_good ? "good" : "forged", stdout);
}

static bool
verify_hello(struct lcp_span in)
{
    static struct lcp_hello hello;

    if (lcp_hello_parse(in, &scratch, &hello) != LCP_MSG_OK)
        return false;
    print_verdict(lcp_signed_verify(&hello.object, &scratch));
    printf(" hello %s", hex(hello.nonce, sizeof(hello.nonce)));
    printf(" %s", hello.has_echo ? hex(hello.echo, sizeof(hello.echo)) : "-");
    printf(" %s %d %" PRIu64 " %d\n", hello.boot, hello.is_1_2, hello.max,
           hello.agent != 0);
    return true;
}

static bool
verify_receipt(struct lcp_span in)
{
    static struct lcp_receipt receipt;

    if (lcp_receipt_parse(in, &scratch, &receipt) != LCP_MSG_OK)
        return false;
    print_verdict(lcp_signed_verify(&receipt.object, &scratch));
    printf(" receipt %s", lcp_word_name(receipt.word));
    printf(" %s %zu %" PRIu32, *receipt.reason != '\0' ? receipt.reason : "-",
           strlen(receipt.text), receipt.retry_s);
    for (uint32_t i = 0; i < receipt.count; i++) {
        const struct lcp_receipt_entry *entry = &receipt.entries[i];

        printf(" %s:%s:", entry->id, hex(entry->digest, sizeof(entry->digest)));
        if (entry->has_seq)
            printf("%" PRIu32, entry->seq);
    }
    putchar('\n');
    return true;
}

static void
verify(struct lcp_span in)
{
    uint8_t digest[LCP_DIGEST_BYTES];
    struct lcp_msg msg;
    enum lcp_msg_fault fault;

    if (verify_hello(in) || verify_receipt(in))
        return;
    fault = lcp_msg_parse(in, &scratch, &msg);
    if (fault != LCP_MSG_OK) {
        printf("%s %s\n", lcp_msg_fault_name(fault),
               lcp_json_fault_name(msg.json_fault));
        return;
    }
    print_verdict(lcp_msg_verify(&msg, &scratch, digest));
    printf(" %s\n", hex(digest, sizeof(digest)));
}

/* Cuts a record at its NULs; fields beyond are "". */
static size_t
cut(struct lcp_span in, const char **fields, size_t max)
{
    size_t at = 0, count = 0;

    for (size_t i = 0; i < max; i++)
        fields[i] = "";
    for (; count < max && at < in.len; count++) {
        fields[count] = (const char *)in.data + at;
        at += strlen(fields[count]) + 1;
    }
    return count;
}

static void
print_built(enum lcp_err err, const char *out, const size_t *len)
{
    if (err == LCP_OK)
        fwrite(out, 1, *len, stdout);
    else
        fputs(lcp_err_name(err), stdout);
    putchar('\n');
}

static void
must(bool claim)
{
    if (!claim)
        exit(2);
}

static void
sign_hello(struct lcp_span in)
{
    enum { FIELDS = 8 };
    char out[LCP_SIGNED_PAYLOAD_MAX];
    const char *fields[FIELDS];
    struct lcp_hello_draft draft;
    size_t len = 0;

    must(cut(in, fields, FIELDS) == FIELDS);
    draft = (struct lcp_hello_draft){
        .from = fields[0],
        .to = fields[1],
        .timestamp = fields[2],
        .boot = fields[3],
        .has_echo = *fields[5] != '\0',
        .max = strtoull(fields[6], NULL, 10),
        .last_read_wall_ms = strtoll(fields[7], NULL, 10),
    };
    must(lcp_hex_parse(lcp_span_str(fields[4]), draft.nonce, LCP_NONCE_BYTES) ==
         LCP_OK);
    must(!draft.has_echo ||
         lcp_hex_parse(lcp_span_str(fields[5]), draft.echo, LCP_NONCE_BYTES) == LCP_OK);
    print_built(lcp_hello_build(&draft, &identity, &scratch, out, &len), out, &len);
}

static void
sign_receipt(struct lcp_span in)
{
    enum { HEAD = 7, ENTRIES = 20, FIELDS = HEAD + 3 * ENTRIES };
    static struct lcp_receipt_entry entries[ENTRIES];
    char out[LCP_SIGNED_PAYLOAD_MAX];
    const char *fields[FIELDS];
    struct lcp_receipt_draft draft;
    size_t count = cut(in, fields, FIELDS), len = 0;
    uint32_t used;

    must(count > HEAD && (count - HEAD) % 3 == 0);
    draft = (struct lcp_receipt_draft){
        .from = fields[0],
        .to = fields[1],
        .timestamp = fields[2],
        .reason = fields[4],
        .text = fields[5],
        .retry_s = (uint32_t)strtoul(fields[6], NULL, 10),
        .entries = entries,
        .count = (uint32_t)(count - HEAD) / 3,
    };
    must(lcp_word_parse(lcp_span_str(fields[3]), &draft.word) == LCP_OK);
    for (uint32_t i = 0; i < draft.count; i++) {
        const char *const *field = &fields[HEAD + 3 * i];

        must(strlen(field[0]) <= LCP_ID_MAX);
        strcpy(entries[i].id, field[0]);
        must(lcp_hex_parse(lcp_span_str(field[1]), entries[i].digest,
                           LCP_DIGEST_BYTES) == LCP_OK);
        entries[i].has_seq = *field[2] != '\0';
        entries[i].seq = (uint32_t)strtoul(field[2], NULL, 10);
    }
    print_built(lcp_receipt_build(&draft, &identity, &scratch, out, &len, &used), out,
                &len);
}

static void
sign(struct lcp_span in)
{
    enum { FIELDS = 7, MESSAGE = 5, REPLY_TO = 6 };
    static char out[LCP_PAYLOAD_MAX];
    uint8_t digest[LCP_DIGEST_BYTES];
    const char *fields[FIELDS];
    struct lcp_draft draft;
    size_t len = 0;

    must(cut(in, fields, FIELDS) == FIELDS);
    draft = (struct lcp_draft){
        .id = fields[0],
        .from = fields[1],
        .to = fields[2],
        .timestamp = fields[3],
        .type = fields[4],
        .message = lcp_span_str(fields[MESSAGE]),
        .reply_to = *fields[REPLY_TO] != '\0' ? fields[REPLY_TO] : NULL,
    };
    print_built(lcp_msg_build(&draft, &identity, &scratch, out, &len, digest), out,
                &len);
}

static int
records(void (*handle)(struct lcp_span in))
{
    uint8_t head[4];

    while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        size_t size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
        uint8_t *bytes = malloc(size + 1);

        if (bytes == NULL || fread(bytes, 1, size, stdin) != size)
            return 2;
        handle(lcp_span(bytes, size));
        free(bytes);
    }
    return fflush(stdout) != 0;
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*handle)(struct lcp_span in);
    } ways[] = {{"sign", sign}, {"hello", sign_hello}, {"receipt", sign_receipt}};
    uint8_t seed[LCP_SEED_BYTES];

    if (lcp_crypto_init() != LCP_OK)
        return 2;
    if (argc == 2 && strcmp(argv[1], "verify") == 0)
        return records(verify);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (argc == 3 && strcmp(argv[1], ways[i].name) == 0 &&
            lcp_hex_parse(lcp_span_str(argv[2]), seed, sizeof(seed)) == LCP_OK) {
            lcp_identity_from_seed(seed, &identity);
            return records(ways[i].handle);
        }
    fprintf(stderr,
            "usage: sign_tool verify | (sign | hello | receipt) SEED_HEX < records\n");
    return 2;
}
