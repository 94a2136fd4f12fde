#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Documentation and program say the same: every command and option, every key of lcp.conf with its
# environment variables, every counter, every code of an error, in both directions; the completions
# know the commands; the README's session runs as printed. Every comparison is also run on a page
# with a line missing, and must then fail. Use: test_docs.sh LCP
set -u
LC_ALL=C
export LC_ALL

lcp=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lcpdoc.XXXXXX")
failed=0
checks=0

# Ends the daemons of the session by their pids, and waits until they are gone.
stop_nodes()
{
    for who in A B; do
        [ -S "$tmp/$who/lcp.sock" ] || continue
        pid=$(LCP_HOME=$tmp/$who "$lcp" status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
        [ -n "$pid" ] || continue
        kill "$pid"
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
}
trap 'stop_nodes; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

say()
{
    checks=$((checks + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok    $2"
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
    fi
}

# same CLAIM LEFT RIGHT: two lists, one word a line; says what only one of them has.
same()
{
    sort -u "$2" >"$tmp/left"
    sort -u "$3" >"$tmp/right"
    if [ -s "$tmp/left" ] && cmp -s "$tmp/left" "$tmp/right"; then
        say 0 "$1"
        return
    fi
    say 1 "$1"
    comm -23 "$tmp/left" "$tmp/right" | sed 's/^/      only in the program: /'
    comm -13 "$tmp/left" "$tmp/right" | sed 's/^/      only in the document: /'
}

# differs CLAIM LEFT RIGHT: the comparison above would fail.
differs()
{
    sort -u "$2" >"$tmp/left"
    sort -u "$3" >"$tmp/right"
    ! cmp -s "$tmp/left" "$tmp/right"
    say $? "$1"
}

# --- lcp.1 ---------------------------------------------------------------------------------------

# man_options PAGE COMMAND: long options that its subsection (or "" the common ones) describes.
man_options()
{
    awk -v want="$2" '
        /^\.Sh COMMON OPTIONS/ { on = want == ""; next }
        /^\.Sh / { on = 0 }
        /^\.Ss / { on = want != "" && $2 == want; next }
        on && /^\.It Fl -/ { print "-" $3 }' "$1"
}

man_commands()
{
    awk '/^\.Sh / { on = /COMMANDS$/ } on && /^\.Ss / { print $2 }' "$1"
}

# Words that begin an indented line of `lcp --help`.
help_commands()
{
    "$lcp" --help | sed -n 's/^  *\([a-z][a-z]*\) .*/\1/p'
}

help_options()
{
    "$lcp" "$1" --help | grep -oE -- '--[a-z][a-z-]*'
}

check_commands()
{
    help_commands >"$tmp/program"
    man_commands "$root/man/lcp.1" | grep -vx ack >"$tmp/page"
    grep -vx ack "$tmp/program" >"$tmp/program.rest"
    same "lcp.1 and lcp --help list the same commands" "$tmp/program.rest" "$tmp/page"
    grep -vx purge "$tmp/page" >"$tmp/short"
    differs "and a missing command would be seen" "$tmp/program.rest" "$tmp/short"

    man_options "$root/man/lcp.1" "" | sort -u >"$tmp/common"
    for command in $(man_commands "$root/man/lcp.1" | grep -vx ack); do
        "$lcp" "$command" --help >"$tmp/help" 2>"$tmp/err"
        say $? "lcp $command --help: exit 0"
        grep -q "lcp $command" "$tmp/help"
        say $? "lcp $command --help: has an example"
        help_options "$command" | sort -u | cat - "$tmp/common" | sort -u >"$tmp/program"
        man_options "$root/man/lcp.1" "$command" | cat - "$tmp/common" >"$tmp/page"
        same "lcp.1 and lcp $command --help have the same options" "$tmp/program" "$tmp/page"
    done
    help_options send | cat - "$tmp/common" >"$tmp/program"
    sed '/^\.It Fl -no-wait/d' "$root/man/lcp.1" >"$tmp/lcp.1"
    man_options "$tmp/lcp.1" send | cat - "$tmp/common" >"$tmp/page"
    differs "and a missing option would be seen" "$tmp/program" "$tmp/page"
}

# --- lcp.conf.5 ----------------------------------------------------------------------------------

# One line for each key: section, name, its environment variables in order.
table_keys()
{
    cat "$root"/src/conf/*.c | tr '\n' ' ' |
        grep -oE '\{LCP_CONF_(NODE|PEER), *"[A-Za-z]+", *(NULL|"[A-Z_]+"), *(NULL|"[A-Z_]+")' |
        sed -E 's/[{,"]/ /g; s/NULL/ /g; s/LCP_CONF_//' |
        awk '{ n = split($3 " " $4, env, " "); all = ""
               for (i = n; i > 0; i--) if (i == n || env[i] != env[i + 1]) all = all " " env[i]
               print $1 "/" $2 all }' | sed 's/ *$//; s/ /,/g'
}

page_keys()
{
    awk 'function flush() { if (key != "") print section "/" key env; key = ""; env = "" }
         /^\.Sh / { flush(); section = $2; next }
         (section == "NODE" || section == "PEER") && /^\.It Cm / { flush(); key = $3 }
         key != "" && /^\.Ev / { env = env "," $2 }
         END { flush() }' "$1"
}

check_conf()
{
    table_keys >"$tmp/program"
    page_keys "$root/man/lcp.conf.5" >"$tmp/page"
    same "lcp.conf.5 has every key with its environment" "$tmp/program" "$tmp/page"
    sed '/^\.It Cm TTL/d' "$root/man/lcp.conf.5" >"$tmp/lcp.conf.5"
    page_keys "$tmp/lcp.conf.5" >"$tmp/page"
    differs "and a missing key would be seen" "$tmp/program" "$tmp/page"
}

# --- lcp.7, ipc.md -------------------------------------------------------------------------------

page_counters()
{
    awk '/^\.Sh / { on = $2 == "COUNTERS" } on && /^\.It /' "$1" | tr -s " ," "\n" |
        grep -E '^[a-z]'
}

check_counters()
{
    cat "$root"/src/core/*.c | tr '\n' ' ' | grep -oE '\[LCP_COUNT_[A-Z0-9_]+\] *= *"[a-z_0-9]+"' |
        sed 's/.*"\(.*\)"/\1/' >"$tmp/program"
    page_counters "$root/man/lcp.7" >"$tmp/page"
    same "lcp.7 describes every counter" "$tmp/program" "$tmp/page"
    sed 's/^\.It stranger$/.It/' "$root/man/lcp.7" >"$tmp/lcp.7"
    page_counters "$tmp/lcp.7" >"$tmp/page"
    differs "and a missing counter would be seen" "$tmp/program" "$tmp/page"
}

check_codes()
{
    sed -n '/^| code /,/^$/s/^| \(`[^|]*\) |.*/\1/p' "$root/docs/ipc.md" | tr -d '` ' |
        tr ',' '\n' >"$tmp/program"
    sed -n '/^\.Sh DIAGNOSTICS/,$s/^\.Cm \(.*,\)$/\1/p; /^\.Cm .* io \./s/^\.Cm \(.*\) \./\1/p' \
        "$root/man/lcp.1" | tr -d ' ' | tr ',' '\n' | grep . >"$tmp/page"
    same "lcp.1 and ipc.md list the same codes of errors" "$tmp/program" "$tmp/page"
}


# --- guarantees.md, SECURITY.md ------------------------------------------------------------------

# The tests that a page names.
page_tests()
{
    # shellcheck disable=SC2016 # the backquotes are the page's
    grep -oE '`(unit|sim|power|faults|attack|networks|scale|e2e|interop|vectors|foreign|fuzz)[._a-z0-9]*`' \
        "$1" | tr -d '`' | sort -u
}

# The files of a test by its CTest name: one of them is there.
test_files()
{
    last=${1##*.}
    case $1 in
    unit.*) echo "tests/$(echo "$1" | tr . /).c" ;;
    sim.*) echo "tests/sim/test_$last.c tests/sim/sim_$last.c" ;;
    power) echo tests/power/test_power.c ;;
    power.* | faults.* | attack.* | e2e.*)
        echo "tests/${1%%.*}/test_$last.c tests/${1%%.*}/test_$last.py tests/${1%%.*}/test_$last.sh" ;;
    networks.*) echo tests/networks/test_networks.py ;;
    scale) echo tests/scale/test_scale.py ;;
    interop.python) echo tests/interop/test_interop.py ;;
    vectors.*) echo tests/vectors/oracle.py ;;
    foreign.*) echo tests/foreign/run.sh ;;
    fuzz_*) echo "fuzz/$1.c" ;;
    esac
}

