# SPDX-License-Identifier: MIT
"""Every command as a person or an agent uses it: the real binary, two real daemons. Shapes of
--json exactly as lcp(1) gives them, and exit codes 0 to 6."""

import json
import os
import re
import subprocess
import sys
import time
import traceback
import uuid

import harness as h

REPORT = h.Report("test_cli")
UUID4 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
SEND_MEMBERS = {"ok", "accepted", "id", "number", "to", "state", "signed", "reason", "detail", "ms"}
CHECK_MEMBERS = {"count", "messages", "paused", "held", "next", "_source"}
SENT_MEMBERS = {"id", "number", "to", "type", "state", "at", "by", "signed", "signer", "reason",
                "detail"}
COMMANDS = ["init", "node", "id", "peer", "send", "check", "read", "done", "ack", "sent", "cancel",
            "status", "ping", "version", "purge"]


# --- init, id, help ----------------------------------------------------------------------------


def init_and_id(scratch, binary):
    home = h.Home(scratch, binary, "Ada")
    made = home.lcp("init", "--name", "Ada", "--address", home.address)
    REPORT.check(made.code == 0 and "lcp" in made.out, "init: exit 0 and the next step", made)
    key_path = os.path.join(home.path, "keys", "identity.pem")
    REPORT.check(h.mode_of(home.path) == 0o700 and h.mode_of(key_path) == 0o600
                 and os.path.getsize(key_path) == 32 and os.path.exists(home.path + "/lcp.conf"),
                 "init: home 0700, key 0600 of 32 bytes, lcp.conf")
    before = home.seed, open(home.path + "/lcp.conf").read()
    again = home.lcp("init", "--name", "Eve", "--address", "127.0.0.9", "--json")
    REPORT.check(h.is_error(again, (1,)) and (home.seed, open(home.path + "/lcp.conf").read()) == before,
                 "init: never overwrites", again)
    REPORT.check(h.is_error(home.lcp("init"), (2,)), "init: without --name exit 2")
    other = h.Home(scratch, binary, "Bad")
    for name in ("a b", "a/b", "", "x" * 65, "a\tb", "a\u2003b"):
        bad = other.lcp("init", "--name", name, "--address", "127.0.0.9")
        REPORT.check(h.is_error(bad, (2,)) and not os.path.exists(other.path + "/lcp.conf"),
                     "init: name %r is refused" % name[:8], bad)
    REPORT.check(h.is_error(other.lcp("init", "--name", "N", "--address", "nonsense"), (2,)),
                 "init: a bad address is refused")
    auto = other.lcp("init", "--name", "Auto")
    REPORT.check(auto.code == 0 or "address" in (auto.out + auto.err).lower(),
                 "init: without address and tailnet it says what to do", auto)
    shown = home.lcp("id")
    REPORT.equal(shown.out, "Ada %s:9528 %s\n" % (home.address, home.key.public),
                 "id: name, address and key on one line")
    value = h.only_json(home.lcp("id", "--json"))
    REPORT.check(value and value.get("name") == "Ada" and value.get("key") == home.key.public
                 and home.address in str(value.get("address")), "id --json", value)
    by_flag = h.run([binary, "id", "--home", home.path])
    REPORT.check(by_flag.out == shown.out, "--home DIR instead of LCP_HOME", by_flag)
    nowhere = h.run([binary, "id", "--home", scratch.path("nowhere")])
    REPORT.check(h.is_error(nowhere, (1,)) and "init" in nowhere.err, "id: no home: exit 1, says init",
                 nowhere)


