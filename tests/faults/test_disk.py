# SPDX-License-Identifier: MIT
"""A file system of 16 MiB that fills while mail flows, and empties again; one that refuses to be
written while the daemon runs, and takes writes again; one that an error made read-only for good;
one that is read-only at the start. Nothing that was acknowledged or accepted is lost, nobody is
told what is not so, service resumes by itself when it can, and else a sentence says what to do.

Needs root, for a mount namespace of its own."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

import common as c
import harness as h

REPORT = h.Report("test_disk")
CYCLES = c.number("--cycles", 2, 40)
DISK_MIB = 16
ENV = {"HEARTBEAT_INTERVAL_S": "1", "PEER_TIMEOUT_S": "5", "RETRY_BASE_MS": "100"}


def own_namespace():
    """Runs this script again where its mounts are nobody else's and end with it."""
    if os.geteuid() != 0:
        h.skip_all("root: only root can mount the small disk")
    if os.environ.get("LCP_TEST_NAMESPACE") == "1":
        return
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        print("SKIP mount: this system gives no mount namespace")
        sys.exit(h.SKIP)
    os.environ["LCP_TEST_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable] + sys.argv)


class Disk:
    """A small file system: ext4 in a file where there are loop devices, else tmpfs."""

    def __init__(self, scratch, name):
        self.path, self.image = scratch.path(name), scratch.path(name + ".img")
        self.scratch, self.ballast = scratch, os.path.join(self.path, "ballast")
        os.mkdir(self.path)
        self.kind = "ext4"
        with open(self.image, "wb") as file:
            file.truncate(DISK_MIB << 20)
        made = subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", self.image], capture_output=True) \
            if shutil.which("mkfs.ext4") or os.path.exists("/sbin/mkfs.ext4") else None
        if made is None or made.returncode != 0 or not self.mount():
            self.kind = "tmpfs"
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % DISK_MIB, "tmpfs",
                                   self.path], capture_output=True)
            if done.returncode != 0:
                print("SKIP mount: no mount is permitted here: %r" % done.stderr)
                sys.exit(h.SKIP)
        scratch.mounts.append(self.path)

    def mount(self, *options):
        words = ",".join(("loop", "errors=remount-ro") + options)
        return subprocess.run(["mount", "-o", words, self.image, self.path],
                              capture_output=True).returncode == 0

    def umount(self):
        return subprocess.run(["umount", self.path], capture_output=True).returncode == 0

    def remount(self, how):
        return subprocess.run(["mount", "-o", "remount," + how, self.path],
                              capture_output=True).returncode == 0

    def fill(self, leave=0):
        """Takes all room but so many bytes."""
        with open(self.ballast, "ab", buffering=0) as file:
            for size in (65536, 4096, 512):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass
            if leave:
                file.truncate(max(0, os.fstat(file.fileno()).st_size - leave))

    def empty(self):
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)


class Sender(threading.Thread):
    """Sends without waiting; keeps what was accepted and what was refused."""

    def __init__(self, node, to, size, pause_s):
        super().__init__(daemon=True)
        self.node, self.to, self.size, self.pause_s = node, to, size, pause_s
        self.over = threading.Event()
        self.accepted, self.refused, self.wrong = {}, {}, []
        self.number = 0
        self.calm = threading.Event()  # set: no new mail for now

    def run(self):
        lines = None
        while not self.over.is_set():
            if self.calm.is_set():
                time.sleep(0.02)
                continue
            self.number += 1
            text = "%s %d " % (self.node.name, self.number) + "x" * (self.size if self.number % 4 else 0)
            try:
                if lines is None:
                    lines = h.IpcLines(self.node.socket, 12)
                reply = lines.ask({"cmd": "SEND", "v": 1, "to": self.to, "wait": False,
                                   "payload": {"type": "chat", "message": text}})
            except (OSError, h.IpcClosed, ValueError):
                lines = None
                time.sleep(0.05)
                continue
            if reply.get("accepted"):
                self.accepted[reply["id"]] = text
            elif reply.get("error", {}).get("code") in ("storage-full", "storage", "busy", "stopping"):
                self.refused[text] = reply["error"]
            else:
                self.wrong.append(reply)
            time.sleep(self.pause_s)

    def end(self):
        self.over.set()
        self.join(20)