# Says which of the tests named in a list have no file; true when all have one.
tests_exist()
{
    missing=0
    while read -r name; do
        for file in $(test_files "$name") /; do
            [ -f "$root/$file" ] && break
        done
        [ "$file" != / ] && continue
        echo "      no such test: $name"
        missing=1
    done <"$1"
    [ "$missing" -eq 0 ]
}

check_promises()
{
    for page in docs/guarantees.md SECURITY.md; do
        page_tests "$root/$page" >"$tmp/named"
        [ -s "$tmp/named" ] && tests_exist "$tmp/named"
        say $? "every test that $page names is there"
    done
    echo e2e.wishes >>"$tmp/named"
    ! tests_exist "$tmp/named" >/dev/null
    say $? "and a missing one would be seen"
}

# --- completions ---------------------------------------------------------------------------------

check_completions()
{
    help_commands >"$tmp/program"
    sed -n "s/^    '') words='\(init .*\)' ;;/\1/p" "$root/share/completions/lcp.bash" |
        tr ' ' '\n' | grep -vx ack >"$tmp/page"
    grep -vx ack "$tmp/program" >"$tmp/program.rest"
    same "lcp.bash completes every command" "$tmp/program.rest" "$tmp/page"
    sed -n "s/^        '\([a-z]*\):.*/\1/p" "$root/share/completions/_lcp" | grep -vx ack >"$tmp/page"
    same "_lcp completes every command" "$tmp/program.rest" "$tmp/page"
    sed -n 's/.* -n __lcp_no_command -a \([a-z]*\) .*/\1/p' "$root/share/completions/lcp.fish" |
        grep -vx ack >"$tmp/page"
    same "lcp.fish completes every command" "$tmp/program.rest" "$tmp/page"
    for file in lcp.bash _lcp lcp.fish; do
        sed '/^complete/s/ -l \([a-z]\)/ --\1/' "$root/share/completions/$file" |
            grep -oE -- '--[a-z][a-z-]*' >"$tmp/page"
        sed -n 's/^\.It Fl -\([a-z-]*\).*/--\1/p' "$root/man/lcp.1" |
            grep -vxE -- '--(peer-ip|my-ip|port|pretty)' >"$tmp/program"
        same "$file completes every option" "$tmp/program" "$tmp/page"
    done
}

