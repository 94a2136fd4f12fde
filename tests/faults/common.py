# SPDX-License-Identifier: MIT
"""What the fault tests share: the harness of tests/e2e, their arguments, what "the receiver
has it" means, and reading a whole record."""

import json
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

import harness as h  # noqa: E402

# What the sender may be told once the receiver has the message: by a 1.1 node's bare ACK, or
# signed by a 1.2 node.
DELIVERED = ("acked", "stored", "held", "read", "done", "refused")
SOAK = "--soak" in sys.argv


def has_it(state):
    """Does this state of a sent message claim that the receiver has it?"""
    return state in DELIVERED


def number(flag, small, large):
    """The number behind a flag, else the size for CI, else that for --soak."""
    given = h.argument(flag, "")
    return int(given) if given else large if SOAK else small


def seed():
    """Of --seed or LCP_TEST_SEED; fixed in CI, so that a failure there can be repeated."""
    return int(h.argument("--seed", "LCP_TEST_SEED") or "1")


def shim():
    path = h.argument("--faultpoint", "LCP_FAULTPOINT")
    if not sys.platform.startswith("linux") or not os.path.exists(path):
        h.skip_all("needs Linux and faultpoint.so (--faultpoint PATH or LCP_FAULTPOINT)")
    return os.path.abspath(path)


def shim_env(path, log, at="", deed="", during="", count=False):
    env = {"LD_PRELOAD": path, "LCP_FAULT_LOG": log,
           "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
    if at:
        env.update(LCP_FAULT_AT=at, LCP_FAULT_DO=deed)
    if during:
        env["LCP_FAULT_WHILE"] = during
    if count:
        env["LCP_FAULT_COUNT"] = "1"
    return env


def all_sent(node, seconds=30):
    """{id: state} of everything a running daemon has sent."""
    lines, found, after = h.IpcLines(node.socket, seconds), {}, None
    try:
        while True:
            request = {"cmd": "SENT", "limit": 100, "v": 1}
            if after is not None:
                request["after"] = after
            page = lines.ask(request)
            for message in page["messages"]:
                found[message["id"]] = message["state"]
            if page.get("next") is None or not page["messages"]:
                return found
            after = page["next"]
    finally:
        lines.close()


def without_ours(message):
    """A message as it came: without the members that the daemon adds for display."""
    return {name: value for name, value in message.items() if not name.startswith("_")}


def files_of(home, folder):
    """{id: message} of a mirror folder; what is no whole message is None under its name."""
    found, path = {}, os.path.join(home, "data", folder)
    for name in os.listdir(path) if os.path.isdir(path) else []:
        if ".tmp-" in name:
            continue  # a write that a crash cut off; never a message
        try:
            with open(os.path.join(path, name), encoding="utf-8") as file:
                message = json.load(file)
            found[message["id"]] = message
        except (ValueError, KeyError, OSError):
            found[name] = None
    return found


def integrity(home):
    """SQLite's own word on the database of a stopped daemon."""
    base = sqlite3.connect("file:%s?mode=ro" % os.path.join(home, "data", "lcp.db"), uri=True)
    try:
        return base.execute("pragma integrity_check").fetchone()[0]
    finally:
        base.close()
