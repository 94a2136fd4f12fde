# SPDX-License-Identifier: MIT
"""Hostile bytes at the local socket: requests split at every byte, oversized, half-closed, HTTP
and TLS first bytes, extreme numbers, crowds. The node serves on."""

import fcntl
import json
import socket
import struct
import sys
import termios
import traceback

import harness as h

REPORT = h.Report("test_door")


def drained(stream, seconds=5):
    """Waits until the daemon has read all we wrote: how a split is known to be a split."""
    def empty():
        left = bytearray(4)
        fcntl.ioctl(stream, termios.TIOCOUTQ, left)
        return struct.unpack("i", left)[0] == 0
    return h.wait_until(empty, seconds, 0.0002)


def read_reply(stream, seconds=5):
    """One JSON reply, or the bytes that came before the connection was closed."""
    stream.settimeout(seconds)
    got = b""
    while True:
        try:
            part = stream.recv(1 << 20)
        except TimeoutError:
            return "timeout", got
        except ConnectionResetError:
            return "closed", got
        if not part:
            return "closed", got
        got += part
        try:
            return "reply", json.loads(got)
        except ValueError:
            continue


def ipc_split(node):
    request = json.dumps({"cmd": "STATUS", "note": "龙 \" } { \\ \u0000"}).encode()
    for end in (b"", b"\n"):
        text, wrong = request + end, []
        for at in range(1, len(text)):
            with h.ipc_connect(node.socket) as stream:
                stream.sendall(text[:at])
                drained(stream)
                try:
                    stream.sendall(text[at:])
                except BrokenPipeError:
                    # Only the newline was left and the reply came already.
                    if at != len(text) - len(end):
                        wrong.append((at, "closed"))
                kind, reply = read_reply(stream)
                if kind != "reply" or "uptime" not in reply:
                    wrong.append((at, kind, reply))
        REPORT.check(not wrong, "IPC: split at every byte, %s newline" % ("with" if end else "no"),
                     wrong[:5])
    with h.ipc_connect(node.socket) as stream:
        for byte in request:
            stream.sendall(bytes([byte]))
            drained(stream)
        kind, reply = read_reply(stream)
    REPORT.check(kind == "reply" and "uptime" in reply, "IPC: byte by byte", (kind, reply))


