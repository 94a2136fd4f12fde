#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the tree to docs/design.md: who may know whom, what the machine may touch, sizes, names.

    house.py [--root DIR] [--build DIR] [--cc CC]

The text is checked always; with --build also the objects of the rooms and the binary there.
Prints one line for each fault and exits 1, or says what was looked at and exits 0.
"""
import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

# Whose headers a room may include, besides its own and the public ones.
ROOMS = {
    "base": set(),
    "core": {"base"},
    "store": {"base"},
    "conf": {"base"},
    "ipc": {"base"},
    "node": {"core", "store", "conf", "ipc", "base"},
    # home.c puts the daemon together: it opens the record and reads the configuration.
    "uv": {"node", "store", "conf", "ipc", "base"},
    "cli": {"store", "conf", "ipc", "base"},
    "mcp": {"ipc", "base"},
}
# Single files that may know more, or less.
MAY_ALSO = {"cli/cmd_node.c": {"uv"}, "cli/legacy.c": {"uv"},  # lcp node and lcp_node
            "cli/cmd_version.c": {"uv"},  # names what it is linked with
            "cli/proof.h": {"core"}}  # lcp verify: reads and checks what the wire carries
# Not lcp_bug(): without optimization that stays as a function that always says no.
BUG_SWITCH = "lcp_bug_active"
PURE = {"core": {"base/os.h"}}  # the machine: time, files and chance come from outside

FOREIGN = [
    (re.compile(r'#\s*include\s*[<"]sodium'), "sodium.h", re.compile(r"base/crypto\.c$")),
    (re.compile(r'#\s*include\s*[<"]sqlite3'), "sqlite3.h", re.compile(r"store/sqlite[a-z_]*\.[ch]$")),
    (re.compile(r'#\s*include\s*[<"]uv\.h'), "uv.h", re.compile(r"uv/[a-z_]+\.[ch]$")),
    (re.compile(r'#\s*include\s*[<"]ini\.h'), "ini.h", re.compile(r"conf/[a-z_]+\.[ch]$")),
    (re.compile(r"\b_WIN32\b"), "_WIN32", re.compile(r"(base/os[a-z_]*\.[ch]|lcp/types\.h)$")),
]

# What the machine may call outside of itself: pure functions over memory.
PURE_SYMBOLS = re.compile(
    r"^_?(mem(cpy|set|cmp|move|chr)|str(len|cmp|ncmp|chr|rchr|spn|cspn)"
    r"|__(mem\w+|str\w+)_chk|__stack_chk_(fail|guard)|__assert_(fail|rtn)|_GLOBAL_OFFSET_TABLE_"
    r"|__(asan|ubsan|tsan|sanitizer|sancov)_\w+|___asan_\w+|_?__odr_asan\S*)$")
IMPURE_OURS = re.compile(r"^_?lcp_(os_\w+|random)$")

faults = []


def fault(where, what):
    faults.append("%s: %s" % (where, what))


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def tree(root):
    """All C files below src/ and include/, as paths relative to root."""
    for top in ("src", "include"):
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def room_of(path):
    parts = path.split(os.sep)
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def without_comments(text):
    """Blanks comments, keeping the lines. Strings are matched so that /* in one is none."""
    def blank(match):
        token = match.group(0)
        return re.sub(r"[^\n]", " ", token) if token.startswith(("/*", "//")) else token
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text,
                  flags=re.S)


def check_includes(path, text):
    room = room_of(path)
    inside = os.sep.join(path.split(os.sep)[1:])
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if not match:
            continue
        target = match.group(1)
        other = target.split("/")[0]
        where = "%s:%d" % (path, number)
        if "/" not in target:
            fault(where, 'include "%s": give the room too' % target)
        elif other == "lcp":
            continue
        elif room is None:
            fault(where, "a public header includes %s" % target)
        elif target in PURE.get(room, ()):
            fault(where, "%s must not know %s" % (room, target))
        elif other != room and other not in ROOMS.get(room, set()) | MAY_ALSO.get(inside, set()):
            fault(where, "%s must not know %s" % (room, other))
    if room is not None and room not in ROOMS:
        fault(path, "a room that docs/design.md does not know: %s" % room)


def check_foreign(path, code):
    for pattern, name, allowed in FOREIGN:
        for number, line in enumerate(code.splitlines(), 1):
            if pattern.search(line) and not allowed.search(path):
                fault("%s:%d" % (path, number), "%s outside its room" % name)


def check_sizes(path, code):
    lines = code.splitlines()
    if len(lines) > FILE_LINES_MAX:
        fault(path, "%d lines; at most %d" % (len(lines), FILE_LINES_MAX))
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start + 1 > FUNCTION_LINES_MAX:
                fault("%s:%d" % (path, start),
                      "a function of %d lines; at most %d" % (number - start + 1, FUNCTION_LINES_MAX))
            start = None


def check_names(path, text, code):
    if not text.startswith("/* SPDX-License-Identifier: MIT\n"):
        fault(path, "does not begin with its SPDX line")
    if not path.endswith(".h"):
        return
    for number, line in enumerate(code.splitlines(), 1):
        where = "%s:%d" % (path, number)
        match = re.match(r"\s*#\s*define\s+(\w+)", line)
        if match and not match.group(1).startswith("LCP_"):
            fault(where, "macro %s without LCP_" % match.group(1))
        match = re.match(r"(?:struct|enum|union)\s+(\w+)\s*\{", line)
        if match and not match.group(1).startswith("lcp_"):
            fault(where, "type %s without lcp_" % match.group(1))
        if re.match(r"\s*typedef\s+struct\b", line):
            fault(where, "a struct behind a typedef")
    for match in re.finditer(r"\benum\b[^;{()]*\{([^}]*)\}", code):
        # Initial values may hold commas inside parentheses.
        for item in re.sub(r"\([^()]*\)", "", match.group(1)).split(","):
            name = item.strip().split("=")[0].strip()
            if re.match(r"[A-Za-z_]\w*$", name) and not name.startswith("LCP_"):
                fault(path, "enumerator %s without LCP_" % name)


def compile_alone(root, cc, path):
    done = subprocess.run(
        [*cc, "-std=c17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
         "-D_XOPEN_SOURCE=700", "-Iinclude", "-Isrc", "-x", "c", "-include", path, os.devnull],
        cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = next((l for l in done.stderr.splitlines() if "error" in l), done.stderr.strip())
        fault(path, "does not compile alone: %s" % reason)


def symbols(archive, *options):
    out = subprocess.run(["nm", "-P", *options, archive], capture_output=True, text=True, check=True)
    names = []
    for line in out.stdout.splitlines():
        fields = line.split()
        if len(fields) >= 2 and not line.endswith(":"):
            names.append(fields[0])
    return names


def check_objects(build):
    seen = 0
    for room in ROOMS:
        archive = os.path.join(build, "liblcp_%s.a" % room)
        if not os.path.exists(archive):
            continue
        seen += 1
        where = os.path.basename(archive)
        for name in sorted(set(symbols(archive, "-g", "--defined-only"))):
            if not name.lstrip("_").startswith("lcp_") and not PURE_SYMBOLS.match(name):
                fault(where, "external symbol %s without lcp_" % name)
            if name.lstrip("_").startswith(BUG_SWITCH):
                fault(where, "holds a seeded bug: %s" % name)
        if room == "core":
            for name in sorted(set(symbols(archive, "-u"))):
                ours = name.lstrip("_").startswith("lcp_") and not IMPURE_OURS.match(name)
                if not ours and not PURE_SYMBOLS.match(name):
                    fault(where, "the machine uses %s" % name)
    if "core" in ROOMS and not os.path.exists(os.path.join(build, "liblcp_core.a")):
        fault(build, "no objects of the machine here: build first")
    binary = os.path.join(build, "lcp")
    if os.path.exists(binary):
        seen += 1
        for name in symbols(binary):
            if name.lstrip("_").startswith(BUG_SWITCH):
                fault("lcp", "holds a seeded bug: %s" % name)
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), ".."))
    parser.add_argument("--build", help="a build folder whose objects to check, too")
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"))
    options = parser.parse_args()
    root = os.path.abspath(options.root)

    paths = list(tree(root))
    if not paths:
        fault(root, "no source found")
    for path in paths:
        text = read(root, path)
        code = without_comments(text)
        check_includes(path, text)
        check_foreign(path, code)
        check_sizes(path, code)
        check_names(path, text, code)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        headers = [path for path in paths if path.endswith(".h")]
        list(pool.map(lambda path: compile_alone(root, options.cc.split(), path), headers))
    objects = check_objects(options.build) if options.build else 0

    for line in faults:
        print(line)
    print("house: %d files, %d headers alone, %d archives and binaries, %d faults"
          % (len(paths), len(headers), objects, len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