def init_from(scratch, binary):
    """Takes over a Python node's folder."""
    old = scratch.path("old")
    for name in ("keys", "data/inbox", "data/inbox_archive", "data/outbox"):
        os.makedirs(os.path.join(old, name))
    key, friend = h.Key(), h.Endpoint()
    with open(old + "/keys/identity.pem", "wb") as file:
        file.write(key.seed)
    os.chmod(old + "/keys/identity.pem", 0o600)
    made = {}
    for folder, sender, signer in (("inbox", "Friend", friend.key),
                                   ("inbox_archive", "Friend", friend.key), ("outbox", "Old", key)):
        message = signer.sign(h.new_message(sender, "Old" if sender == "Friend" else "Friend",
                                            "kept in " + folder))
        made[folder] = message
        with open("%s/data/%s/msg_%s.json" % (old, folder, message["id"][:8]), "w") as file:
            json.dump(message, file, indent=2, ensure_ascii=False)
    seen = str(uuid.uuid4())
    with open(old + "/data/seen_ids.json", "w") as file:
        json.dump([seen, made["inbox"]["id"], made["inbox_archive"]["id"]], file)
    home = h.Home(scratch, binary, "Old")
    took = home.lcp("init", "--name", "Old", "--address", home.address, "--from", old)
    REPORT.check(took.code == 0 and home.seed == key.seed and re.search(r"\b1\b", took.out),
                 "init --from: takes the key and says what it took", took)
    mail = h.only_json(home.lcp("check", "--json"))
    REPORT.check(mail and [m["message"] for m in mail["messages"]] == ["kept in inbox"],
                 "init --from: the inbox is there", mail)
    home.add_peer("Friend", friend.ip, friend.key.public)
    home.start()
    sent = h.only_json(home.lcp("sent", "--json"))
    REPORT.check(sent and [m["id"] for m in sent["messages"]] == [made["outbox"]["id"]],
                 "init --from: the outbox is there", sent)
    for label, message in (("seen id", friend.key.sign(dict(
            h.new_message("Friend", "Old", "again"), id=seen))),
            ("archived message", made["inbox_archive"])):
        seq = friend.next_seq()
        friend.send(home.address, h.packet(h.DATA, seq, h.encode(message)))
        _, found = friend.recv_until(lambda kind, got, _: kind == h.ACK and got == seq, 5)
        REPORT.check(found and len(home.inbox()) == 1,
                     "init --from: a %s is acknowledged and not mail again" % label)
    home.stop()
    friend.close()


def help_and_usage(home):
    for command in COMMANDS:
        shown = home.lcp(command, "--help")
        REPORT.check(shown.code == 0 and "lcp " + command in shown.out
                     and "xample" in shown.out and not shown.err,
                     "%s --help: with an example" % command, shown)
    top = home.lcp("--help")
    REPORT.check(top.code == 0 and all(name in top.out for name in COMMANDS if name != "ack"),
                 "--help names every command", top)
    REPORT.check(home.lcp("help").out == top.out and home.lcp("help", "send").out ==
                 home.lcp("send", "--help").out, "help: another way to --help")
    bare = home.lcp()
    REPORT.check(bare.code == 2 and all(name in bare.err for name in COMMANDS if name != "ack"),
                 "lcp alone: lists the commands", bare)
    REPORT.check(h.is_error(home.lcp("frobnicate", "--json"), (2,), "usage"),
                 "unknown command with --json: the error object")
    rows = [("no command", []), ("unknown command", ["frobnicate"]),
            ("unknown flag", ["send", "--frobnicate", "x"]), ("flag without value", ["send", "--to"]),
            ("too many words", ["id", "x", "y"]), ("peer without verb", ["peer"]),
            ("peer with an unknown verb", ["peer", "frobnicate"]),
            ("peer add without address", ["peer", "add", "x"]), ("read without id", ["read"]),
            ("cancel without id", ["cancel"]), ("done without anything", ["done"]),
            ("purge without age", ["purge"]), ("purge with a bad age", ["purge", "--older-than", "x"]),
            ("check with a bad limit", ["check", "--limit", "many"]),
            ("send with a bad ttl", ["send", "--ttl", "-1", "x"]),
            ("sent with an unknown state", ["sent", "--state", "nowhere"])]
    for label, args in rows:
        got = home.lcp(*args)
        REPORT.check(h.is_error(got, (2,)) and not got.out, "usage: %s: exit 2" % label, got)
    got = home.lcp("send", "--frobnicate", "--json")
    REPORT.check(h.is_error(got, (2,), "usage"), "usage with --json: the error object", got)
    plain = home.lcp("done")
    REPORT.check("--all" in plain.err or "--through" in plain.err,
                 "plain done: says how to name what is done", plain)


# --- send, check, read, done, sent -------------------------------------------------------------------


