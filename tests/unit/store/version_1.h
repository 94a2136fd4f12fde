/* SPDX-License-Identifier: MIT
 *
 * The record as the first release made it, word for word, and what such a release can
 * have left in it: messages in every state, pins, numbers, ids seen from anyone.
 */
#ifndef LCP_TESTS_STORE_VERSION_1_H
#define LCP_TESTS_STORE_VERSION_1_H

static const char version_1[] =
    "CREATE TABLE message ( number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " changed INTEGER NOT NULL, dir INTEGER NOT NULL, state INTEGER NOT NULL,"
    " state_wall_ms INTEGER NOT NULL, was_transmitted INTEGER NOT NULL,"
    " is_purged INTEGER NOT NULL, wall_ms INTEGER NOT NULL,"
    " expires_life_ms INTEGER NOT NULL, signer BLOB NOT NULL, digest BLOB NOT NULL,"
    " peer TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, reply_to TEXT NOT NULL,"
    " file TEXT NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL) STRICT;"
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
    "CREATE TABLE seen_any ( position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)"
    " STRICT;"
    "CREATE TABLE pin ( peer TEXT NOT NULL PRIMARY KEY, signer BLOB NOT NULL,"
    " how TEXT NOT NULL, wall_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE meta ( name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) "
    "STRICT;"
    "PRAGMA application_id = 1279479857; PRAGMA user_version = 1;";

/* Row n has n in each of its values; its states are those there were. */
#define VERSION_1_ROW(n, dir, state, transmitted, purged, expires, peer, reply, raw)   \
    "INSERT INTO message VALUES (" #n ", 1" #n ", " #dir ", " #state ", 50" #n         \
    ", " #transmitted ", " #purged ", 40" #n ", " #expires                             \
    ", CAST('signer of thirty-two bytes, #' || (100 + " #n                             \
    ") AS BLOB), CAST('digest of 16: ' || (10 + " #n ") AS BLOB), '" peer "',"         \
    " '0b9f3f0e-6d0c-4c4e-9a1f-01234567890' || substr('0123456789abcdef', 1 + " #n     \
    ", 1), 'type-" #n "', '" reply "',"                                                \
    " 'msg_0b9f3f0e-6d0c-4c4e-9a1f-01234567890' || substr('0123456789abcdef', 1 + " #n \
    ", 1) || '.json', 'why " #n "', CAST('" raw "' AS BLOB));"

static const char *const content_1[] = {
    VERSION_1_ROW(1, 0, 0, 0, 0, 0, "bob", "", "{\"stored\":1}"),
    VERSION_1_ROW(2, 0, 10, 0, 0, 0, "carol", "", "{\"handed\":2}"),
    VERSION_1_ROW(3, 0, 20, 0, 0, 0, "bob", "0b9f3f0e-6d0c-4c4e-9a1f-012345678901",
                  "{\"archived\":3}"),
    VERSION_1_ROW(4, 0, 30, 0, 0, 0, "bob", "", "{\"consumed\":4}"),
    VERSION_1_ROW(5, 0, 40, 0, 1, 0, "bob", "", ""),
    VERSION_1_ROW(6, 1, 0, 1, 0, 900, "bob", "0b9f3f0e-6d0c-4c4e-9a1f-012345678901",
                  "{\"queued\":6}"),
    VERSION_1_ROW(7, 1, 0, 0, 0, 800, "carol", "", "{\"unsent\":7}"),
    VERSION_1_ROW(8, 1, 10, 1, 0, 0, "bob", "", "{\"cancel\":8}"),
    VERSION_1_ROW(9, 1, 20, 0, 0, 0, "bob", "", "{\"cancelled\":9}"),
    VERSION_1_ROW(10, 1, 21, 1, 0, 700, "bob", "", "{\"expired\":10}"),
    VERSION_1_ROW(11, 1, 30, 1, 0, 0, "bob", "", "{\"acked\":11}"),
    VERSION_1_ROW(12, 1, 30, 1, 1, 0, "bob", "", ""),
    VERSION_1_ROW(13, 0, 0, 0, 0, 0, "bob", "", "{\"again\":13}"),
    "INSERT INTO seen_any (id) VALUES ('old');"
    "INSERT INTO pin VALUES ('bob', zeroblob(32), 'config', 7);"
    "INSERT INTO pin VALUES ('carol', zeroblob(32), 'first contact', 8);"
    "INSERT INTO meta VALUES ('life', 12345);",
};

#endif
