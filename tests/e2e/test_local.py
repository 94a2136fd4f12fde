# SPDX-License-Identifier: MIT
"""What another user of the same machine can do: squat the sockets' paths, plant links there,
connect, loosen files, take the port, lend a home. Each is refused with a clear sentence, or
worked around with one; nothing of theirs is ever removed, followed or believed.

The victim is one user id, the attacker another; both are made by setpriv, which takes root."""

import os
import shutil
import socket
import stat
import subprocess
import sys

import harness as h

REPORT = h.Report("local")
VICTIM, ATTACKER = 64101, 64102


def as_user(uid):
    return ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups"]


# The attacker's program: does one thing, says "ready", answers what it heard when told to end.
ATTACK = r"""
import os, socket, sys
what, path = sys.argv[1], sys.argv[2]
heard = b""
if what == "listen":
    s = socket.socket(socket.AF_UNIX); s.bind(path); os.chmod(path, 0o777); s.listen(8); s.settimeout(0.05)
elif what == "udp":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((path, int(sys.argv[3])))
elif what == "connect":
    s = socket.socket(socket.AF_UNIX); s.settimeout(5)
    try:
        s.connect(path); s.sendall(b'{"v":1,"cmd":"STATUS"}\n'); print("got", s.recv(65536)); sys.exit(0)
    except OSError as error:
        print("failed", error.strerror); sys.exit(0)
elif what == "steal":
    for option in (None, "SO_REUSEADDR", "SO_REUSEPORT"):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if option: s.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        try:
            s.bind((path, int(sys.argv[3]))); print("bound with", option); sys.exit(0)
        except OSError: pass
    print("failed"); sys.exit(0)
print("ready", flush=True)
import select, threading
while True:
    wait = [sys.stdin] + ([s] if what == "listen" else [])
    for one in select.select(wait, [], [])[0]:
        if one is sys.stdin:
            print("heard", len(heard), flush=True); sys.exit(0)
        c, _ = s.accept(); c.settimeout(0.5)
        try: heard += c.recv(65536)
        except OSError: pass
        c.close()
"""


class Attacker:
    def __init__(self, scratch, *args):
        self.process = subprocess.Popen(as_user(ATTACKER) + [sys.executable, "-c", ATTACK, *args],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        scratch.processes.append(self.process)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError("the attacker's program did not get ready")

    def end(self):
        """How many bytes it heard."""
        out, _ = self.process.communicate("end\n", timeout=20)
        return int(out.split()[-1])


def attack_once(*args):
    return subprocess.run(as_user(ATTACKER) + [sys.executable, "-c", ATTACK, *args], text=True,
                          stdout=subprocess.PIPE, timeout=20, check=False).stdout.strip()


def chown_tree(path, uid):
    for folder, names, files in os.walk(path):
        for name in [folder] + [os.path.join(folder, n) for n in names + files]:
            os.chown(name, uid, uid, follow_symlinks=False)


class Victim:
    """A home of the victim's, whose daemon and commands run under its user id."""

    def __init__(self, scratch, binary, name):
        self.home = h.Home(scratch, binary, name).init()
        self.binary = binary
        self.prefix = as_user(VICTIM)
        self.own()

    def own(self):
        chown_tree(self.home.path, VICTIM)

    def set(self, line):
        path = self.home.path + "/lcp.conf"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("[Node]", "[Node]\n" + line, 1))

    def start(self, wait=True):
        self.home.start(prefix=self.prefix, wait=wait)

    def lcp(self, *args, seconds=15):
        return h.run(self.prefix + [self.binary] + list(args), seconds, self.home.env)

    def log(self):
        return self.home.log_tail(20000)


def identity_of(path):
    st = os.lstat(path)
    return st.st_ino, st.st_uid, stat.S_IFMT(st.st_mode)


# --- the second door -----------------------------------------------------------------------


def plant(what, path, target):
    if what == "a symbolic link":
        os.symlink(target, path)
    elif what == "a named pipe":
        os.mkfifo(path)
    elif what == "a file":
        with open(path, "w", encoding="utf-8") as file:
            file.write("mine")
    elif what == "a folder":
        os.mkdir(path)
    os.chown(path, ATTACKER, ATTACKER, follow_symlinks=False)