# --- README.md -----------------------------------------------------------------------------------

# The blocks behind <!-- session -->, as one text.
session()
{
    awk '/^<!-- session -->/ { next_block = 1; next }
         /^```/ { on = next_block && !on; if (!on) next_block = 0; next }
         on' "$1"
}

# What differs from run to run becomes the same.
plain()
{
    sed -E -e "s#$tmp/[AB]#/home/you/.lcp#g" -e "s/$net\./100.64.0./g" \
        -e 's/in [0-9]+ ms/in N ms/' -e 's/just now|[0-9]+ s ago/AGO/' \
        -e 's/reply to [0-9a-f]{8}/reply to ID/' -e 's/\([0-9a-f]{32}\)/(FINGERPRINT)/' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]*\+00:00/TIME/' \
        -e 's/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/ID/' \
        -e 's#[A-Za-z0-9+/]{43}=#KEY#'
}

# Runs a session in the homes A and B; prints it as the README does, with what it really says.
play()
{
    key_a='' key_b=''
    doc_a=$(sed -n 's/.*peer add AgentA [^ ]* \(.*=\)$/\1/p' "$1" | head -n 1)
    doc_b=$(sed -n 's/.*peer add AgentB [^ ]* \(.*=\)$/\1/p' "$1" | head -n 1)
    sed -n 's/^\([AB]\)\$ /\1 /p' "$1" | while read -r who line; do
        echo "$who\$ $line"
        case $line in
        *'peer add'*)
            key_a=$(LCP_HOME=$tmp/A lcp id | cut -d ' ' -f 3)
            key_b=$(LCP_HOME=$tmp/B lcp id | cut -d ' ' -f 3)
            ;;
        esac
        line=$(echo "$line" | sed "s/100\.64\.0\./$net./g; s#$doc_a#$key_a#; s#$doc_b#$key_b#")
        LCP_HOME=$tmp/$who sh -c "$line" </dev/null 2>&1 || echo "[exit $?]"
    done
}

check_session()
{
    if [ "$(uname)" != Linux ]; then
        echo "SKIP linux: the README's session needs addresses of 127.0.0.0/8 beside 127.0.0.1"
        return
    fi
    net=127.$((1 + $$ % 200)).$(($(date +%s) % 250))
    session "$root/README.md" >"$tmp/session"
    PATH=$(dirname "$lcp"):$PATH
    play "$tmp/session" >"$tmp/played"
    plain <"$tmp/played" >"$tmp/real"
    plain <"$tmp/session" >"$tmp/said"
    [ -s "$tmp/real" ] && cmp -s "$tmp/real" "$tmp/said"
    say $? "the README's session runs and prints what stands there"
    diff "$tmp/said" "$tmp/real" | sed 's/^/      /'
    stop_nodes
    sed 's/hello/hallo/' "$tmp/said" >"$tmp/other"
    ! cmp -s "$tmp/real" "$tmp/other"
    say $? "and another word would be seen"
}

check_commands
check_conf
check_counters
check_codes
check_promises
check_completions
check_session

echo "test_docs: $checks checks, $failed failed"
[ "$failed" -eq 0 ]
