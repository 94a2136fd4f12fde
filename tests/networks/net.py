# SPDX-License-Identifier: MIT
"""Two nodes, each in a network namespace of its own, and between them a third one with a relay:

    AgentA 10.77.1.1 -- 10.77.1.254 relay 10.77.2.254 -- 10.77.2.1 AgentB

Loss is made by the kernel's filter where packets enter the middle, bandwidth by its token bucket
where they leave, everything else by the relay. Nothing of it is seen outside these namespaces, and
all of it is gone at the end."""

import datetime
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness as h  # noqa: E402
import measure as m  # noqa: E402

A, B = "10.77.1.1", "10.77.2.1"
LEFT, RIGHT = "10.77.1.254", "10.77.2.254"


def run(*argv):
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(map(str, argv)), done.stdout.strip()))


def why_not():
    """Why this machine cannot do it, in a sentence, or None."""
    if os.geteuid() != 0:
        return "network namespaces are root's to make"
    for tool in ("ip", "iptables", "tc"):
        if shutil.which(tool) is None:
            return "no `%s` on this machine" % tool
    name = "lcpn%d" % os.getpid()
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "exec", name, "iptables", "-A", "INPUT", "-p", "udp", "-m", "statistic",
            "--mode", "random", "--probability", "0.5", "-j", "DROP")
        run("ip", "-n", name, "link", "add", "x", "type", "veth", "peer", "name", "y")
    except RuntimeError as error:
        return "no network namespaces here: %s" % error
    finally:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
    return None


class Net:
    """The three namespaces and the relay."""

    def __init__(self, scratch, tools, serial, seed):
        base = "lcpn%d-%d" % (os.getpid(), serial)
        self.a, self.b, self.middle = base + "a", base + "b", base + "m"
        self.made = []
        try:
            for name in (self.a, self.b, self.middle):
                run("ip", "netns", "add", name)
                self.made.append(name)
                run("ip", "-n", name, "link", "set", "lo", "up")
            for end, here, far, near in ((self.a, A, LEFT, "left"), (self.b, B, RIGHT, "right")):
                run("ip", "-n", self.middle, "link", "add", near, "type", "veth",
                    "peer", "name", "up0", "netns", end)
                run("ip", "-n", self.middle, "address", "add", far + "/24", "dev", near)
                run("ip", "-n", end, "address", "add", here + "/24", "dev", "up0")
                run("ip", "-n", self.middle, "link", "set", near, "up")
                run("ip", "-n", end, "link", "set", "up0", "up")
            self.relay = m.Tool(scratch, ["ip", "netns", "exec", self.middle,
                                          os.path.join(tools, "networks_relay"), seed,
                                          LEFT, A, RIGHT, B])
        except BaseException:
            self.remove()
            raise

    def set(self, **rows):
        """Returns what has gone through so far."""
        said = {}
        for key, value in rows.items():
            said = self.relay.ask("set %s %d" % (key, value))
            if not said["ok"]:
                raise RuntimeError("relay does not know %s = %s" % (key, value))
        return said

    def lose(self, share):
        """Each way, by the kernel."""
        run("ip", "netns", "exec", self.middle, "iptables", "-A", "INPUT", "-p", "udp", "-m",
            "statistic", "--mode", "random", "--probability", share, "-j", "DROP")

    def narrow(self, kbit):
        """Each way: a token bucket with a queue of 200 ms."""
        for side in ("left", "right"):
            run("tc", "-n", self.middle, "qdisc", "add", "dev", side, "root", "tbf", "rate",
                "%dkbit" % kbit, "burst", "4kb", "latency", "200ms")

    def heal(self):
        run("ip", "netns", "exec", self.middle, "iptables", "-F")
        for side in ("left", "right"):
            subprocess.run(["tc", "-n", self.middle, "qdisc", "del", "dev", side, "root"],
                           stderr=subprocess.DEVNULL)
        return self.set(drop_left=0, drop_right=0, corrupt=0, truncate=0, copies=0, delay_ms=0, jitter_ms=0)

    def remove(self):
        """After the processes in it have ended."""
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


class Node(h.Home):
    def __init__(self, scratch, binary, folder, name, address, space, lines=()):
        super().__init__(scratch, binary, name, address, folder=scratch.path(folder, name))
        os.makedirs(scratch.path(folder), exist_ok=True)
        self.space = space
        self.init()
        if lines:
            path = os.path.join(self.path, "lcp.conf")
            with open(path) as file:
                text = file.read()
            with open(path, "w") as file:
                file.write(text.replace("[Node]\n", "[Node]\n" + "".join(
                    line + "\n" for line in lines), 1))

    def begin(self, wait=True):
        return self.start(prefix=("ip", "netns", "exec", self.space), wait=wait)


