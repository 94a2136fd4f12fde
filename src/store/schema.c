/* SPDX-License-Identifier: MIT
 *
 * The tables of the record. Nothing is ever deleted from `message`, so its numbers have
 * no gaps. STRICT, so that a value read is of its column's type or the file is damaged.
 *
 * The partial indexes hold only what is under way: their size does not grow with
 * history. An ordinary rowid table, because rows carry payloads of up to 64 KiB.
 */
#include "store/schema.h"

static const char version_1[] =
    "CREATE TABLE message ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " changed INTEGER NOT NULL,"
    " dir INTEGER NOT NULL,"   /* enum lcp_direction: 0 in, 1 out */
    " state INTEGER NOT NULL," /* enum lcp_in_state or lcp_out_state */
    " state_wall_ms INTEGER NOT NULL,"
    " was_transmitted INTEGER NOT NULL,"
    " is_purged INTEGER NOT NULL,"
    " wall_ms INTEGER NOT NULL,"
    " expires_life_ms INTEGER NOT NULL," /* 0: never */
    " signer BLOB NOT NULL,"
    " digest BLOB NOT NULL,"
    " peer TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " reply_to TEXT NOT NULL,"
    " file TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " raw BLOB NOT NULL" /* last: short reads leave its pages alone */
    ") STRICT;"
    /* The two laws of identity. */
    "CREATE UNIQUE INDEX message_in ON message (id, signer) WHERE dir = 0;"
    "CREATE UNIQUE INDEX message_out ON message (id) WHERE dir = 1;"
    "CREATE INDEX message_dir ON message (dir);"
    "CREATE INDEX message_pending ON message (dir, number, state)"
    " WHERE dir = 0 AND state < 20;"
    "CREATE INDEX message_queued ON message (peer, number, dir, state)"
    " WHERE dir = 1 AND state = 0;"
    "CREATE INDEX message_expiry ON message (expires_life_ms)"
    " WHERE dir = 1 AND state = 0 AND expires_life_ms > 0;"
    "CREATE UNIQUE INDEX message_changed ON message (changed);"
    "CREATE INDEX message_reply_to ON message (reply_to) WHERE reply_to <> '';"
    "CREATE INDEX message_purge ON message (state_wall_ms) WHERE is_purged = 0"
    " AND ((dir = 0 AND state IN (20, 30)) OR (dir = 1 AND state > 0));"
    /* Ids taken over from another node, which did not keep whose they were. */
    "CREATE TABLE seen_any ("
    " position INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE"
    ") STRICT;"
    "CREATE TABLE pin ("
    " peer TEXT NOT NULL PRIMARY KEY,"
    " signer BLOB NOT NULL,"
    " how TEXT NOT NULL,"
    " wall_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE meta ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " value INTEGER NOT NULL"
    ") STRICT;";

const char *const lcp_schema_steps[LCP_SCHEMA_VERSION] = {version_1};
