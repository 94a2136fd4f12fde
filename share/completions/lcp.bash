# SPDX-License-Identifier: MIT
# Completion of lcp for bash: commands, options, names of peers, states.

# Names of peers of the home on the command line; nothing when there is none.
_lcp_peers()
{
    local home=() i

    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == --home ]] && home=(--home "${COMP_WORDS[i + 1]}")
    done
    lcp peer list --json "${home[@]}" 2>/dev/null |
        grep -o '"name": *"[^"]*"' | sed 's/^"name": *"//; s/"$//'
}

_lcp()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' sub='' words='' i
    local common='--help --home --json'
    local types='chat task result ping pong'
    local states='dead queued sent acked held stored read done refused expired cancelled'
    states="$states cancel-requested"

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --home | --from | --to | --type) ((i++)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then
                command=${COMP_WORDS[i]}
            elif [[ -z $sub ]]; then
                sub=${COMP_WORDS[i]}
            fi
            ;;
        esac
    done

    COMPREPLY=()
    case $prev in
    --home)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --from)
        if [[ $command == init ]]; then
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -W "$(_lcp_peers)" -- "$cur")
        fi
        return
        ;;
    --to)
        mapfile -t COMPREPLY < <(compgen -W "$(_lcp_peers)" -- "$cur")
        return
        ;;
    --type)
        mapfile -t COMPREPLY < <(compgen -W "$types" -- "$cur")
        return
        ;;
    --state)
        mapfile -t COMPREPLY < <(compgen -W "$states" -- "$cur")
        return
        ;;
    --wait)
        mapfile -t COMPREPLY < <(compgen -W 'stored read done' -- "$cur")
        return
        ;;
    --name | --address | --id | --ttl | --timeout | --limit | --after | --through | --older-than | \
        --reply-to | --reason)
        return
        ;;
    esac

    case $command in
    '') words='init node id peer send check read done ack refuse sent verify cancel resend held release pause resume log status ping version purge' ;;
    init) words='--name --address --from' ;;
    node) words='--detach --reseal' ;;
    peer)
        case $sub in
        '') words='add list remove trust set' ;;
        list) words='--unknown' ;;
        trust) words="$(_lcp_peers) --yes" ;;
        remove | set) words=$(_lcp_peers) ;;
        esac
        ;;
    send) words='--to --type --reply-to --id --ttl --wait --timeout --no-wait' ;;
    check) words='--from --type --limit --after --peek' ;;
    read) words='--thread --peek' ;;
    done | ack) words='--through --all' ;;
    refuse) words='--reason' ;;
    sent) words='--state --after --proof' ;;
    verify)
        mapfile -t COMPREPLY < <(compgen -f -W "- $common" -- "$cur")
        return
        ;;
    held) words='--after' ;;
    release) words='--yes' ;;
    pause | ping) words=$(_lcp_peers) ;;
    resume) words="$(_lcp_peers) --yes" ;;
    log) words='--audit --limit' ;;
    purge) words='--older-than' ;;
    esac
    [[ -n $command ]] && words="$words $common"
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _lcp lcp