class Sender(threading.Thread):
    """Sends `count` messages to the other node, one each `gap_s`, never waiting for their delivery,
    until each is accepted. A repeated try carries the same id, so nothing is sent twice."""

    def __init__(self, node, to, count, gap_s):
        super().__init__(daemon=True)
        self.node, self.to, self.count, self.gap_s = node, to, count, gap_s
        self.accepted = {}  # id -> wall time of its first try
        self.wrong = []

    def run(self):
        begin = time.monotonic()
        for at in range(self.count):
            time.sleep(max(0.0, begin + at * self.gap_s - time.monotonic()))
            id_, first = str(uuid.uuid4()), time.time()
            while id_ not in self.accepted and not self.wrong:
                try:
                    reply = self.node.ask("SEND", 5, v=1, to=self.to, id=id_, wait=False,
                                          payload={"type": "chat", "message": "number %d" % at})
                    if reply.get("accepted") is True:
                        self.accepted[id_] = first
                    elif reply.get("error", {}).get("code") not in ("stopping", "busy"):
                        self.wrong.append(reply)
                except (OSError, h.IpcClosed, ValueError):
                    time.sleep(0.02)


def received_at(message):
    """Wall time of `_received`."""
    return datetime.datetime.fromisoformat(
        message["_received"].replace("Z", "+00:00")).timestamp()


class Pair:
    """AgentA and AgentB with their bad network."""

    def __init__(self, scratch, binary, tools, serial, label, seed, lines=()):
        self.label = label
        self.net = Net(scratch, tools, serial, seed)
        self.nodes = []
        try:
            folder = "pair%d" % serial
            self.nodes = [Node(scratch, binary, folder, "AgentA", A, self.net.a, lines),
                          Node(scratch, binary, folder, "AgentB", B, self.net.b, lines)]
            self.nodes[0].add_peer("AgentB", LEFT, self.nodes[1].key.public)
            self.nodes[1].add_peer("AgentA", RIGHT, self.nodes[0].key.public)
            self.senders = []
            self.problems = []
        except BaseException:
            self.net.remove()
            raise

    def begin(self):
        for node in self.nodes:
            node.begin()

    def send(self, count, gap_s):
        """Both ways at once, in the background."""
        batch = [Sender(self.nodes[i], self.nodes[1 - i].name, count, gap_s) for i in (0, 1)]
        self.senders += batch
        for sender in batch:
            sender.start()
        return batch

    def sent(self, seconds):
        """Waits until all is accepted."""
        deadline = time.monotonic() + seconds
        for sender in self.senders:
            sender.join(max(0.0, deadline - time.monotonic()))
            if sender.is_alive() or sender.wrong:
                self.problems.append("not all was accepted: %r" % sender.wrong[:2])

    def missing(self):
        """How many accepted messages their receivers do not have yet."""
        count = 0
        for node, other in ((self.nodes[0], self.nodes[1]), (self.nodes[1], self.nodes[0])):
            ids = {id_ for sender in self.senders if sender.node is node for id_ in sender.accepted}
            try:
                count += len(ids) - min(len(ids), other.status()["inbox_count"])
            except (OSError, h.IpcClosed, ValueError):
                count += 1
        return count

    def unsettled(self):
        """How many messages their senders do not know to be with the receiver."""
        try:
            return sum(node.status()["queued"] for node in self.nodes)
        except (OSError, h.IpcClosed, ValueError):
            return 1

    def finish(self, seconds):
        """Waits until everything is there and both sides know it. The seconds it took, or None."""
        begin = time.monotonic()
        if h.wait_until(lambda: self.missing() == 0 and self.unsettled() == 0, seconds, 0.05):
            return time.monotonic() - begin
        self.problems.append("after %d s: %d missing, %d not settled"
                             % (seconds, self.missing(), self.unsettled()))
        return None

    def audit(self):
        """Exactly once, both ways, and every sender's word for it. Adds to problems; returns the
        latencies in seconds."""
        latencies = []
        for node, other in ((self.nodes[0], self.nodes[1]), (self.nodes[1], self.nodes[0])):
            wanted = {}
            for sender in self.senders:
                if sender.node is node:
                    wanted.update(sender.accepted)
            got = [message for message in other.inbox()]
            ids = [message["id"] for message in got]
            if sorted(ids) != sorted(wanted):
                self.problems.append("%s has %d messages (%d different), %d were sent" % (
                    other.name, len(ids), len(set(ids)), len(wanted)))
            states, after = {}, None
            while True:
                page = node.ask("SENT", v=1, **({"after": after} if after else {}))
                states.update((row["id"], row) for row in page["messages"])
                after = page["next"]
                if not after:
                    break
            false = [states.get(id_) for id_ in wanted if not m.receiver_has(states.get(id_))]
            if false:
                self.problems.append("%s does not know of %d: %r" % (node.name, len(false), false[0]))
            latencies += [received_at(message) - wanted[message["id"]] for message in got
                          if message["id"] in wanted]
        return latencies

    def end(self):
        for node in self.nodes:
            if node.alive():
                node.stop(seconds=5)
        self.net.relay.end()
        self.net.remove()
