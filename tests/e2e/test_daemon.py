# SPDX-License-Identifier: MIT
"""The daemon as a process, and line by line what bad input gets: signals, a second daemon, an
address that is not up, broken lcp.conf, no daemon, loose key files, a sandbox, a record that
another program wrote to, a full disk, a sync that fails (exit 70)."""

import os
import re
import shutil
import signal
import sqlite3
import sys
import traceback

import harness as h

REPORT = h.Report("test_daemon")
CHECK_MEMBERS = {"count", "messages", "paused", "held", "next", "_source"}


# --- the daemon as a process -------------------------------------------------------------------------


def daemon(scratch, binary):
    home = h.Home(scratch, binary, "Dora").init()
    for how in (signal.SIGTERM, signal.SIGINT):
        home.start()
        code, ms = home.stop(how)
        REPORT.check(code == 0 and ms < 2000, "%s: exit 0 in under 2 s (%.0f ms)" % (how.name, ms),
                     code)
    REPORT.check(not os.path.exists(home.socket), "the socket is gone after a clean end")
    home.start()
    second = home.lcp("node")
    REPORT.check(h.is_error(second, (1,)) and second.ms < 5000 and "uptime" in home.status(),
                 "a second daemon on the home: a sentence, exit 1", second)
    peer = h.Endpoint()
    with open(home.path + "/lcp.conf", "a") as file:
        file.write("\n[Peer]\nName = Hup\nAddress = %s\nPublicKey = %s\n" % (peer.ip, peer.key.public))
    home.process.send_signal(signal.SIGHUP)
    taken = h.wait_until(lambda: [p for p in home.status()["peers"] if p["name"] == "Hup"], 5)
    REPORT.check(taken and h.raw_send(peer, home, h.new_message("Hup", "Dora", "after SIGHUP")),
                 "SIGHUP rereads the peers")
    with open(home.path + "/lcp.conf", "a") as file:
        file.write("nonsense without an equals sign\n")
    home.process.send_signal(signal.SIGHUP)
    told = h.wait_until(lambda: "lcp.conf:" in home.log_tail(), 5)
    REPORT.check(told and home.alive() and h.raw_send(peer, home, h.new_message("Hup", "Dora", "still")),
                 "SIGHUP with a broken lcp.conf: said in the log, the old peers stay",
                 home.log_tail(500))
    home.stop()
    got = home.lcp("node", "--detach", "--json")
    REPORT.check(h.is_error(got, (2,), "config"), "node --detach, broken lcp.conf: exit 2, the object", got)
    text = open(home.path + "/lcp.conf").read().replace("nonsense without an equals sign\n", "")
    with open(home.path + "/lcp.conf", "w") as file:
        file.write(text)
    got = home.lcp("node", "--detach")
    pid = None
    if REPORT.check(got.code == 0, "node --detach: exit 0 when it serves", got):
        status = home.status()
        pid = status.get("pid")
        REPORT.check("ready: " in open(home.path + "/lcp.log").read(),
                     "node --detach: log in HOME/lcp.log, from ready on")
        REPORT.check(h.is_error(home.lcp("node", "--json"), (1,), "running"),
                     "node --json beside a daemon: running")
        shut = h.run(["sh", "-c", '"$0" check >&-', home.binary], env=home.env)
        REPORT.check(shut.code == 1 and shut.err, "a closed stdout: an error", shut)
        os.kill(pid, signal.SIGTERM)
        REPORT.check(h.wait_until(lambda: not os.path.exists("/proc/%d" % pid), 5),
                     "node --detach: SIGTERM ends it")
    peer.close()
    # A stale socket of a killed daemon is no obstacle; a foreign object at its path is kept.
    home.start()
    home.kill()
    REPORT.check(os.path.exists(home.socket), "kill -9 leaves the socket behind")
    home.start()
    REPORT.check("uptime" in home.status(), "and the next start takes it over")
    home.stop()
    with open(home.socket, "w") as file:
        file.write("precious")
    home.start(wait=False)
    h.wait_until(lambda: home.process.poll() is not None, 5)
    REPORT.check(os.path.isfile(home.socket) and open(home.socket).read() == "precious",
                 "a foreign file at the socket's path is never removed", home.log_tail(300))
    home.stop()
    os.unlink(home.socket)
    deep = h.Home(scratch, binary, "Deep", folder=scratch.path("d" * 60, "e" * 60))
    os.makedirs(os.path.dirname(deep.path))
    os.rename(home.path, deep.path)
    got = deep.lcp("node", seconds=10)
    REPORT.check(h.is_error(got, (1, 2)) and "107" in got.err,
                 "node: a path too long for a socket: an error with the limit", got)