def sending(one, two):
    plain = one.lcp("send", "--to", two.name, "hello")
    REPORT.check(plain.code == 0 and plain.out and not plain.err, "send: exit 0", plain)
    got = one.lcp("send", "--json", "来自A 🦞")
    value = h.only_json(got) or {}
    REPORT.check(got.code == 0 and set(value) == SEND_MEMBERS and value["ok"] is True
                 and value["accepted"] is True and UUID4.match(value["id"])
                 and value["to"] == two.name and value["state"] == "stored" and value["signed"] is True
                 and isinstance(value["number"], int) and isinstance(value["ms"], int),
                 "send --json: the shape; --to may be left out with a single peer", got)
    task = two.inbox()[-1]
    REPORT.check(task["message"] == "来自A 🦞" and task["type"] == "chat" and task["id"] == value["id"],
                 "the message arrived", task)
    stdin = one.lcp("send", "--type", "task", "-", stdin="line 1\nline 2\n")
    last = two.inbox()[-1]
    REPORT.check(stdin.code == 0 and last["type"] == "task"
                 and last["message"].startswith("line 1\nline 2"), "send -: reads stdin", stdin)
    REPORT.check(h.is_error(one.lcp("send", "-", stdin=b"caf\xe9"), (2,)),
                 "send -: invalid UTF-8 is exit 2")
    REPORT.check(h.is_error(one.lcp("send", b"caf\xe9"), (2,)), "send: invalid UTF-8 in argv is exit 2")
    answer = two.lcp("send", "--type", "result", "--reply-to", str(last["_number"]), "--json", "done")
    back = one.inbox()[-1]
    REPORT.check(answer.code == 0 and back.get("replyTo") == last["id"] and back["type"] == "result",
                 "send --reply-to a local number", (answer, back))
    answer = two.lcp("send", "--reply-to", last["id"][:8], "by prefix")
    REPORT.check(answer.code == 0 and one.inbox()[-1].get("replyTo") == last["id"],
                 "send --reply-to a prefix", answer)
    own = str(uuid.uuid4())
    first = one.lcp("send", "--id", own, "--json", "only once")
    again = one.lcp("send", "--id", own, "--json", "only once")
    REPORT.check(first.code == again.code == 0 and h.only_json(first)["number"]
                 == h.only_json(again)["number"]
                 and len([m for m in two.inbox() if m["id"] == own]) == 1,
                 "send --id twice: the same answer, one message", (first, again))
    other = one.lcp("send", "--id", own, "--json", "something else")
    REPORT.check(h.is_error(other, (1,), "conflict"), "send --id for another message: conflict", other)
    REPORT.check(h.is_error(one.lcp("send", "--id", "not-a-uuid", "x"), (1, 2)),
                 "send --id that is no UUID v4: refused")
    nobody = one.lcp("send", "--to", "Nobody", "--json", "x")
    REPORT.check(h.is_error(nobody, (1, 2), "unknown-peer"), "send to nobody we know", nobody)
    before = h.only_json(one.lcp("sent", "--json"))["messages"]
    big = one.lcp("send", "--json", "-", stdin="x" * 65498)
    after = h.only_json(one.lcp("sent", "--json"))["messages"]
    REPORT.check(h.is_error(big, (1, 2, 5), "too-big") and re.search(r"6\d[, ]?\d{3}", big.err)
                 and before == after, "send: over the limit is refused with the limit, not queued", big)
    huge = one.lcp("send", "--json", "-", stdin="x" * 3_000_000)
    REPORT.check(h.is_error(huge, (1, 2, 5), "too-big"), "send: 3 MB is refused the same way", huge)


def checking(one, two, raw):
    two.lcp("done", "--all")
    text = "first\x1b[31m red \u202e turned"
    one.lcp("send", "-", stdin=text)
    one.lcp("send", "--type", "task", "-", stdin="long " + "y" * 3000)
    forged = dict(h.new_message(raw.name, two.name, "forged members"), _number=1, _peer="me",
                  _filepath="/etc/passwd", _received="now")
    h.raw_send(raw, two, forged)
    got = two.lcp("check", "--json")
    value = h.only_json(got) or {}
    mail = value.get("messages", [])
    REPORT.check(set(value) == CHECK_MEMBERS and value["count"] == len(mail) == 3
                 and value["next"] is None and value["_source"] == "daemon",
                 "check --json: the shape", got)
    ours = [all(name in m for name in ("_number", "_filepath", "_peer", "_received"))
            and set(m["_peer"]) == {"name", "callsItself", "fingerprint", "version"} for m in mail]
    REPORT.check(all(ours), "check --json: each message has our members", mail[:1])
    first = mail[0]
    REPORT.check(first["message"] == text and first["_peer"]["name"] == one.name
                 and first["_peer"]["fingerprint"] == h.fingerprint(one.key.public)
                 and json.load(open(first["_filepath"], encoding="utf-8"))["id"] == first["id"],
                 "check --json: the message whole, with its file", first)
    REPORT.check(h.signature_is_valid({n: v for n, v in first.items() if not n.startswith("_")}),
                 "check --json: what is shown verifies")
    last = mail[-1]
    REPORT.check(last["_number"] > first["_number"] and last["_peer"]["name"] == raw.name
                 and last["_filepath"].startswith(two.path),
                 "check --json: a peer cannot forge our members", last)
    shown = two.lcp("check")
    REPORT.check(shown.code == 0 and "\x1b[31m" not in shown.out and "\u202e" not in shown.out
                 and "red" in shown.out and "#%d" % first["_number"] in shown.out,
                 "check: text, with numbers, controls made visible", shown)
    REPORT.check("y" * 700 not in shown.out and "read" in shown.out,
                 "check: a long body is cut at 600 characters and says how to read on", shown)
    REPORT.equal([m["type"] for m in h.only_json(two.lcp("check", "--type", "task", "--json"))
                  ["messages"]], ["task"], "check --type")
    REPORT.equal([m["message"] for m in h.only_json(two.lcp("check", "--from", raw.name, "--json"))
                  ["messages"]], ["forged members"], "check --from")
    page = h.only_json(two.lcp("check", "--limit", "2", "--json"))
    rest = h.only_json(two.lcp("check", "--after", str(page["next"]), "--json"))
    REPORT.check(page["count"] == 2 and page["next"] == mail[1]["_number"] and rest["count"] == 1
                 and rest["messages"][0]["id"] == last["id"], "check --limit and --after: pages",
                 (page["next"], rest["count"]))
    for number in range(120):
        one.send("many %d " % number + "z" * 200)
    page = h.only_json(two.lcp("check", "--json"))
    REPORT.check(page["count"] == 100 and page["next"] is not None and len(two.inbox()) == 123,
                 "check --json: pages of 100", page["count"])
    shown = two.lcp("check")
    REPORT.check(len(shown.out.encode()) <= 8192 + 512 and "after" in shown.out,
                 "check: 8 KB at most, and how to go on (%d bytes)" % len(shown.out.encode()), shown)


