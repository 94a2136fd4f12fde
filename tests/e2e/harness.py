# SPDX-License-Identifier: MIT
"""What every test with real processes shares: homes in short temporary folders, daemons that
are started and ended by their own pid, free loopback addresses, commands with a deadline,
the packet format, and the canonical bytes as Python itself prints them.

Nothing here sleeps for luck: every wait polls a condition until a deadline."""

import base64
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

try:
    import nacl.signing
    import nacl.exceptions
except ImportError:
    # The distribution's Python has PyNaCl more often than another one that comes first in PATH.
    tried = os.environ.get("LCP_TEST_PYTHON_TRIED", "")
    for candidate in ("/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"):
        if candidate in tried.split(":") or not os.path.exists(candidate):
            continue
        os.environ["LCP_TEST_PYTHON_TRIED"] = tried + ":" + candidate
        os.execv(candidate, [candidate] + sys.argv)
    print("SKIP: no Python with PyNaCl (python3-nacl) on this machine")
    sys.exit(77)

os.environ.pop("LCP_TEST_PYTHON_TRIED", None)

SKIP = 77
PORT = 9528
MAGIC = b"LCP1"
DATA, ACK, HEARTBEAT, RECEIPT = 1, 2, 3, 4
PAYLOAD_MAX = 65498
HERE = os.path.dirname(os.path.abspath(__file__))
INTEROP = os.path.join(os.path.dirname(HERE), "interop")


# --- checks -------------------------------------------------------------------------------


class Report:
    """One line for each check; the script's exit code in the end."""

    def __init__(self, name):
        self.name = name
        self.done = 0
        self.failed = 0
        self.skipped = 0
        self.lock = threading.Lock()

    def check(self, ok, claim, detail=""):
        with self.lock:
            self.done += 1
            if not ok:
                self.failed += 1
            line = ("ok    " if ok else "FAIL  ") + claim
            if detail != "" and not ok:
                line += "\n      " + str(detail)[:1500].replace("\n", "\n      ")
            print(line, flush=True)
        return bool(ok)

    def equal(self, got, want, claim):
        return self.check(got == want, claim, "got  %r\nwant %r" % (got, want))

    def note(self, text):
        print("      " + text, flush=True)

    def skip(self, claim, reason):
        """Only for what this machine truly cannot do."""
        self.skipped += 1
        print("SKIP  %s: %s" % (claim, reason), flush=True)

    def end(self):
        print("%s: %d checks, %d failed, %d skipped"
              % (self.name, self.done, self.failed, self.skipped), flush=True)
        return 1 if self.failed or not self.done else 0


def skip_all(reason):
    print("SKIP: " + reason, flush=True)
    sys.exit(SKIP)