def late_address(scratch, binary):
    """The address is not up at start: serves, queues, and binds when it appears."""
    if os.geteuid() != 0 or h.run(["unshare", "-n", "true"]).code != 0:
        REPORT.skip("address not up yet", "needs root and network namespaces")
        return
    home = h.Home(scratch, binary, "Lily", address="192.0.2.55").init()
    other = h.Home(scratch, binary, "Rosa", address="192.0.2.56").init()
    home.add_peer("Rosa", "192.0.2.56", other.key.public)
    other.add_peer("Lily", "192.0.2.55", home.key.public)
    # Without lo a fresh namespace has no routing table, and then any address can be bound.
    home.start(prefix=("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"))
    status = home.status()
    REPORT.check(status["bound"] is False, "address not up: the daemon serves, unbound", status)
    got = home.lcp("send", "--no-wait", "--json", "queued meanwhile")
    REPORT.check(got.code == 0 and h.only_json(got)["accepted"], "address not up: it queues", got)
    inside = ["nsenter", "-t", str(home.process.pid), "-n"]
    h.run(inside + ["ip", "addr", "add", "192.0.2.56/32", "dev", "lo"])
    other.start(prefix=inside)
    added = h.run(inside + ["ip", "addr", "add", "192.0.2.55/32", "dev", "lo"])
    # The daemon looks each second; from then on nothing waits for a heartbeat or a probe.
    REPORT.check(added.code == 0 and h.wait_until(lambda: other.inbox(), 5, 0.1) and home.status()["bound"]
                 and h.wait_until(lambda: all(row["online"] for row in home.status()["peers"]), 2, 0.1),
                 "address not up: bound when it appears, and what was queued goes at once",
                 (added, home.log_tail(500)))
    home.stop()
    other.stop()


# --- bad input ---------------------------------------------------------------------------------------------


def broken_conf(scratch, binary):
    home = h.Home(scratch, binary, "Conf").init()
    conf = home.path + "/lcp.conf"
    good = open(conf).read()
    lines = good.count("\n")
    key = h.Key().public
    peer = "[Peer]\nName = X\nAddress = 127.3.3.3\nPublicKey = %s\n" % key
    rows = [("an unknown key", good + "[Peer]\nFrobnicate = 1\n", lines + 2),
            ("an unknown section", good + "[Party]\nName = x\n", None),
            ("a line without =", good + "nonsense\n", lines + 1),
            ("a bad address", good + "[Peer]\nName = X\nAddress = nonsense\n", lines + 3),
            ("a bad key", good + "[Peer]\nName = X\nAddress = 127.3.3.3\nPublicKey = AAAA\n", lines + 4),
            ("a bad name", good + "[Peer]\nName = a b\nAddress = 127.3.3.3\n", lines + 2),
            ("a peer without address", good + "[Peer]\nName = X\n", None),
            ("a peer without name", good + "[Peer]\nAddress = 127.3.3.3\n", None),
            ("two peers of one name", good + peer + peer.replace("127.3.3.3", "127.3.3.4"), None),
            ("two peers at one address", good + peer + peer.replace("Name = X", "Name = Y"), None),
            ("no name of our own", "[Node]\nAddress = 127.3.3.3\n", None),
            ("an empty file", "", None),
            ("a bad number", good.replace("[Node]", "[Node]\nHeartbeatInterval = soon"), None)]
    for label, text, line in rows:
        with open(conf, "w") as file:
            file.write(text)
        got = home.lcp("node", seconds=5)
        wanted = "lcp.conf:%s" % (line if line else "")
        REPORT.check(h.is_error(got, (1, 2)) and wanted in got.err,
                     "broken lcp.conf: %s: file, line, what was expected" % label, (wanted, got))
    with open(conf, "w") as file:
        file.write(good)
    got = home.lcp("node", env={"LCP_PORT": "70000"}, seconds=5)
    REPORT.check(h.is_error(got, (1, 2)) and "LCP_PORT" in got.err, "a bad environment variable is named",
                 got)
    # A key in lcp.conf that contradicts a pin.
    with open(conf, "w") as file:
        file.write(good + peer)
    home.start()
    home.stop()
    with open(conf, "w") as file:
        file.write(good + peer.replace(key, h.Key().public))
    got = home.lcp("node", seconds=5)
    REPORT.check(h.is_error(got, (1, 2)) and "X" in got.err and "trust" in got.err,
                 "a key in lcp.conf that contradicts a pin is an error at start", got)