def reading(one, two):
    mail = two.inbox()[:3]
    for label, name in (("a number", str(mail[1]["_number"])), ("#number", "#%d" % mail[1]["_number"]),
                        ("an id", mail[1]["id"]), ("a prefix", mail[1]["id"][:8])):
        got = two.lcp("read", name)
        REPORT.check(got.code == 0 and "y" * 3000 in got.out, "read by %s: the whole body" % label, got)
    value = h.only_json(two.lcp("read", mail[0]["id"], "--json")) or {}
    REPORT.check([m["message"] for m in value.get("messages", [])] == [mail[0]["message"]],
                 "read --json", value)
    tail = "-0000-4000-8000-000000000001"
    for first in ("abcd1111", "abcd2222"):
        one.lcp("send", "--id", first + tail, "prefix " + first)
    got = two.lcp("read", "abcd", "--json")
    REPORT.check(h.is_error(got, (1, 2), "ambiguous"), "read: an ambiguous prefix is an error", got)
    REPORT.check(two.lcp("read", "abcd1").code == 0, "read: a longer prefix is not")
    got = two.lcp("read", "99999999", "--json")
    REPORT.check(h.is_error(got, (1,), "not-found"), "read: no such message", got)
    question = h.only_json(one.lcp("send", "--type", "task", "--json", "question?"))
    two.lcp("send", "--type", "result", "--reply-to", question["id"], "answer!")
    got = two.lcp("read", question["id"], "--thread")
    REPORT.check(got.code == 0 and "question?" in got.out and "answer!" in got.out,
                 "read --thread: the conversation", got)
    got = one.lcp("read", question["id"], "--thread")
    REPORT.check(got.code == 0 and "question?" in got.out and "answer!" in got.out,
                 "read --thread: from the other side too", got)