def homes_on(scratch, binary, disk, name):
    """One whose home is on the small disk, one beside it whose home is not."""
    small = h.Home(scratch, binary, "Small" + name, env=ENV, folder=os.path.join(disk.path, "home")).init()
    large = h.Home(scratch, binary, "Large" + name, env=ENV).init()
    small.add_peer(large.name, large.address, large.key.public)
    large.add_peer(small.name, small.address, small.key.public)
    return small, large


def judge(label, small, large, into, out, archived):
    """At the end, with room: all that was accepted is there once, and nothing that was refused."""
    def drained():
        return all(node.status()["queued"] == 0 for node in (small, large))
    REPORT.check(h.wait_until(drained, 60, 0.05), "%s: what was queued goes out by itself" % label,
                 [node.status()["queued"] for node in (small, large)])
    for sender, there in ((into, small), (out, large)):
        mail = there.inbox(60)
        ids, texts = [m["id"] for m in mail], {m["message"] for m in mail}
        ids += list(archived.get(there.name, {}))
        texts |= set(archived.get(there.name, {}).values())
        have = dict(archived.get(there.name, {}))
        have.update({m["id"]: m["message"] for m in mail})
        lost = [i for i, text in sender.accepted.items() if have.get(i) != text]
        sent = c.all_sent(sender.node)
        unknown = [i for i in sender.accepted if not c.has_it(sent.get(i))]
        REPORT.check(len(ids) == len(set(ids)) == len(texts) and not lost and not unknown
                     and not sender.wrong and not texts & set(sender.refused),
                     "%s: %s has each of %d accepted messages once, none of %d refused" % (
                         label, there.name, len(sender.accepted), len(sender.refused)),
                     (len(ids), len(set(ids)), len(texts), lost[:3], unknown[:3], sender.wrong[:3],
                      [t[:20] for t in list(texts & set(sender.refused))[:3]]))
        forged = [m["id"] for m in mail if not h.signature_is_valid(c.without_ours(m))]
        REPORT.check(not forged, "%s: every message of %s verifies" % (label, there.name), forged[:3])


def told_is_true(label, small, large, archived):
    """Whatever the other side was told to be delivered is in this record, now."""
    claims = {i for i, state in c.all_sent(large).items() if c.has_it(state)}
    have = {m["id"] for m in small.inbox(60)} | set(archived.get(small.name, {}))
    REPORT.check(claims <= have, "%s: all %d that it acknowledged are in its record" % (label, len(claims)),
                 sorted(claims - have)[:5])
    return len(claims)


def take_away(node, archived):
    """Archives all and frees its room, as an agent does with a full disk."""
    mail = node.inbox(60)
    reply = node.ask("ACK", all=True, v=1)
    if "archived" in reply:
        archived.setdefault(node.name, {}).update({m["id"]: m["message"] for m in mail})
    return node.ask("PURGE", 30, older_than=0, v=1)


def filling(scratch, binary):
    disk = Disk(scratch, "fill")
    REPORT.note("%d MiB of %s, %d cycles" % (DISK_MIB, disk.kind, CYCLES))
    small, large = homes_on(scratch, binary, disk, "F")
    small.start()
    large.start()
    into, out = Sender(large, small.name, 6000, 0.02), Sender(small, large.name, 6000, 0.02)
    into.start()
    out.start()
    archived = {}
    for cycle in range(CYCLES):
        label = "full disk %d" % (cycle + 1)
        for sender in (into, out):
            sender.calm.clear()
        seen = len(into.accepted) + len(out.accepted)
        h.wait_until(lambda: len(into.accepted) + len(out.accepted) > seen + 40, 20, 0.02)
        # Somebody else takes all there is, but 1 MiB for the mail to fill, or nothing, or a little.
        disk.fill(leave=(1 << 20, 0, 256 << 10)[cycle % 3])
        full = h.wait_until(lambda: small.status()["degraded"], 60, 0.02)
        refused = len(out.refused)
        REPORT.check(full and h.wait_until(lambda: len(out.refused) > refused, 10, 0.02),
                     "%s: STATUS says degraded, SEND is refused" % label, (full, small.log_tail(400)))
        into.over.wait(0.7)  # mail keeps hitting the full disk
        for sender in (into, out):
            sender.calm.set()
        REPORT.check(small.alive() and "storage: the disk is full" in small.log_tail(3000),
                     "%s: it runs, and its log says why" % label, small.log_tail(300))
        told_is_true(label, small, large, archived)
        got = small.lcp("check", "--json")
        REPORT.check(got.code == 0 and h.only_json(got), "%s: reading works" % label, got)
        disk.empty()
        began = time.monotonic()  # a 1.2 node has told the other to come again in 30 s
        resumed = h.wait_until(lambda: not small.status()["degraded"] and large.status()["queued"] == 0,
                               75, 0.05)
        if not REPORT.check(resumed, "%s: with room again it resumes by itself (%.1f s)" % (
                label, time.monotonic() - began), small.log_tail(500)):
            break
        for node in (small, large):
            take_away(node, archived)
    for sender in (into, out):
        sender.end()
    judge("full disk", small, large, into, out, archived)
    if disk.kind == "ext4":
        ends_full(small, disk)
    for node in (small, large):
        if node.alive():
            REPORT.check(node.stop()[0] == 0, "%s stops cleanly" % node.name, node.log_tail(400))
    REPORT.equal(c.integrity(small.path), "ok", "full disk: the database is whole")


