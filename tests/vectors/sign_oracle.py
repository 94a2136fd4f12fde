#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Signatures both ways between liblcp and PyNaCl, over Python's canonical bytes.

usage: sign_oracle.py PATH_TO_sign_tool

Runs itself again under an interpreter that has PyNaCl (Debian: python3-nacl). Without one:
SKIP with the reason, and exit 1 where CI=true.
"""
import base64
import hashlib
import json
import os
import random
import struct
import subprocess
import sys

try:
    from nacl.signing import SigningKey, VerifyKey
    from nacl.exceptions import BadSignatureError
except ImportError:
    SigningKey = None

SEED = 20260328
failures = 0


def find_nacl():
    for python in ("/usr/bin/python3", "python3"):
        try:
            found = subprocess.run([python, "-c", "import nacl.signing"],
                                   stderr=subprocess.DEVNULL).returncode == 0
        except OSError:
            continue
        if found and not os.environ.get("LCP_SIGN_ORACLE"):
            os.environ["LCP_SIGN_ORACLE"] = "1"  # no endless chain
            os.execvp(python, [python] + sys.argv)
    print("SKIP: no Python interpreter with PyNaCl (python3-nacl)")
    sys.exit(1 if os.environ.get("CI") == "true" else 0)


def run(args, records):
    data = b"".join(struct.pack("<I", len(r)) + r for r in records)
    done = subprocess.run(args, input=data, stdout=subprocess.PIPE, check=True)
    lines = done.stdout.split(b"\n")[:-1]
    if len(lines) != len(records):
        sys.exit(f"{len(records)} records in, {len(lines)} lines out")
    return lines


def check(name, good, detail=""):
    global failures
    if not good:
        failures += 1
        if failures < 20:
            print(f"FAILED: {name} {detail}")


def canonical(message):
    bare = {k: v for k, v in message.items() if k != "security"}
    return json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()


def sign(key, message):
    signature = key.sign(canonical(message)).signature
    signed = dict(message)
    signed["security"] = {"algo": "ed25519",
                          "pubkey": base64.b64encode(bytes(key.verify_key)).decode(),
                          "signature": base64.b64encode(signature).decode()}
    return signed


TEXTS = ["hello", "你好，龙虾通讯", "🦞👨‍💻🇨🇳", "a\"b\\c/d", "\x00\x01\x1f\x7f\x80\x9f", "",
         "line\nline\ttab\r", "\u2028\u2029\ufeff\uffff", "e\u0301 é", "\U0010ffff", "x" * 20000]
EXTRAS = [{}, {"lcp": "1.2"}, {"security2": {"security": {"algo": 1}}}, {"n": 1e16, "z": -0.0},
          {"big": 10 ** 900, "tiny": 5e-324, "f": [0.1, 1e-5, 1.5e300, 2.0 ** -44]},
          {"名前": {"security": {"algo": "x"}}, "\U00010000": 1, "\uffff": 2}, {"replyTo": None},
          {"deep": [[[[{"a": [None, True, False]}]]]]}]


def messages(rng, count):
    for i in range(count):
        message = {"id": "%08x-aaaa-4aaa-8aaa-%012x" % (rng.getrandbits(32), i),
                   "from": rng.choice(("AgentA", "龙虾", "🦞")), "to": "AgentB",
                   "timestamp": "2026-03-28T12:00:00.123456+08:00",
                   "type": rng.choice(("chat", "task", "result", "ping", "pong")),
                   "message": rng.choice(TEXTS) + rng.choice(TEXTS)}
        message.update(rng.choice(EXTRAS))
        if rng.random() < 0.3:
            message["replyTo"] = "11111111-2222-4333-8444-555555555555"
        yield message


def theirs_to_us(tool, rng):
    """What PyNaCl signed we accept, however the JSON is written; and know its digest."""
    records, digests = [], []
    for message in messages(rng, 2000):
        key = SigningKey(rng.getrandbits(256).to_bytes(32, "little"))
        signed = sign(key, message)
        if rng.random() < 0.5:
            signed = dict(sorted(signed.items(), key=lambda _: rng.random()))
        text = json.dumps(signed, ensure_ascii=rng.random() < 0.5,
                          indent=rng.choice((None, None, 2)))
        records.append(text.encode())
        digests.append(hashlib.blake2b(canonical(message), digest_size=16).hexdigest())
    for record, digest, line in zip(records, digests, run([tool, "verify"], records)):
        check("theirs to us", line.decode() == f"good {digest}", (record[:200], line))
    return records


def tampered(tool, rng, records):
    """No message with a changed byte passes for another than the one that was signed."""
    changed = []
    for record in rng.sample(records, 300):
        for _ in range(10):
            data = bytearray(record)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            changed.append((record, bytes(data)))
    survivors = 0
    for (before, after), line in zip(changed, run([tool, "verify"], [c[1] for c in changed])):
        if line.startswith(b"good"):  # white space, or the case of a \u escape
            survivors += 1
            check("tampered", json.loads(before) == json.loads(after), (before, after))
    return len(changed), survivors


def ours_to_them(tool, rng):
    seed = rng.getrandbits(256).to_bytes(32, "little")
    public = bytes(SigningKey(seed).verify_key)
    records, drafts = [], []
    for message in messages(rng, 1000):
        message["message"] = message["message"].replace("\x00", "")  # the tool's separator
        draft = [message["id"], message["from"], "AgentB", message["timestamp"],
                 message["type"], message["message"], message.get("replyTo") or ""]
        drafts.append(draft)
        records.append(b"".join(field.encode() + b"\0" for field in draft))
    for draft, line in zip(drafts, run([tool, "sign", seed.hex()], records)):
        try:
            message = json.loads(line)
            VerifyKey(public).verify(canonical(message),
                                     base64.b64decode(message["security"]["signature"]))
        except (ValueError, BadSignatureError) as error:
            check("ours to them", False, (error, line[:200]))
            continue
        names = ["id", "from", "to", "timestamp", "type", "message", "replyTo"]
        want = {n: v for n, v in zip(names, draft) if v or n != "replyTo"}
        want["lcp"] = "1.2"
        security = message.pop("security")
        check("fields", message == want, line[:200])
        check("order", list(message) == list(want), line[:200])
        check("security", set(security) == {"algo", "pubkey", "signature"} and
              base64.b64decode(security["pubkey"]) == public, security)
    return len(records)


WORDS = ["held", "stored", "read", "done", "refused", "later"]
NOW = "2026-03-28T12:00:00.123456+08:00"
SMALL = 1223  # bytes: a packet of 1,232 less its header


def hellos(rng, count):
    """Each a hello and what our reader is to say of it."""
    for _ in range(count):
        nonce, echo, boot = ("%016x" % rng.getrandbits(64) for _ in range(3))
        hello = {"type": "hello", "from": rng.choice(("AgentA", "龙虾", "🦞")), "to": "AgentB",
                 "timestamp": NOW, "lcp": rng.choice(("1.2", "1.2", "1.3", "1.10", "1.1")),
                 "boot": boot, "nonce": nonce, "echo": rng.choice((echo, ""))}
        for name, value in (("caps", rng.choice(([], ["x", "名"]))), ("max", rng.getrandbits(63)),
                            ("agent", {"lastRead": NOW, "waiting": 1e-7}), ("later", [1.5, None])):
            if rng.random() < 0.5:
                hello[name] = value
        yield hello, "hello %s %s %s %d %d %d" % (
            nonce, hello["echo"] or "-", boot, hello["lcp"] != "1.1", hello.get("max", 0),
            "agent" in hello)


def receipts(rng, count):
    """Each a receipt and what our reader is to say of it."""
    for _ in range(count):
        of = []
        for _ in range(rng.randrange(1, 6)):
            entry = ["%08x-aaaa-4aaa-8aaa-%012x" % (rng.getrandbits(32), rng.getrandbits(48)),
                     "%032x" % rng.getrandbits(128)]
            of.append(entry + [rng.getrandbits(32)] if rng.random() < 0.7 else entry)
        receipt = {"type": "receipt", "from": "AgentA", "to": "龙虾", "timestamp": NOW,
                   "state": rng.choice(WORDS), "of": of}
        if receipt["state"] == "later":
            receipt["retryS"] = rng.randrange(86400)
        if rng.random() < 0.5:
            receipt["reason"] = rng.choice(("policy", "declined", "too-big"))
            receipt["text"] = rng.choice(("", "no", "今天不行", "\x01\x7f🦞"))
        yield receipt, "receipt %s %s %d %d %s" % (
            receipt["state"], receipt.get("reason", "-"),
            len(receipt.get("text", "").encode()), receipt.get("retryS", 0),
            " ".join(":".join(map(str, e + [""] * (3 - len(e)))) for e in of))


def signed_to_us(tool, rng):
    """Hellos and receipts that PyNaCl signed, read whole; and one changed member each."""
    records, wanted = [], []
    for made in (hellos(rng, 500), receipts(rng, 500)):
        for unsigned, reading in made:
            key = SigningKey(rng.getrandbits(256).to_bytes(32, "little"))
            signed = dict(sorted(sign(key, unsigned).items(), key=lambda _: rng.random()))
            text = json.dumps(signed, ensure_ascii=rng.random() < 0.5)
            if len(text.encode()) > SMALL:
                continue
            records.append(text.encode())
            wanted.append("good " + reading)
            signed["from"] += "x"
            records.append(json.dumps(signed, ensure_ascii=False).encode())
            wanted.append("forged " + reading)
    for record, want, line in zip(records, wanted, run([tool, "verify"], records)):
        check("signed to us", line.decode() == want or len(record) > SMALL,
              (record, want, line))
    return len(records)


def accepted_by_nacl(line, public):
    """The object without its security, or None."""
    try:
        made = json.loads(line)
        VerifyKey(public).verify(canonical(made), base64.b64decode(made["security"]["signature"]))
    except (ValueError, BadSignatureError) as error:
        check("signed to them", False, (error, line))
        return None
    security = made.pop("security")
    check("security", len(line) <= SMALL and base64.b64decode(security["pubkey"]) == public and
          set(security) == {"algo", "pubkey", "signature"}, security)
    return made


def our_hellos(tool, rng, seed, public):
    records, wanted = [], []
    for hello, _ in hellos(rng, 300):
        read_ms = rng.choice((0, 1774670400123))
        fields = [hello["from"], "AgentB", NOW, hello["boot"], hello["nonce"], hello["echo"],
                  str(hello.get("max", 0)), str(read_ms)]
        records.append(b"".join(field.encode() + b"\0" for field in fields))
        want = {n: hello[n] for n in ("type", "from", "to", "timestamp", "boot", "nonce", "echo")}
        want.update(lcp="1.2", caps=[])
        if hello.get("max"):
            want["max"] = hello["max"]
        if read_ms:
            want["agent"] = {"lastRead": "2026-03-28T04:00:00.123+00:00"}
        wanted.append(want)
    for want, line in zip(wanted, run([tool, "hello", seed.hex()], records)):
        check("our hello", accepted_by_nacl(line, public) == want, (want, line))
    return len(records)


def our_receipts(tool, rng, seed, public):
    records, wanted = [], []
    for receipt, _ in receipts(rng, 300):
        fields = ["AgentA", "龙虾", NOW, receipt["state"], receipt.get("reason", ""),
                  receipt.get("text", ""), str(receipt.get("retryS", 0))]
        for entry in receipt["of"]:
            fields += entry[:2] + [str(entry[2]) if len(entry) > 2 else ""]
        records.append(b"".join(field.encode() + b"\0" for field in fields))
        wanted.append({n: v for n, v in receipt.items() if v != ""})
    for want, line in zip(wanted, run([tool, "receipt", seed.hex()], records)):
        check("our receipt", accepted_by_nacl(line, public) == want, (want, line))
    return len(records)


def main():
    if SigningKey is None:
        find_nacl()
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    records = theirs_to_us(sys.argv[1], rng)
    count, survivors = tampered(sys.argv[1], rng, records)
    ours = ours_to_them(sys.argv[1], rng)
    check("tampering was tried", count > 2000 and survivors < count / 20, survivors)
    seed = rng.getrandbits(256).to_bytes(32, "little")
    public = bytes(SigningKey(seed).verify_key)
    small = signed_to_us(sys.argv[1], rng)
    check("few were too long", small > 1800, small)
    ours_small = our_hellos(sys.argv[1], rng, seed, public)
    ours_small += our_receipts(sys.argv[1], rng, seed, public)
    print(f"hellos and receipts: {small} of PyNaCl's, {ours_small} of ours")
    print(f"{len(records)} of PyNaCl's accepted, {ours} of ours accepted by PyNaCl, {count} "
          f"tampered ({survivors} in form only), {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