def finishing(two):
    mail = two.inbox()
    first, second, third = mail[0], mail[1], mail[5]
    got = two.lcp("done", str(first["_number"]), "#%d" % second["_number"], "--json")
    REPORT.equal((got.code, h.only_json(got)), (0, {"archived": 2}), "done ID...: the shape")
    left = two.inbox()
    archived = os.listdir(two.path + "/data/inbox_archive")
    moved = h.wait_until(lambda: not os.path.exists(first["_filepath"]) and os.path.basename(
        first["_filepath"]) in os.listdir(two.path + "/data/inbox_archive"), 5)
    REPORT.check(len(left) == len(mail) - 2 and moved, "done: gone from check, file in inbox_archive",
                 archived[:5])
    got = two.lcp("done", "--through", str(third["_number"]), "--json")
    REPORT.equal((got.code, h.only_json(got)), (0, {"archived": 4}), "done --through N")
    got = two.lcp("ack", str(mail[6]["_number"]), "--json")
    REPORT.equal((got.code, h.only_json(got)), (0, {"archived": 1}), "ack is the same command")
    got = two.lcp("done", "99999999", "--json")
    REPORT.check(h.is_error(got, (1,), "not-found"), "done: no such message", got)
    got = two.lcp("done", "--all", "--json")
    REPORT.equal((got.code, h.only_json(got)), (0, {"archived": len(mail) - 7}), "done --all")
    REPORT.equal(two.inbox(), [], "nothing is left")
    got = two.lcp("purge", "--older-than", "1d", "--json")
    REPORT.check(got.code == 0 and h.only_json(got) == {"purged": 0}, "purge: nothing is old", got)
    h.wait_until(lambda: time.time() % 1 < 0.9, 1)
    got = two.lcp("purge", "--older-than", "0s", "--json")
    if got.code == 2:
        got = h.wait_until(lambda: (lambda r: r if (h.only_json(r) or {}).get("purged") else None)(
            two.lcp("purge", "--older-than", "1", "--json")), 5, 0.3) or got
    REPORT.check(got.code == 0 and (h.only_json(got) or {}).get("purged", 0) > 0,
                 "purge --older-than: deletes archived bodies", got)


def outgoing(one, two, raw):
    one.lcp("send", "--to", two.name, "one that arrives")
    value = h.only_json(one.lcp("sent", "--json"))
    rows = value["messages"]
    REPORT.check(rows and all(set(row) == SENT_MEMBERS for row in rows), "sent --json: the shape",
                 rows[:1])
    stored = [row for row in rows if row["state"] == "stored"]
    REPORT.check(stored and stored[0]["by"] == two.name and stored[0]["signed"] is True
                 and stored[0]["signer"] == h.fingerprint(two.key.public),
                 "sent: stored, signed by the peer's key", stored[:1])
    got = one.lcp("sent", str(stored[0]["number"]), "--json")
    REPORT.equal([row["id"] for row in h.only_json(got)["messages"]], [stored[0]["id"]], "sent ID")
    two.stop()
    begin = time.monotonic()
    got = one.lcp("send", "--to", two.name, "--json", "nobody home")
    value = h.only_json(got) or {}
    REPORT.check(got.code == 4 and value.get("ok") is False and value.get("accepted") is True
                 and value["state"] == "sent" and time.monotonic() - begin < 11,
                 "send to a dead peer: exit 4, sent and not answered, after the five tries", got)
    away = one.lcp("send", "--to", two.name, "--json", "known to be away")
    REPORT.check(away.code == 4 and away.ms < 2000, "send to a peer known to be away: at once",
                 (away, away.ms))
    quick = one.lcp("send", "--to", two.name, "--no-wait", "--json", "no waiting")
    REPORT.check(quick.code == 0 and h.only_json(quick)["accepted"] is True and quick.ms < 2000,
                 "send --no-wait: exit 0 when accepted", quick)
    for state, row in (("sent", value), ("queued", h.only_json(quick) or {})):
        states = {row["id"]: row["state"] for row in h.only_json(
            one.lcp("sent", "--state", state, "--json"))["messages"]}
        REPORT.check(row.get("id") in states and set(states.values()) == {state},
                     "sent --state " + state, states)
    got = one.lcp("cancel", h.only_json(quick)["id"], "--json")
    REPORT.check(got.code == 0 and (h.only_json(got) or {}).get("state") == "cancelled"
                 and h.only_json(got)["ok"] is True,
                 "cancel: never transmitted: cancelled, ok", got)
    got = one.lcp("cancel", value["id"], "--json")
    REPORT.check((h.only_json(got) or {}).get("state") == "cancel-requested",
                 "cancel: transmitted before: cancel-requested", got)
    got = one.lcp("cancel", stored[0]["id"], "--json")
    REPORT.check(got.code == 5 and (h.only_json(got) or {}).get("state") == "stored"
                 and h.only_json(got)["ok"] is False, "cancel: delivered already, not ok", got)
    short = h.only_json(one.lcp("send", "--to", two.name, "--ttl", "1", "--no-wait", "--json", "brief"))
    expired = h.wait_until(lambda: h.only_json(one.lcp("sent", short["id"], "--json"))["messages"][0]
                           ["state"] == "expired", 10, 0.2)
    REPORT.check(expired, "send --ttl: expired, and visible")
    got = one.lcp("ping", two.name, "--json", seconds=40)
    REPORT.check(got.code == 6 or h.is_error(got, (6,)), "ping to a dead peer: exit 6 (timed out)", got)
    two.start()
    arrived = h.wait_until(lambda: h.only_json(one.lcp("sent", h.only_json(away)["id"], "--json"))
                           ["messages"][0]["state"] == "stored", 20, 0.2)
    texts = [m["message"] for m in two.inbox()]
    REPORT.check(arrived and "known to be away" in texts and "no waiting" not in texts
                 and "nobody home" not in texts and "brief" not in texts,
                 "the peer returns: what is queued goes by itself, what was cancelled does not", texts)


