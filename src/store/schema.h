/* SPDX-License-Identifier: MIT
 *
 * The tables of the record, as the steps that make them. Private to this room.
 */
#ifndef LCP_STORE_SCHEMA_H
#define LCP_STORE_SCHEMA_H

enum {
    LCP_SCHEMA_VERSION = 2,              /* PRAGMA user_version: steps that were made */
    LCP_SCHEMA_APPLICATION = 0x4c435031, /* PRAGMA application_id: "LCP1" */
};

/* Step i leads from version i to i + 1; version 0 is an empty file. A step that was
 * released is never edited: tests/unit/store/test_migration.c holds a copy of each. */
extern const char *const lcp_schema_steps[LCP_SCHEMA_VERSION];

#endif
