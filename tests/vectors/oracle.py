#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Canonical JSON and floats against Python's own json module.

usage: oracle.py [--trees N] [--doubles N] [--seed N] PATH_TO_canon_tool

What the tool accepts must be what json.dumps(json.loads(text), sort_keys=True,
separators=(',', ':')) prints, byte for byte; what it rejects as malformed Python must reject
too; what Python takes and LCP does not is a row with the name of its fault. Standard library
only. Prints its seed; exit 1 at the first group with a difference.
"""
import argparse
import decimal
import json
import random
import struct
import subprocess
import sys
import time

BATCH = 4000  # below the reader's 4,096 nodes
BATCH_BYTES = 500000
failures = 0
checks = 0


def run(tool, mode, texts):
    """One answer line (str) for each text (bytes)."""
    data = b"".join(struct.pack("<I", len(t)) + t for t in texts)
    done = subprocess.run([tool, mode], input=data, stdout=subprocess.PIPE, check=True)
    lines = done.stdout.decode("ascii").split("\n")[:-1]
    if len(lines) != len(texts):
        sys.exit(f"{mode}: {len(texts)} records in, {len(lines)} lines out")
    return lines


def canonical(text):
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def report(name, count, wrong):
    global failures, checks
    checks += count
    failures += len(wrong)
    print(f"{name}: {count} checked, {len(wrong)} differences", flush=True)
    for text, got, want in wrong[:5]:
        print(f"  in:   {text[:300]!r}\n  got:  {got[:300]}\n  want: {want[:300]}")


def check_texts(name, tool, texts):
    wrong = []
    for text, got in zip(texts, run(tool, "canon", texts)):
        want = canonical(text)
        if got != want:
            wrong.append((text, got, want))
    report(name, len(texts), wrong)


def split(literals):
    groups, room = [], 0
    for literal in literals:
        room -= len(literal) + 1
        if room < 0 or len(groups[-1]) == BATCH:
            groups.append([])
            room = BATCH_BYTES
        groups[-1].append(literal)
    return groups


def check_literals(name, tool, literals):
    """Float literals, many to an array."""
    wrong = []
    for at in range(0, len(literals), 100 * BATCH):
        part = literals[at:at + 100 * BATCH]
        groups = split(part)
        texts = [('{"a":[' + ",".join(g) + "]}").encode() for g in groups]
        for group, text, got in zip(groups, texts, run(tool, "canon", texts)):
            if got == canonical(text):
                continue
            items = got[6:-2].split(",")
            if len(items) != len(group):
                wrong.append((text, got, "an array"))
                continue
            for literal, item in zip(group, items):
                if item != repr(float(literal)):
                    wrong.append((literal, item, repr(float(literal))))
    report(name, len(literals), wrong)


def check_bits(name, tool, literals):
    wrong = []
    lines = run(tool, "bits", [t.encode() for t in literals])
    for literal, got in zip(literals, lines):
        value = float(literal)
        want = "!number" if abs(value) == float("inf") else struct.pack(">d", value).hex()
        if got != want:
            wrong.append((literal, got, want))
    report(name, len(literals), wrong)


# ---- floats ----------------------------------------------------------------

def double(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits_of(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def as_float_text(text):
    return text if any(c in text for c in ".eE") else text + ".0"


def random_doubles(rng, count):
    out = []
    while len(out) < count:
        bits = rng.getrandbits(64)
        if bits >> 52 & 0x7FF == 0x7FF:
            continue
        kind = len(out) % 4
        if kind == 0:
            out.append(repr(double(bits)))
        elif kind == 1:
            out.append("%.17E" % double(bits))
        elif kind == 2:  # usual sizes
            out.append(repr(rng.uniform(-1, 1) * 10 ** rng.randint(-8, 20)))
        else:  # digits that are no double's own
            out.append("%s%d.%de%d" % ("-" * (bits & 1), rng.randint(0, 10 ** rng.randint(0, 18)),
                                       rng.randint(0, 10 ** rng.randint(1, 24)),
                                       rng.randint(-345, 280)))
    return [as_float_text(t) for t in out]


def exact_text(numerator, exponent):
    """numerator * 2^exponent in full."""
    if exponent >= 0:
        return str(numerator << exponent) + ".0"
    return "%de%d" % (numerator * 5 ** -exponent, exponent)


def parts(bits):
    biased = bits >> 52 & 0x7FF
    mantissa = bits & (1 << 52) - 1
    return (mantissa, -1074) if biased == 0 else (mantissa | 1 << 52, biased - 1075)


def around_halfway(bits):
    """The point midway to the next double above, and what lies just beside it."""
    mantissa, exponent = parts(bits)
    middle = exact_text(2 * mantissa + 1, exponent - 1)
    head, _, tail = middle.partition("e")
    power = int(tail) if tail else 0
    digits = head[:-2] if not tail else head
    below = str(int(digits + "0" * 40) - 1)
    zeros = "0" * 900
    return [middle, f"{digits}{zeros}1e{power - 901}", f"{digits}.{zeros}1e{power}",
            f"{below}e{power - 40}", f"{digits}0{'0' * 40}1e{power - 42}",
            f"{digits}{zeros}e{power - 900}"]


def powers_of_two():
    for exponent in range(-1074, 1024):
        bits = bits_of(2.0 ** exponent)
        yield from (bits - 1, bits, bits + 1)


def special_literals(rng):
    groups = {"powers of two and neighbours": [repr(double(b)) for b in powers_of_two()]}
    groups["the same in full"] = [exact_text(*parts(b)) for b in powers_of_two() if b]
    groups["powers of ten"] = [f"{m}e{e}" for e in range(-400, 308)
                               for m in ("1", "9.999999999999999", "1.0000000000000002", "5")]
    groups["powers of ten, written out"] = (
        ["1" + "0" * n + ".0" for n in range(309)] +
        ["0." + "0" * n + "1" for n in range(400)])
    chosen = [0, 1, 2, 3, (1 << 52) - 2, (1 << 52) - 1, 1 << 52, (1 << 52) + 1,
              bits_of(1.0), bits_of(1.5), bits_of(2.0 ** 53), bits_of(9007199254740991.0),
              0x7FEFFFFFFFFFFFFE]
    chosen += [b for b in powers_of_two() if b < 0x7FEFFFFFFFFFFFFF][::7]
    chosen += [rng.getrandbits(63) % 0x7FEFFFFFFFFFFFFF for _ in range(2000)]
    groups["halfway cases"] = [t for b in chosen for t in around_halfway(b)]
    groups["subnormals"] = [repr(double(b)) for b in
                            list(range(1, 3000)) +
                            [(1 << k) + d for k in range(1, 53) for d in (-1, 0, 1)] +
                            [rng.getrandbits(52) for _ in range(3000)]]
    groups["layout limits"] = [s + t for s in ("", "-") for t in (
        "0.0", "0e0", "0E+5", "0.0e-999999999999999999999", "0e99999999999999999999", "1e16",
        "1e15", "9999999999999998.0", "9.999999999999999e15", "1e-4", "1e-5", "0.0001",
        "0.00001", "0.00009999999999999999", "123456789012345680.0", "5e-324", "2.5e-324",
        "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623157e308",
        "1.7976931348623158e308", "2.2250738585072014e-308", "2.225073858507201e-308",
        "9007199254740993.0", "9007199254740992.5", "1e-999999999999999999999999", "1e23",
        "8.41e21", "9.5e-3", "4.35", "0.3", "2.0e-3", "6.02214076e23", "1.0E+2", "1e022")]
    return groups


def long_literals(rng, size):
    def digits(n):
        return "".join(rng.choice("0123456789") for _ in range(n))
    out = ["0." + "0" * (size - 1) + "1e%d" % size, "1" + "0" * size + "e-%d" % size,
           "0." + "0" * size + "1", "0." + "9" * size, "9" * 300 + "." + "9" * size,
           "1." + "0" * size + "1", "-0." + "0" * size, "1" + "0" * size + "e-%d" % (size + 323),
           digits(size).lstrip("0") + "e-%d" % size, "3." + digits(size) + "e-300",
           "1" * size + "e-%d" % (size + 320), "4" * size + "e-%d" % (size - 308)]
    for bits in (bits_of(1.0), bits_of(0.1), 1, 0, 0x7FEFFFFFFFFFFFFE, (1 << 52) - 1):
        head, _, power = exact_text(2 * parts(bits)[0] + 1, parts(bits)[1] - 1).partition("e")
        head = head.split(".")[0]
        power = int(power or 0)
        for last in "01":
            pad = size - len(head)
            out.append(f"{head}{'0' * pad}{last}e{power - pad - 1}")
    return out


def check_naive(tool):
    """A formatter that only tries precisions must be found out by these same rows."""
    literals = [repr(2.0 ** e) for e in range(-1074, 1024)]
    lines = run(tool, "naive", [t.encode() for t in literals])
    wrong = [t for t, got in zip(literals, lines)
             if decimal.Decimal(got) != decimal.Decimal(t)]
    normal = sum(float(t) >= sys.float_info.min for t in wrong)
    caught = "5.684341886080802e-14" in wrong
    print(f"naive %.15g/%.16g/%.17g: wrong for {normal} normal powers of two and "
          f"{len(wrong) - normal} subnormal ones; 2^-44 {'caught' if caught else 'NOT caught'}",
          flush=True)
    return normal == 46 and caught


# ---- trees -----------------------------------------------------------------

WORDS = ["id", "from", "to", "message", "replyTo", "security", "名前", "🦞", "龙虾通讯", "é",
         "e\u0301", "\uffff", "\U00010000", "\ue000", "", " ", "\u007f", "\u2028", "A", "a",
         "aa", "\"", "\\", "/", "\b\f\n\r\t", "\u0000", "\u0080", "\U0010ffff", "key"]


def random_string(rng):
    if rng.random() < 0.6:
        return rng.choice(WORDS) + rng.choice(["", "", "x", "1"])
    out = []
    for _ in range(rng.randint(0, 12)):
        limit = rng.choice((0x20, 0x80, 0x80, 0x800, 0x10000, 0x110000))
        c = rng.randrange(limit)
        if 0xD800 <= c < 0xE000:
            c = 0xE000
        out.append(chr(c))
    return "".join(out)


def write_string(rng, text):
    out = ['"']
    for ch in text:
        c = ord(ch)
        short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
                 "\t": "\\t", "/": "\\/"}.get(ch)
        roll = rng.random()
        if short and roll < 0.5:
            out.append(short)
        elif c < 0x20 or ch in '"\\' or roll < 0.1:
            hexa = "%04x" if rng.random() < 0.5 else "%04X"
            if c > 0xFFFF:
                c -= 0x10000
                out.append("\\u" + hexa % (0xD800 + (c >> 10)) + "\\u" + hexa % (0xDC00 + (c & 0x3FF)))
            else:
                out.append("\\u" + hexa % c)
        else:
            out.append(ch)
    return "".join(out) + '"'


def write_number(rng):
    kind = rng.randrange(8)
    if kind < 3:
        return str(rng.randint(-10 ** rng.randint(1, 30), 10 ** rng.randint(1, 30)))
    if kind == 3:
        return rng.choice(("0", "-0", "-0.0", "1e5", "1E+5", "1e-7", "0.1", "100.0", "1e16"))
    if kind == 4:
        return str(rng.getrandbits(rng.randint(1, 3300)))  # at most 994 digits
    text = as_float_text(repr(rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300)))
    return text.replace("e", "E") if kind == 5 else text


def write_tree(rng, depth):
    space = lambda: rng.choice(("", "", "", " ", "\n", "\t", "\r\n  "))
    kind = rng.randrange(10 if depth > 0 else 6)
    if kind < 2:
        return write_string(rng, random_string(rng))
    if kind < 4:
        return write_number(rng)
    if kind < 6:
        return rng.choice(("true", "false", "null", "1"))
    if kind < 8:
        items = [write_tree(rng, depth - 1) for _ in range(rng.randint(0, 4))]
        return "[" + space() + (space() + "," + space()).join(items) + space() + "]"
    return write_object(rng, depth, space)


def write_object(rng, depth, space):
    keys = {random_string(rng) for _ in range(rng.randint(0, 7))}
    items = [write_string(rng, k) + space() + ":" + space() + write_tree(rng, depth - 1)
             for k in sorted(keys, key=lambda _: rng.random())]
    return "{" + space() + (space() + "," + space()).join(items) + space() + "}"


def random_trees(rng, count):
    space = lambda: rng.choice(("", " "))
    return [write_object(rng, rng.randint(1, 5), space).encode() for _ in range(count)]


def code_points():
    """Every code point raw, escaped and as a member's name, 800 to a text."""
    every = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for at in range(0, len(every), 800):
        part = every[at:at + 800]
        raw = [json.dumps(chr(c), ensure_ascii=False) for c in part]
        low = [json.dumps("x" + chr(c)) for c in part]
        upper = [json.dumps(chr(c) + "y").replace("\\u", "\\U").upper().replace("\\U", "\\u")
                 if c > 0x7F else "1" for c in part]
        plain = [json.dumps("\\" + chr(c), ensure_ascii=False) + ":0" for c in reversed(part)]
        yield ('{"a":[' + ",".join(raw + low + upper) + '],"b":{' + ",".join(plain) +
               "}}").encode()


