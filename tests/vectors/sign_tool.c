/* SPDX-License-Identifier: MIT
 *
 * The other side of sign_oracle.py. stdin is a sequence of records, each a 4-byte
 * little-endian length and bytes; stdout gets one line for each.
 *   sign SEED_HEX   a record is id, from, to, timestamp, type, message and replyTo
 * (which may be empty: absent), NUL after each; the line is the payload verify a record
 * is a payload; the line is "good" or "forged" and the digest in hex, or the name of
 * the fault
 */
#include "core/msg.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

static struct lcp_msg_scratch scratch;
static struct lcp_identity identity;

static void
verify(struct lcp_span in)
{
    uint8_t digest[LCP_DIGEST_BYTES];
    char hex[2 * LCP_DIGEST_BYTES + 1];
    struct lcp_msg msg;
    enum lcp_msg_fault fault = lcp_msg_parse(in, &scratch, &msg);
    bool good;

    if (fault != LCP_MSG_OK) {
        printf("%s %s\n", lcp_msg_fault_name(fault),
               lcp_json_fault_name(msg.json_fault));
        return;
    }
    good = lcp_msg_verify(&msg, &scratch, digest);
    lcp_hex_print(digest, sizeof(digest), hex);
    printf("%s %s\n", good ? "good" : "forged", hex);
}

static void
sign(struct lcp_span in)
{
    enum { FIELDS = 7, MESSAGE = 5, REPLY_TO = 6 };
    static char out[LCP_PAYLOAD_MAX];
    uint8_t digest[LCP_DIGEST_BYTES];
    const char *fields[FIELDS] = {0};
    struct lcp_draft draft;
    enum lcp_err err;
    size_t at = 0, len;

    for (int i = 0; i < FIELDS && at < in.len; i++) {
        fields[i] = (const char *)in.data + at;
        at += strlen(fields[i]) + 1;
    }
    if (fields[REPLY_TO] == NULL)
        exit(2);
    draft = (struct lcp_draft){
        .id = fields[0],
        .from = fields[1],
        .to = fields[2],
        .timestamp = fields[3],
        .type = fields[4],
        .message = lcp_span_str(fields[MESSAGE]),
        .reply_to = *fields[REPLY_TO] != '\0' ? fields[REPLY_TO] : NULL,
    };
    err = lcp_msg_build(&draft, &identity, &scratch, out, &len, digest);
    if (err == LCP_OK)
        fwrite(out, 1, len, stdout);
    else
        fputs(lcp_err_name(err), stdout);
    putchar('\n');
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
    uint8_t seed[LCP_SEED_BYTES];

    if (lcp_crypto_init() != LCP_OK)
        return 2;
    if (argc == 2 && strcmp(argv[1], "verify") == 0)
        return records(verify);
    if (argc == 3 && strcmp(argv[1], "sign") == 0 &&
        lcp_hex_parse(lcp_span_str(argv[2]), seed, sizeof(seed)) == LCP_OK) {
        lcp_identity_from_seed(seed, &identity);
        return records(sign);
    }
    fprintf(stderr, "usage: sign_tool verify | sign SEED_HEX < records\n");
    return 2;
}