def no_daemon(scratch, binary):
    home = h.Home(scratch, binary, "Nora").init()
    peer = h.Endpoint()
    peer.name = "Paul"
    home.add_peer("Paul", peer.ip, peer.key.public)
    home.start()
    h.raw_send(peer, home, h.new_message("Paul", "Nora", "unread mail"))
    home.stop()
    got = home.lcp("check", "--json")
    value = h.only_json(got) or {}
    REPORT.check(got.code == 0 and set(value) == CHECK_MEMBERS and value["_source"] == "direct"
                 and [m["message"] for m in value["messages"]] == ["unread mail"],
                 "no daemon: check reads the store, `_source` direct", got)
    text = home.lcp("check")
    REPORT.check(text.code == 0 and "unread mail" in text.out
                 and "daemon" in (text.out + text.err).lower(), "no daemon: check says so", text)
    for args in (["send", "x"], ["ping", "Paul"], ["status"], ["cancel", "1"], ["done", "1"]):
        got = home.lcp(*args, "--json")
        REPORT.check(h.is_error(got, (3,), "no-daemon") and "lcp node" in got.err,
                     "no daemon: %s: exit 3, says how to start it" % args[0], got)
    home.start()
    archived = home.ask("ACK", ids=[], v=0)
    legacy = h.ipc_once(home.socket, {"cmd": "ACK"})
    REPORT.check(legacy.get("archived") == 0, "reading without a daemon marked nothing",
                 (archived, legacy))
    home.stop()
    peer.close()


def bad_key_file(scratch, binary):
    home = h.Home(scratch, binary, "Kay").init()
    path = home.path + "/keys/identity.pem"
    for mode in (0o644, 0o640, 0o604):
        os.chmod(path, mode)
        got = home.lcp("node", seconds=5)
        REPORT.check(h.is_error(got, (1,)) and "chmod" in got.err and "identity.pem" in got.err,
                     "a key file with mode %o: refused, with the chmod to run" % mode, got)
    os.chmod(path, 0o600)
    with open(path, "ab") as file:
        file.write(b"x")
    got = home.lcp("node", seconds=5)
    REPORT.check(h.is_error(got, (1,)) and "identity.pem" in got.err, "a key file of 33 bytes: refused",
                 got)


def sandboxed(scratch, binary):
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        REPORT.skip("sandboxed", "needs root and setpriv to become another user")
        return
    os.chmod(scratch.root, 0o755)
    public = scratch.path("lcp")
    shutil.copy(binary, public)
    home = h.Home(scratch, binary, "Sandy").init()
    home.start()
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", public]
    for label, mode in (("the home is closed", 0o700), ("only the socket is closed", 0o755)):
        os.chmod(home.path, mode)
        os.chmod(home.path + "/lcp.conf", 0o644)
        for command in (["status"], ["send", "x"]):
            got = h.run(nobody + command + ["--json", "--home", home.path], 10, home.env)
            REPORT.check(h.is_error(got, (1,), "sandboxed"),
                         "%s: %s: `sandboxed`, not `no daemon`" % (label, command[0]), got)
    os.chmod(home.path, 0o700)
    REPORT.check("uptime" in home.status(), "and the owner is served")
    home.stop()
    os.chmod(scratch.root, 0o700)