def squat_legacy(scratch, binary, public):
    for at, what in enumerate(("a listening socket", "a symbolic link", "a named pipe", "a file",
                               "a folder")):
        victim = Victim(scratch, binary, "Squat%d" % at)
        path = os.path.join(public, "door%d.sock" % at)
        victim.set("LegacySocket = " + path)
        attacker = None
        seed = victim.home.path + "/keys/identity.pem"
        if what == "a listening socket":
            attacker = Attacker(scratch, "listen", path)
        else:
            plant(what, path, seed)
        before, key = identity_of(path), victim.home.seed
        victim.start()
        REPORT.check("uptime" in victim.home.status(), what + " at the second door: the daemon runs")
        REPORT.check("without the legacy socket" in victim.log() and path in victim.log(),
                     what + " at the second door: a warning that names it", victim.log())
        REPORT.check(identity_of(path) == before and victim.home.seed == key,
                     what + " at the second door is left alone")
        victim.home.stop()
        REPORT.check(identity_of(path) == before, what + " is there after the daemon's end too")
        if attacker is not None:
            REPORT.equal(attacker.end(), 0, "nobody told the squatter anything")


# --- the first door ------------------------------------------------------------------------


def squat_home(scratch, binary):
    for at, what in enumerate(("a symbolic link", "a named pipe", "a file", "a folder")):
        victim = Victim(scratch, binary, "Door%d" % at)
        target = victim.home.path + "/lcp.conf"
        with open(target, "rb") as file:
            before = file.read()
        plant(what, victim.home.socket, target)
        planted = identity_of(victim.home.socket)
        victim.start(wait=False)
        ended = h.wait_until(lambda v=victim: v.home.process.poll() is not None, 10)
        REPORT.check(ended and victim.home.process.returncode == 1 and "lcp.sock" in victim.log(),
                     what + " at HOME/lcp.sock: refused, the sentence names it", victim.log())
        with open(target, "rb") as file:
            REPORT.check(file.read() == before and identity_of(victim.home.socket) == planted,
                         what + " at HOME/lcp.sock: neither followed nor removed")


def false_daemon(scratch, binary):
    victim = Victim(scratch, binary, "Lured")
    os.chmod(victim.home.path, 0o777)
    attacker = Attacker(scratch, "listen", victim.home.socket)
    for command in (["send", "a secret"], ["status"], ["check"]):
        got = victim.lcp(*command)
        REPORT.check(got.code == 1 and "as the user whose home it is" in got.err,
                     "`lcp %s` does not talk to another user's daemon" % command[0], got)
    REPORT.equal(attacker.end(), 0, "the false daemon heard not one byte")
    victim.start(wait=False)
    h.wait_until(lambda: victim.home.process.poll() is not None, 10)
    REPORT.check(victim.home.process.returncode == 1 and "chmod 700" in victim.log(),
                 "a home that others can write: refused, with the chmod to run", victim.log())


def connect(scratch, binary, public):
    victim = Victim(scratch, binary, "Shut")
    path = os.path.join(public, "shut.sock")
    victim.set("LegacySocket = " + path)
    victim.start()
    for door in (path, victim.home.socket):
        got = attack_once("connect", door)
        REPORT.check(got.startswith("failed"), "another user cannot connect to " + os.path.basename(door),
                     got)
    # Even where somebody loosened the modes, the daemon looks at who is there.
    os.chmod(victim.home.path, 0o711)
    for door in (path, victim.home.socket):
        os.chmod(door, 0o777)
        got = attack_once("connect", door)
        REPORT.check(got in ("got b''", "failed Connection reset by peer", "failed Broken pipe"),
                     "modes loosened: another user gets no byte from " + os.path.basename(door), got)
    REPORT.check("uptime" in victim.home.status(), "the owner is served all the time")
    victim.home.stop()


# --- files, port, homes -----------------------------------------------------------------------