def ends_full(small, disk):
    """Stopped and started with no byte free."""
    before = {m["id"] for m in small.inbox()}
    disk.fill()
    code, _ = small.stop()
    REPORT.check(code == 0, "full disk: it stops cleanly", (code, small.log_tail(400)))
    small.start(wait=False)
    ready = small.wait_ready(10)
    if ready:
        REPORT.check({m["id"] for m in small.inbox()} == before, "full disk: it starts, and reads")
    else:
        REPORT.check(small.process.wait(5) == 1 and "make room" in small.log_tail(400),
                     "full disk: it does not start, and says what to do", small.log_tail(400))
    disk.empty()
    if not ready:
        small.start()
    REPORT.check({m["id"] for m in small.inbox()} == before, "full disk: with room all is there")


# --- read-only ------------------------------------------------------------------------------


def refusing(scratch, binary, shim):
    """The file system says EROFS to every write for a while, as after `mount -o remount,ro,force`."""
    small, large = [h.Home(scratch, binary, name, env=ENV).init() for name in ("SmallR", "LargeR")]
    small.add_peer(large.name, large.address, large.key.public)
    large.add_peer(small.name, small.address, small.key.public)
    strike = scratch.path("read-only")
    at = ",".join(call + ":0" for call in ("pwrite:*", "write:mirror", "write:seen", "rename:*", "unlink:*",
                                            "ftruncate:*", "link:*"))
    small.start(env=c.shim_env(shim, scratch.path("struck"), at, "EROFS", strike))
    large.start()
    into, out = Sender(large, small.name, 3000, 0.004), Sender(small, large.name, 3000, 0.004)
    into.start()
    out.start()
    for turn in range(CYCLES):
        label = "read-only %d" % (turn + 1)
        count = len(into.accepted)
        h.wait_until(lambda: len(into.accepted) > count + 30, 10, 0.02)
        refused = len(out.refused)
        open(strike, "w").close()
        REPORT.check(h.wait_until(lambda: small.status()["degraded"] and len(out.refused) > refused + 5, 10,
                                  0.02), "%s: degraded, SEND is refused" % label, small.log_tail(400))
        told_is_true(label, small, large, {})
        os.unlink(strike)
        took = time.monotonic()
        REPORT.check(h.wait_until(lambda: not small.status()["degraded"], 30, 0.02),
                     "%s: written again, it resumes by itself (%.1f s)" % (label, time.monotonic() - took),
                     small.log_tail(500))
    for sender in (into, out):
        sender.end()
    judge("read-only", small, large, into, out, {})
    for node in (small, large):
        REPORT.check(node.stop()[0] == 0, "%s stops cleanly" % node.name, node.log_tail(400))
    REPORT.equal(c.integrity(small.path), "ok", "read-only: the database is whole")


