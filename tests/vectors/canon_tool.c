/* SPDX-License-Identifier: MIT
 *
 * The other side of oracle.py. stdin is a sequence of records, each a 4-byte
 * little-endian length and a JSON text; stdout gets one line for each: the canonical
 * form, or "!" and the name of the fault. Modes: canon   parse, print canonical bits
 * the records are float literals: the bits of the double in hex naive   floats only,
 * printed by trying %.15g, %.16g, %.17g: the formatter that looks right and is not. The
 * oracle must find it out. bench   the whole of stdin is one text: time of parse and of
 * canon
 */
#include "core/canon.h"

#include "base/float.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TEXT_MAX = 1 << 20,
    OUT_MAX = 8 * TEXT_MAX,
};

static uint8_t text[TEXT_MAX];
static char out[OUT_MAX + 1];
static struct lcp_json_node nodes[LCP_JSON_NODES_MAX];

static const char *
canon(struct lcp_span in, size_t *len)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_JSON_NODES_MAX};
    enum lcp_json_fault fault = lcp_json_parse(in, &doc);

    if (fault != LCP_JSON_FAULT_NONE) {
        out[0] = '!';
        strcpy(out + 1, lcp_json_fault_name(fault));
        *len = strlen(out);
    } else if (lcp_canon_print(&doc, NULL, out, OUT_MAX, len) != LCP_OK) {
        strcpy(out, "!full");
        *len = strlen(out);
    }
    return out;
}

static const char *
bits(struct lcp_span in, size_t *len)
{
    uint64_t value;

    if (lcp_float_parse(in, &value) != LCP_OK)
        strcpy(out, "!number");
    else
        snprintf(out, OUT_MAX, "%016llx", (unsigned long long)value);
    *len = strlen(out);
    return out;
}

static const char *
naive(struct lcp_span in, size_t *len)
{
    char literal[64];
    double value;

    if (in.len >= sizeof(literal))
        return NULL;
    memcpy(literal, in.data, in.len);
    literal[in.len] = '\0';
    value = strtod(literal, NULL);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, OUT_MAX, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    if (strpbrk(out, ".e") == NULL)
        strcat(out, ".0");
    *len = strlen(out);
    return out;
}

static int
records(const char *(*handle)(struct lcp_span in, size_t *len))
{
    uint8_t head[4];

    while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        size_t size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 |
                      (size_t)head[3] << 24;
        uint8_t *exact;
        const char *line;
        size_t len;

        if (size > TEXT_MAX || fread(text, 1, size, stdin) != size)
            return 2;
        exact = malloc(size + 1); /* so that a sanitizer sees a read past the end */
        if (exact == NULL)
            return 2;
        memcpy(exact, text, size);
        line = handle(lcp_span(exact, size), &len);
        free(exact);
        if (line == NULL)
            return 2;
        fwrite(line, 1, len, stdout);
        putchar('\n');
    }
    return fflush(stdout) != 0;
}

static double
seconds(void)
{
    struct timespec now;

    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
bench(void)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_JSON_NODES_MAX};
    size_t size = fread(text, 1, TEXT_MAX, stdin), len = 0;
    struct lcp_span in = lcp_span(text, size);
    enum lcp_json_fault fault = LCP_JSON_FAULT_NONE;
    unsigned rounds = size > 10000 ? 50 : 20000;
    double start = seconds(), middle, end;

    for (unsigned i = 0; i < rounds; i++)
        fault = lcp_json_parse(in, &doc);
    middle = seconds();
    for (unsigned i = 0; i < rounds && fault == LCP_JSON_FAULT_NONE; i++)
        if (lcp_canon_print(&doc, NULL, out, OUT_MAX, &len) != LCP_OK)
            return 1;
    end = seconds();
    printf("%zu bytes, %u nodes, %s: parse %.2f us, canon %.2f us\n", size,
           (unsigned)doc.count, lcp_json_fault_name(fault),
           (middle - start) * 1e6 / rounds, (end - middle) * 1e6 / rounds);
    return 0;
}

int
main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    if (strcmp(mode, "canon") == 0)
        return records(canon);
    if (strcmp(mode, "bits") == 0)
        return records(bits);
    if (strcmp(mode, "naive") == 0)
        return records(naive);
    if (strcmp(mode, "bench") == 0)
        return bench();
    fprintf(stderr, "usage: canon_tool canon|bits|naive|bench < records\n");
    return 2;
}