def loose_key(scratch, binary):
    victim = Victim(scratch, binary, "Loose")
    path = victim.home.path + "/keys/identity.pem"

    def refused(label, word):
        victim.start(wait=False)
        h.wait_until(lambda: victim.home.process.poll() is not None, 10)
        REPORT.check(victim.home.process.returncode == 1 and word in victim.log(),
                     label + ": refused", victim.log())

    for mode in (0o644, 0o660, 0o604):
        os.chmod(path, mode)
        refused("a key file of mode %o" % mode, "chmod 600")
    os.chmod(path, 0o600)
    os.rename(path, path + ".moved")
    os.symlink(path + ".moved", path)
    os.chown(path, ATTACKER, ATTACKER, follow_symlinks=False)
    refused("a link at the key's path", "identity.pem")
    os.unlink(path)
    shutil.copy(path + ".moved", path)
    os.chmod(path, 0o600)
    os.chown(path, ATTACKER, ATTACKER)
    refused("another user's key file", "identity.pem")


def taken_port(scratch, binary):
    victim = Victim(scratch, binary, "Port")
    attacker = Attacker(scratch, "udp", victim.home.address, str(h.PORT))
    victim.start(wait=False)
    h.wait_until(lambda: victim.home.process.poll() is not None, 10)
    REPORT.check(victim.home.process.returncode == 1 and victim.home.address in victim.log() and
                 "another program has UDP port" in victim.log(),
                 "a taken port: refused, the sentence says which", victim.log())
    attacker.end()
    victim.start()
    REPORT.check(victim.home.status()["bound"], "when the port is free the daemon takes it")
    REPORT.equal(attack_once("steal", victim.home.address, str(h.PORT)), "failed",
                 "nobody can share the port, whatever socket option it uses")
    victim.home.stop()


def hostile_home(scratch, binary):
    lent = scratch.path("lent")
    for at, what in enumerate(("its own configuration", "a pipe as lcp.conf", "a link as lcp.conf")):
        shutil.rmtree(lent, ignore_errors=True)
        home = h.Home(scratch, binary, "Lent%d" % at, folder=lent).init()
        os.chmod(lent, 0o755)
        conf = lent + "/lcp.conf"
        secret = scratch.path("secret")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("TOPSECRET = value\n")
        os.chown(secret, VICTIM, VICTIM)
        os.chmod(secret, 0o600)
        if what != "its own configuration":
            os.unlink(conf)
            if "pipe" in what:
                os.mkfifo(conf)
            else:
                os.symlink(secret, conf)
        chown_tree(lent, ATTACKER)
        os.chmod(lent, 0o777)
        for command in (["node"], ["status"], ["send", "x"], ["check"], ["peer", "list"], ["sent"]):
            before = sorted(os.listdir(lent))
            got = h.run(as_user(VICTIM) + [binary] + command + ["--home", lent], 10, home.env)
            # An empty inbox may be told; that is reading, not believing.
            REPORT.check(isinstance(got.code, int) and got.ms < 9000,
                         "%s, lcp %s: comes to an end" % (what, command[0]), got)
            if command[0] in ("node", "status", "send"):
                REPORT.check(got.code not in (0, 4) and got.err.strip() != "",
                             "%s, lcp %s: refused with a sentence" % (what, command[0]), got)
            REPORT.check("value" not in got.err + got.out,
                         "%s, lcp %s: shows no foreign file" % (what, command[0]), got)
            REPORT.equal(sorted(os.listdir(lent)), before,
                         "%s, lcp %s: leaves nothing there" % (what, command[0]))


def main():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        h.skip_all("root: needs root and setpriv to become two users")
    with h.Scratch() as scratch:
        os.chmod(scratch.root, 0o755)
        binary = scratch.path("lcp")
        shutil.copy(h.lcp_binary(), binary)
        os.chmod(binary, 0o755)
        public = scratch.path("tmp")
        os.mkdir(public)
        os.chmod(public, 0o1777)
        squat_legacy(scratch, binary, public)
        squat_home(scratch, binary)
        false_daemon(scratch, binary)
        connect(scratch, binary, public)
        loose_key(scratch, binary)
        taken_port(scratch, binary)
        hostile_home(scratch, binary)
    return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
