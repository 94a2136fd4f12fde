#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs into a folder, moves the folder, and uses what is there as a stranger would: the
# commands, the links, lcp.pc, the library in both forms with every example.
#
#     test_install.sh CMAKE SOURCE BUILD CC
set -eu

cmake=$1 source=$2 build=$3 cc=$4
work=$(mktemp -d)
pids=
cleanup() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

fail() {
    echo "test_install: $*"
    exit 1
}
# expect PATTERN COMMAND...: runs it and looks for the pattern in what it prints.
expect() {
    pattern=$1
    shift
    output=$("$@" 2>&1) || fail "$* exits $?: $output"
    case $output in
    *"$pattern"*) ;;
    *) fail "$*: no \"$pattern\" in: $output" ;;
    esac
}

# A packager's DESTDIR, and nothing beside it.
DESTDIR=$work/stage "$cmake" --install "$build" --prefix /usr >/dev/null
[ -x "$work/stage/usr/bin/lcp" ] || fail 'DESTDIR is not heeded'
[ "$(ls "$work/stage")" = usr ] || fail 'something lies outside the prefix'

"$cmake" --install "$build" --prefix "$work/first" >/dev/null
prefix=$work/second
mv "$work/first" "$prefix"
for file in bin/lcp include/lcp/types.h include/lcp/core.h include/lcp/client.h \
    share/man/man1/lcp.1 share/man/man5/lcp.conf.5 share/man/man7/lcp.7 \
    share/bash-completion/completions/lcp share/zsh/site-functions/_lcp \
    share/fish/vendor_completions.d/lcp.fish; do
    [ -f "$prefix/$file" ] || fail "not installed: $file"
done
for name in lcp_node lcp_send lcp_check lcp_ack lcp_status; do
    [ "$(readlink "$prefix/bin/$name")" = lcp ] || fail "$name is no link to lcp"
    cmp -s "$prefix/bin/$name" "$prefix/bin/lcp" || fail "$name leads nowhere"
done

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name lcp.pc)")
libdir=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH LD_LIBRARY_PATH="$libdir" DYLD_LIBRARY_PATH="$libdir"
for pattern in 'liblcp.a' 'liblcp.so*' 'liblcp*.dylib'; do
    find "$libdir" -name "$pattern"
done >"$work/libraries"
[ "$(grep -c . "$work/libraries")" -ge 2 ] || fail 'a form of the library is missing'
if [ -e "$libdir/liblcp.so" ]; then
    strangers=$(nm -D --defined-only "$libdir/liblcp.so" | awk '$3 !~ /^lcp_/')
    [ -z "$strangers" ] || fail "liblcp.so exports $strangers"
    inner=$(nm -D --defined-only "$libdir/liblcp.so" | grep -E ' lcp_(json|os|verify)' || true)
    [ -z "$inner" ] || fail "liblcp.so exports what no public header names: $inner"
fi

# From another folder, so that no path of the source tree helps. The static form is alone in
# its folder: a linker would prefer the shared one.
mkdir "$work/consumer" "$work/static"
cp "$libdir/liblcp.a" "$work/static"
cp "$source"/examples/*.c "$work/consumer"
cd "$work/consumer"
shared=$(pkg-config --cflags --libs lcp)
static=$(pkg-config --static --define-variable=libdir="$work/static" --cflags --libs lcp)
for example in *.c; do
    name=${example%.c}
    # shellcheck disable=SC2086 # flags are words
    "$cc" -std=c17 -Wall -Wextra -Werror "$example" $shared -o "$name" ||
        fail "$example with the shared library"
    # shellcheck disable=SC2086
    "$cc" -std=c17 -Wall -Wextra -Werror "$example" $static -o "$name-static" ||
        fail "$example with the static library"
done
if command -v c++ >/dev/null; then
    printf '#include <lcp/core.h>\n#include <lcp/client.h>\nint main() { return 0; }\n' >plus.cc
    # shellcheck disable=SC2046
    c++ -std=c++17 -Wall -Werror $(pkg-config --cflags lcp) -fsyntax-only plus.cc ||
        fail 'the headers are no C++'
fi

expect delivered ./machine
expect delivered ./machine-static

# Two daemons of the moved installation, and the example between them. Ports below the
# range that the system hands out, spread by our process id.
port=$((20000 + $$ % 10000))
make_home() { # NAME PORT
    "$prefix/bin/lcp" init --home "$work/$1" --name "$1" --address "127.0.0.1:$2" >/dev/null
}
start_node() { # NAME
    "$prefix/bin/lcp" node --home "$work/$1" >"$work/$1.log" 2>&1 &
    pids="$pids $!"
}
await_node() { # NAME
    for _ in $(seq 200); do
        "$prefix/bin/lcp" status --home "$work/$1" >/dev/null 2>&1 && return
        sleep 0.05
    done
    fail "$1 does not come up: $(cat "$work/$1.log")"
}
make_home A "$port"
make_home B "$((port + 1))"
# shellcheck disable=SC2046 # NAME ADDRESS KEY, three words
"$prefix/bin/lcp" peer add --home "$work/A" $("$prefix/bin/lcp" id --home "$work/B") >/dev/null
# shellcheck disable=SC2046
"$prefix/bin/lcp" peer add --home "$work/B" $("$prefix/bin/lcp" id --home "$work/A") >/dev/null
LCP_HOME=$work/A ./agent 2>/dev/null && fail 'the example found a daemon where none is'
start_node A
start_node B
await_node A
await_node B
export LCP_HOME="$work/A"
expect stored ./agent B 'from the shared one'
expect stored ./agent-static B 'from the static one'
export LCP_HOME="$work/B"
expect 'from the shared one' ./agent-static
expect 'nothing' sh -c './agent | grep . || echo nothing'
echo 'test_install: installed, moved, linked both ways, sent and received'