def status_and_ping(one, two):
    status = h.only_json(one.lcp("status", "--json")) or {}
    for name in ("peer", "peer_ip", "peer_online", "peer_last_seen", "inbox_count", "uptime", "peers",
                 "store", "buffers", "counters", "degraded", "version"):
        REPORT.check(name in status, "status --json: " + name, sorted(status))
    REPORT.check(status["peer"] == two.name and status["peer_online"] is True
                 and status["buffers"]["rcv"] > 0 and status["degraded"] is None,
                 "status --json: the values", status)
    text = one.lcp("status")
    REPORT.check(text.code == 0 and two.name in text.out, "status: for people", text)
    got = one.lcp("ping", two.name)
    REPORT.check(got.code == 0 and got.out, "ping: exit 0", got)
    got = one.lcp("ping", two.name, "--json")
    REPORT.check(got.code == 0 and h.only_json(got).get("ok") is True
                 and h.only_json(got).get("peer") == two.name, "ping --json", got)
    before = len(two.inbox())
    REPORT.check(len(two.inbox()) == before and not [m for m in one.inbox() if m["type"] == "pong"],
                 "ping and pong are no mail")
    got = one.lcp("ping", "Nobody", "--json")
    REPORT.check(h.is_error(got, (1, 2), "unknown-peer"), "ping nobody we know", got)
    got = one.lcp("version")
    value = h.only_json(one.lcp("version", "--json"))
    REPORT.check(got.code == 0 and re.search(r"\d+\.\d+", got.out) and "sqlite" in got.out.lower()
                 and value is not None, "version: ours and the libraries'", (got, value))
    names = {"libsodium", "sqlite", "libuv"}
    REPORT.check(set(value["libraries"]) == names and value["daemon"]["libraries"] == value["libraries"]
                 and set(status["libraries"]) == names and "libuv " in got.out and not value["differs"],
                 "version, status: all three libraries", (value, status["libraries"]))


# --- peers ------------------------------------------------------------------------------------------------