def wait_until(condition, seconds, step=0.01):
    """Polls until condition() is true; its value, or the last falsy one at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(step)


# --- where the binary is --------------------------------------------------------------------


def argument(flag, variable):
    """The word behind a flag, else an environment variable, else ""."""
    if flag in sys.argv:
        return sys.argv[sys.argv.index(flag) + 1]
    return os.environ.get(variable, "")


def lcp_binary():
    """--lcp PATH, LCP_BIN, or none (then the script says SKIP)."""
    path = argument("--lcp", "LCP_BIN")
    if not path or not os.access(path, os.X_OK):
        skip_all("no lcp binary; give --lcp PATH or LCP_BIN (tried %r)" % path)
    return os.path.abspath(path)


def is_sanitized(binary):
    """A build with AddressSanitizer is slower and dislikes ptrace: some budgets differ."""
    with open(binary, "rb") as file:
        return b"__asan_init" in file.read()


# --- addresses and folders ------------------------------------------------------------------


def free_address(port=PORT):
    """A loopback address with a free UDP port; each caller gets another one. All of 127/8 is
    ours on Linux, so several nodes hold port 9528 side by side."""
    rng = free_address.rng
    for _ in range(1000):
        ip = "127.%d.%d.%d" % (rng.randint(1, 254), rng.randint(0, 254), rng.randint(2, 254))
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            probe.bind((ip, port))
        except OSError:
            continue
        finally:
            probe.close()
        if ip not in free_address.given:
            free_address.given.add(ip)
            return ip
    raise RuntimeError("no free loopback address")


free_address.rng = random.Random((os.getpid() << 20) ^ time.time_ns())
free_address.given = set()


class Scratch:
    """A short temporary folder (a socket's path holds 107 bytes), and all processes started
    in it; both are gone at the end."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="lcpt", dir="/tmp")
        self.processes = []
        self.mounts = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in self.processes:
            end_process(process)
        for path in reversed(self.mounts):
            subprocess.run(["umount", "-l", path], check=False)
        if kind is None and "LCP_TEST_KEEP" not in os.environ:
            shutil.rmtree(self.root, ignore_errors=True)
        else:
            print("      left for inspection: " + self.root, flush=True)

    def path(self, *names):
        return os.path.join(self.root, *names)


def end_process(process, seconds=5):
    """By its own pid: TERM, then KILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# --- packets and messages -------------------------------------------------------------------


def packet(kind, seq, payload=b""):
    return MAGIC + struct.pack(">IB", seq & 0xFFFFFFFF, kind) + payload


def unpack(datagram):
    """(type, seq, payload), or None for what is no packet."""
    if len(datagram) < 9 or datagram[:4] != MAGIC:
        return None
    seq, kind = struct.unpack(">IB", datagram[4:9])
    return kind, seq, datagram[9:]


def canonical(message):
    """The signed bytes: Python is the oracle, not our code."""
    body = {name: value for name, value in message.items() if name != "security"}
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")


class Key:
    """An Ed25519 key pair of a test peer."""

    def __init__(self, seed=None):
        self.signing = nacl.signing.SigningKey(seed) if seed else nacl.signing.SigningKey.generate()
        self.seed = bytes(self.signing)
        self.public = base64.b64encode(bytes(self.signing.verify_key)).decode()

    def sign(self, message):
        """message with its security member."""
        signed = {name: value for name, value in message.items() if name != "security"}
        signature = self.signing.sign(canonical(signed)).signature
        signed["security"] = {"algo": "ed25519", "pubkey": self.public,
                              "signature": base64.b64encode(signature).decode()}
        return signed

    def sign_bytes(self, canonical_bytes):
        return base64.b64encode(self.signing.sign(canonical_bytes).signature).decode()


def signature_is_valid(message):
    try:
        security = message["security"]
        key = nacl.signing.VerifyKey(base64.b64decode(security["pubkey"], validate=True))
        key.verify(canonical(message), base64.b64decode(security["signature"], validate=True))
        return security["algo"] == "ed25519"
    except (KeyError, TypeError, ValueError, nacl.exceptions.CryptoError):
        return False


def new_message(sender, to, text, kind="chat", **more):
    import uuid

    message = {"id": str(uuid.uuid4()), "from": sender, "to": to,
               "timestamp": "2026-03-28T12:00:00.123456+08:00", "type": kind, "message": text}
    message.update(more)
    return message


def encode(message):
    """A payload as the legacy node writes it: UTF-8, not escaped."""
    return json.dumps(message, ensure_ascii=False).encode("utf-8")


# --- the local socket -----------------------------------------------------------------------


class IpcClosed(Exception):
    pass


def ipc_connect(path, seconds=10):
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(seconds)
    stream.connect(path)
    return stream


def ipc_once(path, request, seconds=15):
    """One request, no terminator, then everything up to one whole JSON reply."""
    with ipc_connect(path, seconds) as stream:
        stream.sendall(json.dumps(request).encode())
        got = b""
        while True:
            part = stream.recv(1 << 20)
            if not part:
                raise IpcClosed("closed after %d bytes: %r" % (len(got), got[:200]))
            got += part
            try:
                return json.loads(got)
            except ValueError:
                continue


class IpcLines:
    """One connection, many requests: each ends with a newline, so does each reply."""

    def __init__(self, path, seconds=15):
        self.stream = ipc_connect(path, seconds)
        self.rest = b""

    def send(self, request):
        self.stream.sendall(json.dumps(request).encode() + b"\n")

    def recv(self):
        while b"\n" not in self.rest:
            part = self.stream.recv(1 << 20)
            if not part:
                raise IpcClosed("closed by the daemon")
            self.rest += part
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, request):
        self.send(request)
        return self.recv()

    def close(self):
        self.stream.close()


# --- a home and its daemon --------------------------------------------------------------------


class Result:
    def __init__(self, code, out, err, ms):
        self.code, self.out, self.err, self.ms = code, out, err, ms

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return "exit %s\nstdout %r\nstderr %r" % (self.code, self.out[:600], self.err[:600])


def clean_environment():
    """Ours without what would configure a node: the caller's own settings must not count."""
    known = ("LCP_", "IPC_", "HEARTBEAT_", "PEER_", "MAX_", "RETRY_", "ACK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(known)}


def run(argv, seconds=30, env=None, stdin=None, **more):
    """A command with a deadline; its text decoded as UTF-8. It has no terminal, wherever the test
    itself runs: what asks a person would ask whoever sits there."""
    more.setdefault("start_new_session", True)
    whole = clean_environment()
    whole.update(env or {})
    start = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=whole, **more)
    if isinstance(stdin, str):
        stdin = stdin.encode()
    try:
        out, err = process.communicate(stdin or b"", timeout=seconds)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        code = "timeout"
    ms = (time.monotonic() - start) * 1000
    return Result(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), ms)