def spread_keys(rng):
    """Names over the whole range, where UTF-16 order and code point order differ."""
    out = []
    for _ in range(300):
        keys = set()
        while len(keys) < rng.choice((10, 100, 1000)):
            c = rng.choice((rng.randrange(0xD800), rng.randrange(0xE000, 0x10000),
                            rng.randrange(0x10000, 0x110000)))
            keys.add(rng.choice(("", "a", "\uffff", "\U00010000")) + chr(c))
        keys = sorted(keys, key=lambda _: rng.random())
        out.append(("{" + ",".join(write_string(rng, k) + ":1" for k in keys) + "}").encode())
    return out


# ---- rejection -------------------------------------------------------------

def nested(depth):
    """depth levels in all, the top one included."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def deep_objects(depth):
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


# (name, text, fault, what Python's json.loads says of it)
REJECTED = [
    ("duplicate", b'{"a":1,"a":2}', "duplicate", True),
    ("duplicate, escaped", b'{"a":1,"\\u0061":2}', "duplicate", True),
    ("duplicate, nested", b'{"x":[{"b":1,"c":2,"b":1}]}', "duplicate", True),
    ("duplicate, astral", '{"🦞":1,"\\ud83e\\udd9e":2}'.encode(), "duplicate", True),
    ("duplicate, empty", b'{"":1,"":2}', "duplicate", True),
    ("duplicate among many", b"{" + b",".join(b'"%d":0' % (i % 4000) for i in range(4001)) + b"}",
     "duplicate", True),
    ("NaN", b'{"a":NaN}', "number", True),
    ("Infinity", b'{"a":Infinity}', "number", True),
    ("-Infinity", b'{"a":-Infinity}', "number", True),
    ("1e999", b'{"a":1e999}', "number", True),
    ("-1e999", b'{"a":-1e999}', "number", True),
    ("just over", b'{"a":1.7976931348623159e308}', "number", True),
    ("halfway over", b'{"a":%d.0}' % (2 ** 1024 - 2 ** 970), "number", True),
    ("halfway over, long", b'{"a":%d.%s}' % (2 ** 1024 - 2 ** 970, b"0" * 2000), "number", True),
    ("1e19 digits of exponent", b'{"a":1e9999999999999999999}', "number", True),
    ("1,001 digits", b'{"a":' + b"1" * 1001 + b"}", "number", True),
    ("-1,001 digits", b'{"a":-' + b"1" * 1001 + b"}", "number", True),
    ("lone high", b'{"a":"\\ud800"}', "surrogate", True),
    ("lone low", b'{"a":"\\udc00"}', "surrogate", True),
    ("high high", b'{"a":"\\ud800\\ud800"}', "surrogate", True),
    ("low high", b'{"a":"\\udc00\\ud800"}', "surrogate", True),
    ("high then text", b'{"a":"\\ud83ex"}', "surrogate", True),
    ("lone in a name", b'{"\\ud800":1}', "surrogate", True),
    ("raw surrogate", b'{"a":"\xed\xa0\x80"}', "surrogate", False),
    ("depth 65", nested(65), "depth", True),
    ("depth 65, objects", deep_objects(65), "depth", True),
    ("depth 900", nested(900), "depth", True),
    ("4,097 nodes", b'{"a":[' + b",".join([b"0"] * 4095) + b"]}", "nodes", True),
    ("BOM", b'\xef\xbb\xbf{"a":1}', "bom", False),
    ("trailing value", b'{"a":1}{}', "trailing", False),
    ("trailing NUL", b'{"a":1}\0', "trailing", False),
    ("trailing comma at the top", b'{"a":1},', "trailing", False),
    ("top array", b"[1]", "top", True),
    ("top string", b'"a"', "top", True),
    ("top number", b"1", "top", True),
    ("top null", b" null", "top", True),
    ("top NaN", b"NaN", "top", True),
    ("empty", b"", "syntax", False),
    ("space", b"  ", "syntax", False),
    ("unclosed", b'{"a":1', "syntax", False),
    ("unclosed string", b'{"a":"b', "syntax", False),
    ("cut escape", b'{"a":"\\u12', "syntax", False),
    ("bad escape", b'{"a":"\\x41"}', "syntax", False),
    ("escape of NUL", b'{"a":"\\\0"}', "syntax", False),
    ("raw newline", b'{"a":"\n"}', "syntax", False),
    ("trailing comma", b'{"a":1,}', "syntax", False),
    ("trailing comma in array", b'{"a":[1,]}', "syntax", False),
    ("two commas", b'{"a":1,,"b":2}', "syntax", False),
    ("leading comma", b'{,"a":1}', "syntax", False),
    ("no colon", b'{"a" 1}', "syntax", False),
    ("no comma", b'{"a":1 "b":2}', "syntax", False),
    ("bare name", b"{a:1}", "syntax", False),
    ("single quotes", b"{'a':1}", "syntax", False),
    ("comment", b'{"a":1/**/}', "syntax", False),
    ("wrong closer", b'{"a":[1}', "syntax", False),
    ("leading zero", b'{"a":01}', "syntax", False),
    ("minus alone", b'{"a":-}', "syntax", False),
    ("plus", b'{"a":+1}', "syntax", False),
    ("no fraction", b'{"a":1.}', "syntax", False),
    ("no whole", b'{"a":.5}', "syntax", False),
    ("no exponent", b'{"a":1e}', "syntax", False),
    ("hex", b'{"a":0x10}', "syntax", False),
    ("word", b'{"a":nul}', "syntax", False),
    ("capital", b'{"a":True}', "syntax", False),
    ("form feed as space", b'{\x0c"a":1}', "syntax", False),
    ("no-break space", '{\u00a0"a":1}'.encode(), "syntax", False),
    ("UTF-8 cut", b'{"a":"\xe9"}', "utf8", False),
    ("UTF-8 overlong", b'{"a":"\xc0\xaf"}', "utf8", False),
    ("UTF-8 past the end", b'{"a":"\xf4\x90\x80\x80"}', "utf8", False),
    ("UTF-8 continuation", b'{"a":"\x80"}', "utf8", False),
]

ACCEPTED = [
    ("depth 64", nested(64)),
    ("depth 64, objects", deep_objects(64)),
    ("4,096 nodes", b'{"a":[' + b",".join([b"0"] * 4094) + b"]}"),
    ("4,095 members", b"{" + b",".join(b'"%d":0' % (i * 7919 % 4096) for i in range(4095)) + b"}"),
    ("1,000 digits", b'{"a":' + b"9" * 1000 + b',"b":-' + b"9" * 1000 + b"}"),
    ("largest", b'{"a":1.7976931348623158e308}'),
    ("under halfway", b'{"a":%d.9}' % (2 ** 1024 - 2 ** 970 - 1)),
    ("NUL in a name", b'{"a\\u0000b":1,"a":2,"a\\u0000":3}'),
    ("empty", b"{}"), ("space around", b" \t\r\n{ } \n"), ("minus zero", b'{"a":-0,"b":-0.0}'),
]


def python_takes(text):
    try:
        # The network hands over bytes: UTF-8 first, then JSON, as the legacy node does it.
        json.loads(text.decode("utf-8"))
        return True
    except (ValueError, RecursionError):
        return False


def check_rejected(tool):
    wrong = []
    for (name, text, fault, taken), got in zip(REJECTED, run(tool, "canon",
                                                             [r[1] for r in REJECTED])):
        if got != "!" + fault:
            wrong.append((text, f"{name}: {got}", "!" + fault))
        if python_takes(text) != taken:
            wrong.append((text, f"{name}: Python", "accepts" if taken else "rejects"))
    report("rejected classes", len(REJECTED), wrong)
    check_texts("accepted limits", tool, [text for _, text in ACCEPTED])


def check_mutations(rng, tool, trees):
    """Whatever we call malformed Python must reject, and what we accept must be equal."""
    texts = []
    for text in trees:
        data = bytearray(text)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            roll = rng.randrange(4)
            if roll == 0:
                data[at] = rng.choice(b'{}[]",:\\u0123456789eE+-. \n\x00\x7f\x80\xc3\xff')
            elif roll == 1:
                del data[at]
            elif roll == 2:
                data.insert(at, rng.choice(b'{}[]",:\\0123456789eE+-.'))
            else:
                del data[at:]
            if not data:
                break
        texts.append(bytes(data))
    wrong, accepted = [], 0
    for text, got in zip(texts, run(tool, "canon", texts)):
        if not got.startswith("!"):
            accepted += 1
            if not python_takes(text) or canonical(text) != got:
                wrong.append((text, got, "what Python says"))
        elif got in ("!syntax", "!utf8", "!trailing", "!bom") and python_takes(text):
            wrong.append((text, got, "accepted, as by Python"))
    report(f"mutations ({accepted} still accepted)", len(texts), wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=3000)
    parser.add_argument("--doubles", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=20260328)
    parser.add_argument("tool")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    start = time.monotonic()
    print(f"seed {args.seed}, Python {sys.version.split()[0]}", flush=True)

    check_rejected(args.tool)
    for name, literals in special_literals(rng).items():
        literals = [as_float_text(t) for t in literals]
        check_bits(name + ", bits", args.tool, literals)
        check_literals(name, args.tool,
                       [t for t in literals if abs(float(t)) != float("inf")])
    longs = long_literals(rng, 10000) + long_literals(rng, 60000)
    check_bits("literals of 10,000 and 60,000 digits, bits", args.tool, longs)
    check_texts("literals of 10,000 and 60,000 digits", args.tool,
                [b'{"a":%s}' % t.encode() for t in longs if abs(float(t)) != float("inf")])
    check_literals("random doubles", args.tool, random_doubles(rng, args.doubles))
    check_texts("every code point", args.tool, list(code_points()))
    check_texts("names over the whole range", args.tool, spread_keys(rng))
    for at in range(0, args.trees, 20000):
        trees = random_trees(rng, min(20000, args.trees - at))
        check_texts("random trees", args.tool, trees)
        check_mutations(rng, args.tool, trees)
    naive_caught = check_naive(args.tool)

    print(f"{checks} checks, {failures} differences, {time.monotonic() - start:.1f} s")
    return 1 if failures or not naive_caught else 0


if __name__ == "__main__":
    sys.exit(main())
