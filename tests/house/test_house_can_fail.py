#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A copy of the tree with one breach of each kind: the house check must name every one of them,
and none of the things beside them that are allowed.

    test_house_can_fail.py BUILD [CC]
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SPDX = "/* SPDX-License-Identifier: MIT\n *\n * Planted.\n */\n"

# Path, text behind the SPDX line, what the check must say.
TEXTS = [
    ("src/core/planted_store.c", '#include "store/store.h"\n', r"core must not know store"),
    ("src/core/planted_os.c", '#include "base/os.h"\n', r"core must not know base/os\.h"),
    ("src/base/planted_core.c", '#include "core/msg.h"\n', r"base must not know core"),
    ("src/ipc/planted_node.c", '#include "node/world.h"\n', r"ipc must not know node"),
    ("src/node/planted_uv.c", '#include "uv/udp.h"\n', r"node must not know uv"),
    ("src/cli/planted_uv.c", '#include "uv/daemon.h"\n', r"cli must not know uv"),
    ("src/cli/planted_core.c", '#include "core/msg.h"\n', r"cli must not know core"),
    ("src/core/planted_bare.c", '#include "msg.h"\n', r"give the room too"),
    ("src/attic/planted.c", "", r"a room that docs/design\.md does not know: attic"),
    ("include/lcp/planted_room.h", '#include "base/err.h"\n', r"a public header includes base/err\.h"),
    ("src/core/planted_sodium.c", "#include <sodium.h>\n", r"sodium\.h outside its room"),
    ("src/node/planted_sqlite.c", "#include <sqlite3.h>\n", r"sqlite3\.h outside its room"),
    ("src/ipc/planted_uv.c", "#include <uv.h>\n", r"uv\.h outside its room"),
    ("src/cli/planted_ini.c", '#include "ini.h"\n', r"ini\.h outside its room"),
    ("src/node/planted_win.c", "#ifdef _WIN32\n#endif\n", r"_WIN32 outside its room"),
    ("src/base/planted_alone.h", "uint8_t planted;\n", r"does not compile alone"),
    ("src/base/planted_long.c", "\n" * 600, r"60\d lines; at most 600"),
    ("src/base/planted_function.c", "static int\nf(void)\n{\n" + "    f();\n" * 59 + "}\n",
     r"a function of 61 lines"),
    ("src/base/planted_macro.h", "#define PLANTED 1\n", r"macro PLANTED without LCP_"),
    ("src/base/planted_type.h", "struct planted {\n    int a;\n};\n", r"type planted without lcp_"),
    ("src/base/planted_enum.h", "enum lcp_p {\n    LCP_P_A = (1),\n    P_B\n};\n",
     r"enumerator P_B without LCP_"),
    ("src/base/planted_typedef.h", "typedef struct lcp_t lcp_t;\n", r"a struct behind a typedef"),
]
# What must stay unmentioned.
ALLOWED = [
    ("src/cli/cmd_node.c", '#include "uv/daemon.h"\n'),
    ("src/base/os_planted.c", "#ifdef _WIN32\n#endif\n"),
    ("src/store/sqlite_planted.c", "#include <sqlite3.h>\n"),
    ("src/node/planted_comment.c", "/* _WIN32, #include <sodium.h> */\n"),
    ("src/base/planted_sixty.c", "static int\ng(void)\n{\n" + "    g();\n" * 58 + "}\n"),
]
# What the machine may not call, one of each kind.
IMPURE = {
    "time": "long time(long *); long lcp_p1(void) { return time(0); }",
    "clock_gettime": "int clock_gettime(int, void *); int lcp_p2(void) { return clock_gettime(0, 0); }",
    "socket": "int socket(int, int, int); int lcp_p3(void) { return socket(0, 0, 0); }",
    "fopen": "void *fopen(const char *, const char *); void *lcp_p4(void) { return fopen(\"\", \"\"); }",
    "malloc": "void *malloc(unsigned long); void *lcp_p5(void) { return malloc(1); }",
    "syslog": "void syslog(int, const char *, ...); void lcp_p6(void) { syslog(0, \"\"); }",
    "pthread_create": "int pthread_create(void); int lcp_p7(void) { return pthread_create(); }",
    "getrandom": "int getrandom(void); int lcp_p8(void) { return getrandom(); }",
    "stderr": "extern void *stderr; void *lcp_p9(void) { return stderr; }",
    "lcp_os_mono_ms": "long lcp_os_mono_ms(void); long lcp_p10(void) { return lcp_os_mono_ms(); }",
    "lcp_random": "void lcp_random(void); void lcp_p11(void) { lcp_random(); }",
}