class Home:
    """A home folder of ours, and its daemon when it runs."""

    def __init__(self, scratch, binary, name, address=None, env=None, folder=None):
        self.scratch, self.binary, self.name = scratch, binary, name
        self.address = address or free_address()
        self.path = folder or scratch.path(name)
        # HOME is no default home, so the daemon leaves /tmp/lcp.sock alone.
        self.env = {"LCP_HOME": self.path, "HOME": scratch.root}
        self.env.update(env or {})
        self.process = None
        self.log = None

    def lcp(self, *args, seconds=30, stdin=None, env=None, stdout_path=None, **more):
        whole = dict(self.env)
        whole.update(env or {})
        argv = [self.binary] + list(args)
        if stdout_path is not None:
            argv = ["/bin/sh", "-c", 'out=$1; shift; exec "$@" >"$out"', "sh", stdout_path] + argv
        return run(argv, seconds, whole, stdin, **more)

    def init(self):
        made = self.lcp("init", "--name", self.name, "--address", self.address)
        if made.code != 0:
            raise RuntimeError("lcp init failed: %r" % made)
        return self

    @property
    def socket(self):
        return os.path.join(self.path, "lcp.sock")

    @property
    def seed(self):
        with open(os.path.join(self.path, "keys", "identity.pem"), "rb") as file:
            return file.read()

    @property
    def key(self):
        return Key(self.seed)

    def add_peer(self, name, address, key=None, port=PORT):
        where = address if port == PORT else "%s:%d" % (address, port)
        added = self.lcp("peer", "add", name, where, *([key] if key else []))
        if added.code != 0:
            raise RuntimeError("lcp peer add failed: %r" % added)
        return added

    def start(self, seconds=20, prefix=(), env=None, args=(), wait=True):
        """Starts the daemon and waits until it answers STATUS. Returns the milliseconds."""
        whole = clean_environment()
        whole.update(self.env)
        whole.update(env or {})
        self.log = open(os.path.join(self.scratch.root, self.name + ".log"), "ab")
        begin = time.monotonic()
        self.process = subprocess.Popen(list(prefix) + [self.binary, "node"] + list(args),
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, env=whole)
        self.scratch.processes.append(self.process)
        self.log.close()
        if wait and not self.wait_ready(seconds):
            raise RuntimeError("%s is not ready; its log ends:\n%s" % (self.name, self.log_tail()))
        return (time.monotonic() - begin) * 1000

    def wait_ready(self, seconds=20):
        def answers():
            if self.process.poll() is not None:
                return True
            try:
                return "uptime" in ipc_once(self.socket, {"cmd": "STATUS"}, 5)
            except (OSError, IpcClosed, ValueError):
                return False
        return wait_until(answers, seconds, 0.005) and self.process.poll() is None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, how=signal.SIGTERM, seconds=10):
        """Ends the daemon; returns (exit code, milliseconds)."""
        begin = time.monotonic()
        self.process.send_signal(how)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "timeout", seconds * 1000
        finally:
            if self.process in self.scratch.processes:
                self.scratch.processes.remove(self.process)
        return self.process.returncode, (time.monotonic() - begin) * 1000

    def kill(self):
        return self.stop(signal.SIGKILL)

    def log_tail(self, size=3000):
        try:
            with open(os.path.join(self.scratch.root, self.name + ".log"), "rb") as file:
                return file.read()[-size:].decode("utf-8", "replace")
        except OSError:
            return ""

    def ask(self, cmd, seconds=15, **members):
        return ipc_once(self.socket, dict({"cmd": cmd}, **members), seconds)

    def status(self):
        return self.ask("STATUS")

    def counters(self):
        return self.status().get("counters", {})

    def send(self, text, kind="chat", seconds=15, **more):
        return self.ask("SEND", seconds, payload=dict({"type": kind, "message": text}, **more))

    def inbox(self, seconds=30):
        """Every pending message, page by page, whole. Marks nothing as seen: that takes SHOWN."""
        lines, found, after = IpcLines(self.socket, seconds), [], 0
        try:
            while True:
                page = lines.ask({"cmd": "CHECK", "after": after, "limit": 100, "v": 1})
                found += page["messages"]
                if page["next"] is None:
                    return found
                after = page["next"]
        finally:
            lines.close()