def ipc_rejects(node):
    tls = bytes.fromhex("16030100c8010000c40303") + bytes(190)
    rows = [
        ("HTTP GET", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("HTTP POST with JSON", b'POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\n{"cmd":"STATUS"}'),
        ("TLS hello", tls),
        ("an array", b'[{"cmd":"STATUS"}]\n'),
        ("a byte order mark", b'\xef\xbb\xbf{"cmd":"STATUS"}'),
        ("NUL bytes", bytes(100)),
        ("a string", b'"STATUS"\n'),
        ("300 KB without end", b'{"cmd":"' + b"A" * 300000),
        ("10 MB without end", b'{"cmd":"' + b"A" * 10_000_000),
        ("300 KB of white space in it", b"{" + b" " * 300000),
    ]
    for label, data in rows:
        with h.ipc_connect(node.socket) as stream:
            try:
                stream.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            kind, reply = read_reply(stream)
            harmless = kind == "closed" and (reply == b"" or b'"error"' in reply)
            harmless = harmless or (kind == "reply" and "error" in reply)
        if "GET" in label or "TLS" in label or "POST" in label:
            harmless = kind == "closed" and reply == b""
        REPORT.check(harmless and "uptime" in node.status(),
                     "IPC: %s: refused, the node serves on" % label, (kind, reply))


def ipc_bad_requests(node):
    rows = [
        ("unknown cmd", b'{"cmd":"DROP TABLE"}'), ("no cmd", b"{}"), ("cmd a number", b'{"cmd":1}'),
        ("cmd null", b'{"cmd":null}'), ("cmd empty", b'{"cmd":""}'),
        ("cmd twice", b'{"cmd":"STATUS","cmd":"STATUS"}'),
        ("NaN", b'{"cmd":"STATUS","n":NaN}'), ("not UTF-8", b'{"cmd":"STATUS","n":"\xff"}'),
        ("depth 1,000", b'{"cmd":"STATUS","n":' + b"[" * 1000 + b"]" * 1000 + b"}"),
        ("10,000 nodes", b'{"cmd":"STATUS","n":[' + b"1," * 10000 + b"1]}"),
        ("payload missing", b'{"cmd":"SEND"}'), ("payload null", b'{"cmd":"SEND","payload":null}'),
        ("ids a string", b'{"cmd":"ACK","ids":"x","v":1}'),
        ("ids of numbers too great", b'{"cmd":"ACK","ids":[1e300],"v":1}'),
        ("limit negative", b'{"cmd":"CHECK","limit":-1,"v":1}'),
        ("limit huge", b'{"cmd":"CHECK","limit":99999999999999999999,"v":1}'),
        ("id of 10,000 characters", b'{"cmd":"READ","id":"' + b"a" * 10000 + b'","v":1}'),
        ("to nobody", b'{"cmd":"SEND","to":"nobody","payload":{"type":"chat","message":"x"}}'),
    ]
    for label, data in rows:
        for end in (b"", b"\n"):
            with h.ipc_connect(node.socket) as stream:
                stream.sendall(data + end)
                kind, reply = read_reply(stream)
            told = kind == "reply" and ("error" in reply or reply.get("ok") is False)
            if not told and not (label == "to nobody" and kind == "reply"):
                REPORT.check(False, "IPC: %s gets an error" % label, (kind, reply))
                break
        else:
            REPORT.check(True, "IPC: %s gets an error" % label)
    REPORT.check("uptime" in node.status(), "IPC: the node serves on after bad requests")
    for number in (0, 1, 2 ** 31, 2 ** 32, 2 ** 53 + 1, 2 ** 62, 2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1,
                   2 ** 64, -1, -2 ** 63):
        for request in ({"cmd": "PURGE", "older_than": number}, {"cmd": "CHECK", "after": number},
                        {"cmd": "CHECK", "limit": number}, {"cmd": "SENT", "after": number},
                        {"cmd": "SENT", "limit": number}, {"cmd": "READ", "id": number},
                        {"cmd": "CANCEL", "id": number}, {"cmd": "SHOWN", "numbers": [number]},
                        {"cmd": "ACK", "ids": [number]}, {"cmd": "ACK", "through": -abs(number)},
                        {"cmd": "SEND", "ttl": number, "to": "nobody", "wait": False,
                         "payload": {"type": "chat", "message": "x"}},
                        {"cmd": "SEND", "ttl": number, "wait": False,
                         "payload": {"type": "chat", "message": "brief"}}):
            with h.ipc_connect(node.socket) as stream:
                stream.sendall(json.dumps(dict(request, v=1)).encode() + b"\n")
                kind, reply = read_reply(stream)
            if kind != "reply":
                REPORT.check(False, "IPC: extreme number answered: %r" % request, (kind, reply))
    REPORT.check(node.alive() and "uptime" in node.status(),
                 "IPC: extreme numbers are answered", node.log_tail())


def ipc_half_closed(node):
    with h.ipc_connect(node.socket) as stream:
        stream.sendall(b'{"cmd":"STATUS"}')
        stream.shutdown(socket.SHUT_WR)
        kind, reply = read_reply(stream)
    REPORT.check(kind == "reply" and "uptime" in reply, "IPC: half-closed after a request: answered",
                 (kind, reply))
    with h.ipc_connect(node.socket) as stream:
        stream.sendall(b'{"cmd":"STA')
        stream.shutdown(socket.SHUT_WR)
        kind, reply = read_reply(stream)
    REPORT.check(kind == "closed" or "error" in reply,
                 "IPC: half-closed within a request: closed", (kind, reply))
    for _ in range(50):
        stream = h.ipc_connect(node.socket)
        stream.sendall(b'{"cmd":"CHECK"}')
        stream.close()
    REPORT.check("uptime" in node.status(), "IPC: 50 clients that leave before the reply")


def ipc_crowd(node):
    crowd = []
    for _ in range(200):
        try:
            crowd.append(h.ipc_connect(node.socket, 2))
        except OSError:
            break
    for stream in crowd[::2]:
        try:
            stream.sendall(b'{"cmd":"STA')
        except OSError:
            pass
    def serves():
        try:
            return "uptime" in node.status()
        except (OSError, ValueError, h.IpcClosed):
            return False
    while_there = serves()
    for stream in crowd:
        stream.close()
    REPORT.check(h.wait_until(serves, 5), "IPC: 200 idle and half-spoken clients leave, the node "
                 "serves on (served among them: %s)" % while_there)
    greedy = h.ipc_connect(node.socket, 1)
    sent = 0
    try:
        for _ in range(20000):
            greedy.send(b'{"cmd":"STATUS"}\n')
            sent += 1
    except (TimeoutError, OSError):
        pass
    REPORT.check("uptime" in node.status(),
                 "IPC: a client that asks %d times and never reads" % sent)
    greedy.close()
    REPORT.check(h.wait_until(serves, 5), "IPC: the node serves on after it left")


def main():
    binary = h.lcp_binary()
    with h.Scratch() as scratch:
        node = h.Home(scratch, binary, "Victim").init()
        node.add_peer("Peer", h.free_address(), h.Key().public)
        node.start()
        for step in (ipc_split, ipc_rejects, ipc_bad_requests, ipc_half_closed, ipc_crowd):
            print("# " + step.__name__, flush=True)
            try:
                step(node)
            except Exception:
                REPORT.check(False, step.__name__ + " ran to its end",
                             traceback.format_exc() + node.log_tail())
                if not node.alive():
                    break
        code, ms = node.stop()
        REPORT.check(code == 0 and ms < 2000, "the node stops cleanly after all this", (code, ms))
        return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