def peers(scratch, binary, one, two):
    odd, shown = "O\u202edd\u200b", "O\\u202edd\\u200b"
    out = one.lcp("peer", "add", odd, "127.9.9.9:9528").out
    for words in (("peer", "list"), ("status",)):
        out += one.lcp(*words).out
    out += one.lcp("peer", "remove", odd).out
    REPORT.check(out.count(shown) >= 4 and "\u202e" not in out and "\u200b" not in out,
                 "names for people are escaped like foreign text", out)
    conf = one.path + "/lcp.conf"
    text = open(conf).read()
    with open(conf, "w") as file:
        file.write("# a comment of mine\n" + text + "\n; and another\n")
    late = h.Endpoint()
    line = "  Late  %s:9528  %s \n" % (late.ip, late.key.public)
    REPORT.check(one.lcp("peer", "add", line).code == 0 and one.lcp("peer", "remove", "Late").code == 0,
                 "peer add: a whole `lcp id` line as one word")
    got = one.lcp("peer", "add", "Late", late.ip + ":9528", late.key.public)
    after = open(conf).read()
    REPORT.check(got.code == 0 and "# a comment of mine" in after and "; and another" in after
                 and late.key.public in after, "peer add: edits lcp.conf and keeps its comments", got)
    REPORT.check(h.raw_send(late, one, h.new_message("Late", one.name, "taken up at once")),
                 "peer add: a running daemon takes it up at once")
    many = one.lcp("send", "--json", "to whom?")
    REPORT.check(h.is_error(many, (2, 1), ("usage", "no-peer", "unknown-peer", "bad-request",
                                         "ambiguous")), "send without --to and two peers: an error", many)
    rows = [("itself", ["Me", one.address + ":9528", one.key.public], (1, 2)),
            ("its own key elsewhere", ["Me", "127.9.9.9", one.key.public], (1, 2)),
            ("a taken name", ["Late", "127.9.9.9", h.Key().public], (1, 2)),
            ("a taken address", ["Other", late.ip, h.Key().public], (1, 2)),
            ("a bad address", ["Other", "nonsense"], (2, 1)),
            ("a bad port", ["Other", "127.9.9.9:70000"], (2, 1)),
            ("a bad key", ["Other", "127.9.9.9", "AAAA"], (2, 1)),
            ("a bad name", ["a b", "127.9.9.9"], (2, 1))]
    for label, args, codes in rows:
        before = open(conf).read()
        got = one.lcp("peer", "add", *args)
        REPORT.check(h.is_error(got, codes) and open(conf).read() == before,
                     "peer add: %s is refused, lcp.conf untouched" % label, got)
    # What earlier steps queued may be on its way still.
    h.wait_until(lambda: one.status()["peer_online"] and one.status()["queued"] == 0, 20, 0.1)
    got = one.lcp("peer", "list")
    value = h.only_json(one.lcp("peer", "list", "--json"))
    row = [p for p in value["peers"] if p["name"] == two.name][0]
    REPORT.check("Late" in got.out and row["online"] is True and row["pinned"] == "config"
                 and row["fingerprint"] == h.fingerprint(two.key.public) and row["queued"] == 0
                 and "rtt_ms" in row, "peer list: fingerprint, how pinned, online, RTT, queued", row)
    other_port = one.lcp("peer", "add", "OddPort", "127.9.9.8:9999")
    REPORT.check(other_port.code == 0 and "port" in (other_port.out + other_port.err).lower(),
                 "peer add: a port unlike ours is pointed out", other_port)
    got = one.lcp("peer", "remove", "OddPort")
    REPORT.check(got.code == 0 and "OddPort" not in open(conf).read(), "peer remove", got)
    REPORT.check(h.is_error(one.lcp("peer", "remove", "OddPort"), (1,)), "peer remove: not there")
    moved = h.Endpoint(key=late.key)
    got = one.lcp("peer", "set", "Late", "Address=" + moved.ip)
    REPORT.check(got.code == 0 and h.raw_send(moved, one, h.new_message("Late", one.name, "moved"))
                 and not h.raw_send(late, one, h.new_message("Late", one.name, "from the old place")),
                 "peer set Address: counts from now on", got)
    REPORT.check(h.is_error(one.lcp("peer", "set", "Late", "Frobnicate=1"), (1, 2)),
                 "peer set: an unknown key is refused")
    pinning(one)
    one.lcp("peer", "remove", "Late")
    late.close()
    moved.close()


def pinning(one):
    new = h.Endpoint()
    got = one.lcp("peer", "add", "New", new.ip)
    REPORT.check(got.code == 0, "peer add without a key", got)
    REPORT.check(h.raw_send(new, one, h.new_message("New", one.name, "first contact")),
                 "without a key: the first verified message is taken")
    row = [p for p in h.only_json(one.lcp("peer", "list", "--json"))["peers"] if p["name"] == "New"][0]
    REPORT.check(row["pinned"] == "first contact" and row["fingerprint"] == h.fingerprint(new.key.public)
                 and h.fingerprint(new.key.public) in one.log_tail(100000),
                 "and pins its key, with the fingerprint in the log", row)
    other = h.Key()
    REPORT.check(not h.raw_send(new, one, h.new_message("New", one.name, "changed key"), other),
                 "a changed key is refused")
    wrong = one.lcp("peer", "trust", "New", h.fingerprint(other.public), "--json")
    REPORT.check(h.is_error(wrong, (9,), "unconfirmed")
                 and not h.raw_send(new, one, h.new_message("New", one.name, "changed key"), other),
                 "peer trust: without a person it does nothing", wrong)
    wrong = one.lcp("peer", "trust", "--yes", "New", "0" * 32)
    REPORT.check(h.is_error(wrong, (1, 5)), "peer trust: a fingerprint nobody showed is refused", wrong)
    got = one.lcp("peer", "trust", "--yes", "New", h.fingerprint(other.public))
    REPORT.check(got.code == 0 and h.raw_send(new, one, h.new_message("New", one.name, "trusted"), other),
                 "peer trust NAME FINGERPRINT: taken from now on", got)
    REPORT.check(not h.raw_send(new, one, h.new_message("New", one.name, "old key")),
                 "and the former key no longer is")
    texts = [m["message"] for m in one.inbox()]
    REPORT.check("first contact" in texts and "trusted" in texts and "changed key" not in texts
                 and "old key" not in texts, "the inbox holds what was trusted", texts[-5:])
    one.lcp("peer", "remove", "New")
    new.close()


# --- the legacy names -------------------------------------------------------------------------------------