def pair(scratch, binary, env=None, place=""):
    """Two homes that know each other by key, not started. place tells several pairs apart."""
    homes = [Home(scratch, binary, name, env=env, folder=scratch.path(place + name)).init()
             for name in ("AgentA", "AgentB")]
    for one, other in (homes, homes[::-1]):
        one.add_peer(other.name, other.address, other.key.public)
    return homes


class Endpoint:
    """A raw UDP endpoint of the test's own, which can play a peer."""

    def __init__(self, ip=None, port=PORT, key=None):
        self.ip = ip or free_address(port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((self.ip, port))
        self.key = key or Key()
        self.seq = random.Random(self.ip).randint(1, 1 << 31)

    def next_seq(self):
        self.seq = (self.seq + 1) & 0xFFFFFFFF
        return self.seq

    def send(self, to_ip, datagram, port=PORT):
        self.socket.sendto(datagram, (to_ip, port))

    def recv(self, seconds):
        """(datagram, address), or None at the deadline."""
        self.socket.settimeout(max(seconds, 0.0001))
        try:
            return self.socket.recvfrom(70000)
        except (socket.timeout, BlockingIOError):
            return None

    def recv_until(self, wanted, seconds):
        """All packets up to the first that wanted(kind, seq, payload) likes; (list, found)."""
        deadline = time.monotonic() + seconds
        seen = []
        while time.monotonic() < deadline:
            got = self.recv(deadline - time.monotonic())
            if got is None:
                break
            parts = unpack(got[0])
            seen.append(parts)
            if parts is not None and wanted(*parts):
                return seen, True
        return seen, False

    def close(self):
        self.socket.close()


# --- what commands print -------------------------------------------------------------------


def only_json(result):
    """stdout as exactly one JSON object, or None."""
    try:
        value = json.loads(result.out)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def is_error(result, codes, json_code=None):
    """One sentence on stderr and one of these exit codes; with --json the object on stdout too."""
    if result.code not in codes or not result.err.strip():
        return False
    if json_code is None:
        return True
    value = only_json(result)
    error = (value or {}).get("error", {})
    wanted = json_code if isinstance(json_code, tuple) else (json_code,)
    return set(error) == {"code", "message", "hint"} and error["code"] in wanted


def fingerprint(key):
    return hashlib.blake2b(base64.b64decode(key), digest_size=16).hexdigest()


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def raw_send(raw, node, message, key=None):
    """A packet of a raw peer; true when it is acknowledged."""
    seq = raw.next_seq()
    raw.send(node.address, packet(DATA, seq, encode((key or raw.key).sign(message))))
    return raw.recv_until(lambda kind, got, _: kind == ACK and got == seq, 3)[1]
