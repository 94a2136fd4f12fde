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

lcp=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lcpdoc.XXXXXX")
failed=0
checks=0
pids=

# Ends what this script started, by its pid.
stop_nodes()
{
    for pid in $pids; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    pids=
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
    for file in lcp.bash _lcp; do
        grep -oE -- '--[a-z][a-z-]*' "$root/share/completions/$file" >"$tmp/page"
        sed -n 's/^\.It Fl -\([a-z-]*\).*/--\1/p' "$root/man/lcp.1" |
            grep -vxE -- '--(peer-ip|my-ip|port|pretty)' >"$tmp/program"
        same "$file completes every option" "$tmp/program" "$tmp/page"
    done
}

check_commands
check_conf
check_counters
check_codes
check_completions

echo "test_docs: $checks checks, $failed failed"
[ "$failed" -eq 0 ]