def run_house(root, build, cc):
    done = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "house.py"), "--root", root,
                           "--build", build, "--cc", cc], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def put(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def add_object(work, cc, archive, name, code):
    source, obj = os.path.join(work, name + ".c"), os.path.join(work, name + ".o")
    put(work, name + ".c", code + "\n")
    subprocess.run([*cc.split(), "-w", "-fno-builtin", "-c", source, "-o", obj], check=True)
    subprocess.run(["ar", "qc", archive, obj], check=True)


def plant(root, build, work, cc):
    """Plants everything; returns rows of label and expected pattern."""
    rows = []
    for path, text, want in TEXTS:
        put(root, path, SPDX + text)
        rows.append((path, re.escape(path) + r".*" + want))
    put(root, "src/base/planted_bare.c", "int lcp_planted;\n")
    rows.append(("no SPDX line", r"planted_bare\.c: does not begin with its SPDX line"))
    for path, text in ALLOWED:
        put(root, path, SPDX + text)

    core = os.path.join(build, "liblcp_core.a")
    for name, code in IMPURE.items():
        add_object(work, cc, core, "planted_" + name, code)
        rows.append(("core calls " + name, r"liblcp_core\.a: the machine uses _?%s$" % name))
    add_object(work, cc, os.path.join(build, "liblcp_store.a"), "planted_symbol", "int helper;")
    rows.append(("a foreign name", r"liblcp_store\.a: external symbol _?helper without lcp_"))
    add_object(work, cc, os.path.join(build, "liblcp_node.a"), "planted_bug", "int lcp_bug_active;")
    rows.append(("a bug in a room", r"liblcp_node\.a: holds a seeded bug"))
    put(work, "main.c", "int lcp_bug_active;\nint main(void) { return lcp_bug_active; }\n")
    subprocess.run([*cc.split(), os.path.join(work, "main.c"), "-o", os.path.join(build, "lcp")],
                   check=True)
    rows.append(("a bug in the binary", r"lcp: holds a seeded bug"))
    return rows


def main():
    build_from, cc = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "cc"
    with tempfile.TemporaryDirectory(prefix="lcp-house-") as work:
        root, build = os.path.join(work, "tree"), os.path.join(work, "build")
        os.makedirs(build)
        for top in ("src", "include"):
            shutil.copytree(os.path.join(ROOT, top), os.path.join(root, top))
        for archive in glob.glob(os.path.join(build_from, "liblcp_*.a")):
            shutil.copy(archive, build)
        _, before = run_house(root, build, cc)
        rows = plant(root, build, work, cc)
        code, after = run_house(root, build, cc)

    failed = [label for label, want in rows if not re.search(want, after, re.M)]
    early = [label for label, want in rows if re.search(want, before, re.M)]
    wrong = [path for path, _ in ALLOWED if path in after]
    for label in failed:
        print("not caught: %s" % label)
    for label in early:
        print("reported before it was planted: %s" % label)
    for path in wrong:
        print("reported though it is allowed: %s" % path)
    if code != 1:
        print("exit code %d, not 1" % code)
    if failed or early or wrong or code != 1:
        print(after)
        return 1
    print("house_can_fail: %d breaches planted, %d caught" % (len(rows), len(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