def full_disk(scratch, binary, label, before_start, fill, empty, env=None):
    """Degraded, nothing acknowledged that is not stored, and service resumes by itself."""
    home = h.Home(scratch, binary, "Full" + label).init()
    peer, target = h.Endpoint(), h.Endpoint()
    peer.name = "Paul"
    home.add_peer("Paul", peer.ip, peer.key.public)
    before_start(home)
    home.start(env=env)
    REPORT.check(h.raw_send(peer, home, h.new_message("Paul", home.name, "before")),
                 "full disk (%s): stored while there is room" % label)
    fill(home)
    acked = []
    for number in range(40):
        text = "full %d " % number + "x" * 30000
        seq = peer.next_seq()
        payload = h.encode(peer.key.sign(h.new_message("Paul", home.name, text)))
        peer.send(home.address, h.packet(h.DATA, seq, payload))
        _, found = peer.recv_until(lambda kind, got, _: kind == h.ACK and got == seq, 0.3)
        if found:
            acked.append(text)
        elif number > 5:
            break
    status = home.status()
    REPORT.check(len(acked) < 40 and status["degraded"], "full disk (%s): no ACK, STATUS `degraded`"
                 % label, (len(acked), status["degraded"]))
    got = home.lcp("send", "--to", "Paul", "--no-wait", "--json", "-", stdin="y" * 30000)
    REPORT.check(h.is_error(got, (1, 4), "storage-full"), "full disk (%s): send is refused, not accepted"
                 % label, got)
    got = home.lcp("check")
    REPORT.check(home.alive() and got.code == 0 and "before" in got.out,
                 "full disk (%s): reading works" % label, got)
    empty(home)
    made = h.new_message("Paul", home.name, "after")
    resumed = h.wait_until(lambda: h.raw_send(peer, home, made), 30, 0.1)
    REPORT.check(resumed and h.wait_until(lambda: not home.status()["degraded"], 10, 0.1),
                 "full disk (%s): service resumes without a restart" % label, home.log_tail(800))
    texts = [m["message"] for m in home.inbox()]
    REPORT.check(all(text in texts for text in acked + ["before", "after"])
                 and len(texts) == len(set(texts)),
                 "full disk (%s): all that was acknowledged is there (%d)" % (label, len(acked) + 2),
                 [text[:10] for text in texts])
    home.stop()
    peer.close()
    target.close()


