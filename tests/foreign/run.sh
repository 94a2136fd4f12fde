#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh ARCH SOURCE BUILD NATIVE_SWEEP [SEEDS]: the rooms without the daemon, and their tests,
# for another kind of machine: i386 (32 bits) or s390x (big-endian, by qemu-user). What the
# simulator traces there must be, to the last event, what it traces here; seed 10, the first on
# the real store, need not make as many writes there, but must keep every promise. Libraries of
# that kind of machine come from Debian's packages into BUILD and are never installed.
set -eu
arch=$1 source=$2 build=$3 native=$4 seeds=${5:-9}
case $arch in
i386) cc=i686-linux-gnu-gcc triple=i386-linux-gnu run= ;;
s390x) cc=s390x-linux-gnu-gcc triple=s390x-linux-gnu run=qemu-s390x ;;
*) echo "no such kind of machine: $arch" >&2; exit 2 ;;
esac
for tool in $cc apt-get dpkg ${run:+$run}; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "SKIP tool-$tool: it is needed to build and run for $arch"
        exit 77
    fi
done

work=$build/foreign-$arch
sysroot=$work/sysroot
mkdir -p "$work/apt/lists/partial" "$work/cache/archives/partial" "$work/deb" "$work/obj" "$sysroot"

# apt with a state of its own: the system's list of architectures stays as it is.
foreign_apt() {
    apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
        -o Dir::State="$work/apt" -o Dir::State::Lists="$work/apt/lists" \
        -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" \
        -o APT::Sandbox::User=root "$@"
}

fetch_libraries() {
    [ ! -f "$work/fetched" ] || return 0
    foreign_apt update >"$work/apt.log" 2>&1 || true # a list that is being changed: the others do
    (cd "$work/deb" && foreign_apt download libsodium-dev libsqlite3-dev libinih-dev) \
        >>"$work/apt.log" 2>&1 || {
        cat "$work/apt.log" >&2
        exit 1
    }
    for package in "$work"/deb/*.deb; do
        dpkg -x "$package" "$sysroot"
    done
    touch "$work/fetched"
}

flags="-std=c17 -O1 -g -Wall -Wextra -Werror -Wno-error=format-truncation -DLCP_VERSION=\"foreign\" \
    -I$source/include -I$source/src -I$source/tests -I$source/tests/sim -isystem $sysroot/usr/include"
libraries="-L$sysroot/usr/lib/$triple -lsqlite3 -lsodium -linih -lm -lpthread -ldl"

compile() { # LIST: each file to an object named after its path
    while read -r file; do
        object=$work/obj/$(echo "${file#"$source"/}" | tr / _).o
        if [ ! -f "$object" ] || [ -n "$(find "$source/src" "$source/include" "$source/tests/sim" \
            "$source/tests/check.h" "$file" -newer "$object" -name '*.[ch]' | head -n 1)" ]; then
            echo "$cc $flags -c $file -o $object"
        fi
    done <"$1" | xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} sh -c '{} || exit 255'
}

objects() { # LIST
    while read -r file; do
        echo "$work/obj/$(echo "${file#"$source"/}" | tr / _).o"
    done <"$1"
}

fetch_libraries
ls "$source"/src/base/*.c "$source"/src/core/*.c "$source"/src/conf/*.c "$source"/src/store/*.c \
    "$source"/src/ipc/*.c "$source"/src/node/*.c >"$work/rooms"
(cd "$source/tests/sim" && sed -n 's/^set(sim_sources \(.*\))$/\1/p' CMakeLists.txt) | tr ' ' '\n' |
    sed "s|^|$source/tests/sim/|" >"$work/sim"
printf '%s\n' "$source/tests/power/vfs.c" "$source/tests/power/disk.c" >>"$work/sim"
ls "$source"/tests/unit/base/test_*.c "$source"/tests/unit/core/test_*.c \
    "$source"/tests/unit/ipc/test_ipc.c "$source"/tests/unit/ipc/test_server.c \
    "$source"/tests/unit/store/test_store_memory.c "$source"/tests/unit/store/test_store_sqlite.c \
    "$source"/tests/sim/test_*.c >"$work/programs"
printf '%s\n' "$source/tests/sim/sim_sweep.c" "$source/tests/sim/sweep.c" \
    "$source/tests/sim/promises.c" >"$work/more"
cat "$work/rooms" "$work/sim" "$work/programs" "$work/more" >"$work/all"
compile "$work/all"
rm -f "$work/librooms.a" "$work/libsim.a"
# shellcheck disable=SC2046 # paths of ours without blanks
"${cc%gcc}ar" rcs "$work/librooms.a" $(objects "$work/rooms")
# shellcheck disable=SC2046
"${cc%gcc}ar" rcs "$work/libsim.a" $(objects "$work/sim")

link() { # PROGRAM OBJECT...
    program=$1
    shift
    # shellcheck disable=SC2086 # flags are words
    $cc -static "$@" "$work/libsim.a" "$work/librooms.a" $libraries -o "$program" 2>"$work/link.log" || {
        cat "$work/link.log" >&2
        exit 1
    }
}

count=0
while read -r file; do
    program=$work/$(basename "$file" .c)
    more=
    case $file in
    */sim/test_promises.c) more=$work/obj/tests_sim_promises.c.o ;;
    */sim/test_networks.c) continue ;; # measures, and takes its time
    esac
    link "$program" "$work/obj/$(echo "${file#"$source"/}" | tr / _).o" ${more:+"$more"}
    if ! $run "$program" >"$program.log" 2>&1; then
        tail -n 40 "$program.log" >&2
        echo "$arch: $(basename "$program") failed" >&2
        exit 1
    fi
    count=$((count + 1))
done <"$work/programs"
echo "$arch: $count test programs passed"

link "$work/sim_sweep" "$work/obj/tests_sim_sim_sweep.c.o" "$work/obj/tests_sim_sweep.c.o"
there=$($run "$work/sim_sweep" --seeds "$seeds" --jobs 2 | sed -n 's/^trace hash //p')
here=$("$native" --seeds "$seeds" --jobs 2 | sed -n 's/^trace hash //p')
echo "$arch: trace of $seeds seeds: $there, here: $here"
if [ -z "$here" ] || [ "$there" != "$here" ]; then
    echo "$arch: the same seeds do not do the same there" >&2
    exit 1
fi
$run "$work/sim_sweep" --seed 10 || {
    echo "$arch: on the real store a promise is broken there" >&2
    exit 1
}
