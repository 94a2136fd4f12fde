#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a person should not have to look for in the texts beside the code: shell scripts that
# a shell or shellcheck objects to, manual pages that mandoc objects to.
set -u
cd "$(dirname "$0")/.." || exit 1

failed=0
fault() {
    echo "lint: $*"
    failed=1
}

# The files whose first line names a shell, wherever they are.
scripts=$(find dev .ci tools tests bench examples -type f -perm -u+r 2>/dev/null |
    while read -r file; do
        case $(head -c 20 "$file" | head -n 1 | tr -d '\0') in
        '#!'*sh*) echo "$file" ;;
        esac
    done)
for script in $scripts; do
    case $(head -n 1 "$script") in
    *bash*) shells=bash ;;
    *) shells='dash bash' ;;
    esac
    for shell in $shells; do
        if command -v "$shell" >/dev/null; then
            "$shell" -n "$script" || fault "$script is no $shell"
        fi
    done
done
if command -v shellcheck >/dev/null; then
    # shellcheck disable=SC2086 # a list of our own file names
    shellcheck $scripts || fault 'shellcheck'
else
    echo 'SKIP tool-shellcheck: not installed'
fi

if command -v mandoc >/dev/null; then
    for page in man/*.[1-9]; do
        mandoc -T lint -W warning "$page" || fault "$page"
    done
else
    echo 'SKIP tool-mandoc: not installed'
fi

[ $failed = 0 ] && echo 'lint: clean'
exit $failed