def legacy_names(scratch, binary, one, two):
    folder = scratch.path("bin")
    os.makedirs(folder)
    for name in ("lcp_node", "lcp_send", "lcp_check", "lcp_ack", "lcp_status"):
        os.symlink(binary, os.path.join(folder, name))

    def legacy(home, name, *args, **more):
        return h.run([os.path.join(folder, name)] + list(args), 30, home.env, **more)

    two.lcp("done", "--all")
    got = legacy(one, "lcp_send", "--type", "task", "处理数据X")
    head = got.out[:got.out.rindex("}") + 1] if "}" in got.out else "{}"
    value = json.loads(head)
    rest = got.out[len(head):].strip()
    REPORT.check(got.code == 0 and value.get("ok") is True and "id" in value
                 and head.startswith('{\n  "') and rest and "\n" not in rest,
                 "lcp_send: JSON with indent 2, then one line for a person, exit 0", got)
    got = legacy(one, "lcp_send", "--type", "result", "--reply-to", value.get("id", ""), "完成!")
    REPORT.check(got.code == 0, "lcp_send --reply-to", got)
    got = legacy(two, "lcp_check")
    value = h.only_json(got) or {}
    REPORT.check(got.code == 0 and {"count", "messages", "_source"} <= set(value)
                 and value["count"] == 2 and value["_source"] == "daemon"
                 and value["messages"][0]["message"] == "处理数据X"
                 and value["messages"][1]["replyTo"] == value["messages"][0]["id"],
                 "lcp_check: count, messages, _source daemon", got)
    got = legacy(two, "lcp_check", "--pretty")
    REPORT.check(got.code == 0 and "处理数据X" in got.out and h.only_json(got) is None,
                 "lcp_check --pretty: a short list", got)
    got = legacy(two, "lcp_status")
    value = h.only_json(got) or {}
    REPORT.check(got.code == 0 and all(name in value for name in (
        "peer", "peer_ip", "peer_online", "peer_last_seen", "inbox_count", "uptime")),
        "lcp_status: the legacy members", got)
    got = legacy(two, "lcp_ack")
    REPORT.check(got.code == 0 and '"archived": 2' in got.out.replace("\n", " "), "lcp_ack", got)
    two.stop()
    got = legacy(two, "lcp_check")
    value = h.only_json(got) or {}
    REPORT.check(got.code == 0 and value.get("_source") == "direct",
                 "lcp_check without a daemon: reads the folder, _source direct", got)
    got = legacy(one, "lcp_send", "to a dead peer")
    REPORT.check(got.code == 1 and '"ok": false' in got.out, "lcp_send not acknowledged: exit 1", got)
    REPORT.check(legacy(two, "lcp_send", "x").code == 1, "lcp_send without a daemon: exit 1")
    env = h.clean_environment()
    env.update(two.env)
    two.process = subprocess.Popen([os.path.join(folder, "lcp_node"), "--my-ip", two.address,
                                    "--peer-ip", one.address, "--port", "9528"],
                                   env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
    scratch.processes.append(two.process)
    REPORT.check(two.wait_ready(10), "lcp_node --my-ip --peer-ip --port: the daemon")
    REPORT.check(legacy(two, "lcp_send", "x", "y").code in (0, 1, 2), "lcp_send with two words")


# --- all -----------------------------------------------------------------------------------------------------


def main():
    binary = h.lcp_binary()
    only = h.argument("--only", "").split(",")
    with h.Scratch() as scratch:
        one, two = h.pair(scratch, binary, {"HEARTBEAT_INTERVAL_S": "1", "PEER_TIMEOUT_S": "4"})
        raw = h.Endpoint()
        raw.name = "Raw"
        two.add_peer("Raw", raw.ip, raw.key.public)
        one.start()
        two.start()
        h.wait_until(lambda: one.status()["peer_online"], 5)
        steps = [("help", lambda: help_and_usage(one)), ("init", lambda: init_and_id(scratch, binary)),
                 ("from", lambda: init_from(scratch, binary)), ("send", lambda: sending(one, two)),
                 ("check", lambda: checking(one, two, raw)), ("read", lambda: reading(one, two)),
                 ("done", lambda: finishing(two)), ("status", lambda: status_and_ping(one, two)),
                 ("sent", lambda: outgoing(one, two, raw)),
                 ("legacy", lambda: legacy_names(scratch, binary, one, two)),
                 ("peers", lambda: peers(scratch, binary, one, two))]
        for name, step in steps:
            if only != [""] and name not in only:
                continue
            print("# " + name, flush=True)
            try:
                step()
            except Exception:
                REPORT.check(False, name + " ran to its end", traceback.format_exc())
                for node in (one, two):
                    if not node.alive():
                        node.start()
        return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
