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

/* The step reads no message: a new column or index of `message` would read all of them
 * (newer SQLites check every row of a STRICT table when it gets a column), so what came
 * with receipts has tables of its own. They spare the payload too: to note that a word
 * was told writes a small row. (A record of version 1 is written anew once all the
 * same, to get its seals.) */
static const char version_2[] =
    /* Of a message, where there is anything to say. */
    "CREATE TABLE word ("
    " number INTEGER PRIMARY KEY,"
    " wants_receipts INTEGER NOT NULL,"
    " owed_to TEXT NOT NULL," /* in: the peer that does not know the state; '' */
    " owed_state INTEGER NOT NULL,"
    " held_until INTEGER NOT NULL," /* in, held: its expires_life_ms; 0: never */
    " refused_ms INTEGER," /* in, refused: state_wall_ms, while there is a body */
    " canon_digest BLOB NOT NULL,"
    " detail TEXT NOT NULL,"
    " evidence BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX word_owed ON word (owed_to, owed_state, number) WHERE owed_to <> '';"
    "CREATE INDEX word_held ON word (held_until) WHERE held_until > 0;"
    "CREATE INDEX word_refused ON word (refused_ms) WHERE refused_ms IS NOT NULL;"
    /* What lies here of each peer; kept by the database itself, whoever writes. */
    "CREATE TABLE usage ("
    " peer TEXT NOT NULL PRIMARY KEY,"
    " messages INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO usage SELECT peer, count(*), sum(length(raw))"
    " FROM message INDEXED BY message_pending WHERE dir = 0 AND state < 20"
    " GROUP BY peer;"
    "CREATE TRIGGER usage_comes AFTER INSERT ON message"
    " WHEN new.dir = 0 AND new.state < 20 BEGIN"
    " INSERT INTO usage VALUES (new.peer, 1, length(new.raw)) ON CONFLICT (peer)"
    " DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes; END;"
    "CREATE TRIGGER usage_goes AFTER UPDATE OF state ON message"
    " WHEN old.dir = 0 AND old.state < 20 AND new.state >= 20 BEGIN"
    " UPDATE usage SET messages = messages - 1, bytes = bytes - length(old.raw)"
    " WHERE peer = old.peer; END;"
    "CREATE TABLE peer ("
    " name TEXT NOT NULL PRIMARY KEY," /* '': the node */
    " version INTEGER NOT NULL,"
    " is_paused INTEGER NOT NULL,"
    " rate_life_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE audit ("
    " number INTEGER PRIMARY KEY,"
    " wall_ms INTEGER NOT NULL,"
    " who TEXT NOT NULL,"
    " what TEXT NOT NULL,"
    " detail TEXT NOT NULL"
    ") STRICT;";

const char *const lcp_schema_steps[LCP_SCHEMA_VERSION] = {version_1, version_2};