def full_disks(scratch, binary, shim):
    def mount(home):
        data = home.path + "/data"
        os.makedirs(data, exist_ok=True)
        made = h.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", data])
        if made.code != 0:
            raise PermissionError(made.err)
        scratch.mounts.append(data)

    def fill(home):
        with open(home.path + "/data/ballast", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def empty(home):
        os.unlink(home.path + "/data/ballast")

    if os.geteuid() == 0:
        try:
            full_disk(scratch, binary, "T", mount, fill, empty)
        except PermissionError as error:
            REPORT.skip("full disk on a mount", "mount is not permitted here: %s" % error)
    else:
        REPORT.skip("full disk on a mount", "needs root")
    if not os.path.exists(shim):
        REPORT.skip("full disk by injection", "no killpoint.so")
        return
    strike = scratch.path("strike")
    env = {"LD_PRELOAD": shim, "LCP_KILL_AT": "no-space:0", "LCP_KILL_LOG": strike,
           "ASAN_OPTIONS": "verify_asan_link_order=0"}
    full_disk(scratch, binary, "I", lambda home: None, lambda home: open(strike, "w").close(),
              lambda home: os.unlink(strike), env)
    # A sync that fails is another thing: what was promised is unknown, the process ends with 70.
    home = h.Home(scratch, binary, "Sync").init()
    peer = h.Endpoint()
    home.add_peer("Paul", peer.ip, peer.key.public)
    home.start(env=dict(env, LCP_KILL_AT="bad-sync:0"))
    open(strike, "w").close()
    acked = h.raw_send(peer, home, h.new_message("Paul", "Sync", "unsynced"))
    h.wait_until(lambda: not home.alive(), 5)
    REPORT.check(not acked and home.process.poll() == 70,
                 "a failed sync: no ACK, exit 70", (acked, home.process.poll(), home.log_tail(500)))
    os.unlink(strike)
    home.start()
    REPORT.check(h.raw_send(peer, home, h.new_message("Paul", "Sync", "next life")),
                 "and the next start serves")
    home.stop()
    peer.close()


# --- a record that others have written to ------------------------------------------------------------


def by_another_sqlite(home, *statements):
    """As the sqlite3 tool does it: what lies in the log goes into the database without our seals."""
    record = sqlite3.connect(home.path + "/data/lcp.db")
    for statement in statements:
        record.execute(statement)
    record.commit()
    record.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    record.close()


def seals(scratch, binary):
    home = h.Home(scratch, binary, "Sealed").init()
    peer = h.Endpoint()
    home.add_peer("Paul", peer.ip, peer.key.public)
    home.start()
    texts = ["sealed %d" % i for i in range(20)]
    for text in texts:
        h.raw_send(peer, home, h.new_message("Paul", "Sealed", text))
    home.kill()
    by_another_sqlite(home)
    refused = home.lcp("node", "--json")
    REPORT.check(h.is_error(refused, (1,)) and "lcp node --reseal" in refused.err,
                 "another program wrote to the record: exit 1, and what to do", refused)
    told = home.lcp("check", "--json")
    REPORT.check(h.is_error(told, (1,), "storage-damaged") and "--reseal" in told.err + told.out,
                 "without a daemon: the same", told)
    home.start(args=("--reseal",))
    got = [message["message"] for message in home.inbox()]
    REPORT.equal(sorted(got), sorted(texts), "--reseal: all is there")
    REPORT.check("sealed anew: 20 messages" in home.log_tail(), "--reseal: said in the log", home.log_tail())
    audit = home.lcp("log", "--audit", "--json").json()["audit"]
    REPORT.check(audit and audit[0]["what"] == "reseal" and "20 messages" in audit[0]["detail"]
                 and "uid %d" % os.getuid() in audit[0]["who"], "--reseal: in the audit record", audit)
    home.stop()
    home.start()
    REPORT.check(h.raw_send(peer, home, h.new_message("Paul", "Sealed", "later")),
                 "the next start asks for nothing")
    home.stop()
    # A text that is not what was signed must not get a seal.
    by_another_sqlite(home, "UPDATE message SET raw = CAST(replace(CAST(raw AS TEXT), 'sealed 7', 'forged 7')"
                      " AS BLOB)")
    refused = home.lcp("node", "--reseal", "--json")
    REPORT.check(h.is_error(refused, (1,)) and "not sound" in refused.err and "#8" in refused.err
                 and "copy" in refused.err, "--reseal of what was forged: exit 1, which, what to do", refused)
    # A start reads few pages: the others are noticed when they are needed.
    home.start()
    told = home.lcp("check", "--json")
    REPORT.check(h.is_error(told, (1,), "storage-damaged") and "forged" not in told.out + told.err,
                 "and nothing was sealed: it is noticed where it is read", told)
    REPORT.check(h.wait_until(lambda: "lcp node --reseal" in home.log_tail(), 5), "and said in the log",
                 home.log_tail())
    home.stop()
    peer.close()


# --- all -----------------------------------------------------------------------------------------


def main():
    binary = h.lcp_binary()
    shim = os.path.abspath(h.argument("--killpoint", "LCP_KILLPOINT"))
    only = h.argument("--only", "").split(",")
    with h.Scratch() as scratch:
        steps = [("daemon", lambda: daemon(scratch, binary)),
                 ("late", lambda: late_address(scratch, binary)),
                 ("conf", lambda: broken_conf(scratch, binary)),
                 ("nodaemon", lambda: no_daemon(scratch, binary)),
                 ("key", lambda: bad_key_file(scratch, binary)),
                 ("sandboxed", lambda: sandboxed(scratch, binary)),
                 ("seals", lambda: seals(scratch, binary)),
                 ("disk", lambda: full_disks(scratch, binary, shim))]
        for name, step in steps:
            if only != [""] and name not in only:
                continue
            print("# " + name, flush=True)
            try:
                step()
            except Exception:
                REPORT.check(False, name + " ran to its end", traceback.format_exc())
        return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
