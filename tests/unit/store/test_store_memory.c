/* SPDX-License-Identifier: MIT
 *
 * The store in memory under the contract, and its failing disk.
 */
#include "unit/store/contract.h"

static struct lcp_memory_disk *disk;

static struct lcp_store *
open_memory(bool read_only)
{
    struct lcp_store *s = NULL;

    REQUIRE(lcp_store_memory_open(disk, read_only, &s) == LCP_OK);
    return s;
}

static void
clear_memory(void)
{
    lcp_memory_disk_free(disk);
    disk = lcp_memory_disk_new();
    REQUIRE(disk != NULL);
}

static void
a_failing_disk_takes_nothing_and_then_goes_on(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_row row;

    add(s, outgoing("a", "bob"));
    lcp_memory_disk_fail(disk, LCP_ENOSPACE);
    CHECK(s->ops->commit(s) == LCP_ENOSPACE);
    CHECK(s->ops->find_out(s, "a", &row) == LCP_ENOTFOUND);
    CHECK(s->ops->begin(s) == LCP_ENOSPACE);
    lcp_memory_disk_fail(disk, LCP_OK);
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(add(s, outgoing("a", "bob")) == 1);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->changed(s) == 1);
    s->ops->close(s);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    contract_run((struct contract){open_memory, clear_memory});
    a_failing_disk_takes_nothing_and_then_goes_on();
    lcp_memory_disk_free(disk);
    return check_end("store memory");
}