def errors_turn_it_read_only(scratch, binary):
    """ext4 meets an error of its own while mail flows: then no write and no sync succeeds any more."""
    disk = Disk(scratch, "error")
    if disk.kind != "ext4":
        REPORT.note("no loop device here: the file system that fails is not tried")
        return
    device = subprocess.run(["findmnt", "-no", "SOURCE", disk.path], capture_output=True,
                            text=True).stdout.strip()
    trigger = "/sys/fs/ext4/%s/trigger_fs_error" % os.path.basename(device)
    if not os.path.exists(trigger):
        REPORT.note("no %s: the file system that fails is not tried" % trigger)
        return
    small, large = homes_on(scratch, binary, disk, "E")
    small.start()
    large.start()
    into = Sender(large, small.name, 3000, 0.004)
    into.start()
    h.wait_until(lambda: len(into.accepted) > 40, 10, 0.02)
    with open(trigger, "w") as file:
        file.write("1")
    def is_over():
        try:
            return not small.alive() or small.status()["degraded"]
        except (OSError, h.IpcClosed):
            return False  # it ends just now
    h.wait_until(is_over, 20, 0.05)
    if small.alive():
        REPORT.check(small.status()["degraded"], "a failing file system: degraded", small.log_tail(400))
        told_is_true("a failing file system", small, large, {})
        small.stop()
    else:
        REPORT.check(small.process.returncode == 70 and "lost" in small.log_tail(400),
                     "a failing file system: its sync fails, the daemon ends with 70",
                     (small.process.returncode, small.log_tail(400)))
    again_there = small.lcp("node", seconds=10)
    REPORT.check(again_there.code in (1, 70) and ("read-only" in again_there.err or "disk" in again_there.err),
                 "a failing file system: a start says what to do", again_there)
    into.end()
    claims = {i for i, state in c.all_sent(large).items() if c.has_it(state)}
    mounted = disk.umount() and subprocess.run(["e2fsck", "-fy", disk.image], capture_output=True,
                                               ).returncode in (0, 1) and disk.mount()
    if not REPORT.check(mounted, "a failing file system: checked and mounted again"):
        return
    small.start()
    have = {m["id"] for m in small.inbox()}
    REPORT.check(claims <= have and claims, "a failing file system: all %d acknowledged messages are there"
                 % len(claims), sorted(claims - have)[:5])
    judge("a failing file system", small, large, into, Sender(small, large.name, 0, 0), {})
    for node in (small, large):
        REPORT.check(node.stop()[0] == 0, "%s stops cleanly" % node.name, node.log_tail(400))


def read_only_at_start(scratch, binary):
    disk = Disk(scratch, "start")
    small, large = homes_on(scratch, binary, disk, "S")
    small.start()
    large.start()
    made = large.send("before", to=small.name, wait=True)
    for how in ("TERM", "KILL"):
        if how == "TERM":
            small.stop()
        else:
            small.start()
            small.stop(signal.SIGKILL)
        if not REPORT.check(disk.remount("ro"), "read-only at the start, after %s: remounted" % how):
            return
        got = small.lcp("node", seconds=10)
        REPORT.check(got.code == 1 and "read-only" in got.err, "read-only at the start, after %s: a sentence"
                     % how, got)
        # SQLite tries for ten seconds when it may not rebuild the log's index.
        read = small.lcp("check", "--json", seconds=30)
        ids = [m["id"] for m in (h.only_json(read) or {}).get("messages", [])]
        REPORT.check((read.code == 0 and ids == [made["id"]]) or h.is_error(read, (1,)),
                     "read-only at the start, after %s: check reads it or says why not (exit %s)" % (
                         how, read.code), read)
        REPORT.check(disk.remount("rw"), "read-only at the start, after %s: and back" % how)
    small.start()
    REPORT.check([m["id"] for m in small.inbox()] == [made["id"]], "read-only at the start: all is there")
    for node in (small, large):
        REPORT.check(node.stop()[0] == 0, "%s stops cleanly" % node.name, node.log_tail(400))


def main():
    binary, shim = h.lcp_binary(), c.shim()
    own_namespace()
    only = h.argument("--only", "")
    with h.Scratch() as scratch:
        for name, step in (("fill", lambda: filling(scratch, binary)),
                           ("refuse", lambda: refusing(scratch, binary, shim)),
                           ("error", lambda: errors_turn_it_read_only(scratch, binary)),
                           ("start", lambda: read_only_at_start(scratch, binary))):
            if only and name != only:
                continue
            print("# " + name, flush=True)
            try:
                step()
            except Exception:
                REPORT.check(False, name + " ran to its end", traceback.format_exc())
        return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
