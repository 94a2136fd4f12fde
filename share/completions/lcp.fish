# SPDX-License-Identifier: MIT
# Completion of lcp for fish: commands, options, names of peers, states.

# Names of peers of the home on the command line; nothing when there is none.
function __lcp_peers
    set -l words (commandline -opc)
    set -l home
    if set -l at (contains -i -- --home $words)
        set home --home $words[(math $at + 1)]
    end
    lcp peer list --json $home 2>/dev/null | string match -ar '"name": *"[^"]*"' |
        string replace -r '^"name": *"(.*)"$' '$1'
end

function __lcp_no_command
    not __fish_seen_subcommand_from $__lcp_commands
end

function __lcp_in
    __fish_seen_subcommand_from $argv
end

set -g __lcp_commands init node id peer send check read done ack refuse sent verify cancel \
    resend held release pause resume log status ping version purge

complete -c lcp -f
complete -c lcp -l help -d 'print usage'
complete -c lcp -l home -x -a '(__fish_complete_directories)' -d 'the home'
complete -c lcp -l json -d 'output for programs'

complete -c lcp -n __lcp_no_command -a init -d 'make a home'
complete -c lcp -n __lcp_no_command -a node -d 'run the daemon'
complete -c lcp -n __lcp_no_command -a id -d 'own name, address and key'
complete -c lcp -n __lcp_no_command -a peer -d 'the registry of peers'
complete -c lcp -n __lcp_no_command -a send -d 'send a message'
complete -c lcp -n __lcp_no_command -a check -d 'show pending mail'
complete -c lcp -n __lcp_no_command -a read -d 'show one message whole'
complete -c lcp -n __lcp_no_command -a done -d 'archive handled mail'
complete -c lcp -n __lcp_no_command -a ack -d 'archive handled mail'
complete -c lcp -n __lcp_no_command -a refuse -d 'turn a message away'
complete -c lcp -n __lcp_no_command -a sent -d 'where sent messages stand'
complete -c lcp -n __lcp_no_command -a verify -d 'check a proof'
complete -c lcp -n __lcp_no_command -a cancel -d 'stop a queued message'
complete -c lcp -n __lcp_no_command -a resend -d 'make a new message of a dead one'
complete -c lcp -n __lcp_no_command -a held -d 'show mail that waits for a person'
complete -c lcp -n __lcp_no_command -a release -d 'let held mail in'
complete -c lcp -n __lcp_no_command -a pause -d 'hand out no more mail'
complete -c lcp -n __lcp_no_command -a resume -d 'end a pause'
complete -c lcp -n __lcp_no_command -a log -d 'show what persons decided'
complete -c lcp -n __lcp_no_command -a status -d 'how the daemon is'
complete -c lcp -n __lcp_no_command -a ping -d 'measure the way to a peer'
complete -c lcp -n __lcp_no_command -a version -d 'versions of command, daemon and libraries'
complete -c lcp -n __lcp_no_command -a purge -d 'delete old bodies'

complete -c lcp -n '__lcp_in init' -l name -x -d 'name of the agent'
complete -c lcp -n '__lcp_in init' -l address -x -d 'address to listen on'
complete -c lcp -n '__lcp_in init' -l from -x -a '(__fish_complete_directories)' \
    -d 'folder of a Python node'
complete -c lcp -n '__lcp_in node' -l detach -d 'go to the background'
complete -c lcp -n '__lcp_in node' -l reseal -d 'look a changed record through, go on if it is sound'
complete -c lcp -n '__lcp_in peer' -a 'add list remove trust set'
complete -c lcp -n '__lcp_in peer; and __lcp_in remove trust set' -a '(__lcp_peers)'
complete -c lcp -n '__lcp_in peer' -l unknown -d 'addresses that are no peers'
complete -c lcp -n '__lcp_in peer release resume' -l yes -d 'do not ask'
complete -c lcp -n '__lcp_in send' -l to -x -a '(__lcp_peers)' -d 'the peer'
complete -c lcp -n '__lcp_in check' -l from -x -a '(__lcp_peers)' -d 'only this peer'
complete -c lcp -n '__lcp_in send check' -l type -x -a 'chat task result ping pong'
complete -c lcp -n '__lcp_in send' -l reply-to -x -d 'message answered'
complete -c lcp -n '__lcp_in send' -l id -x -d 'id of the message'
complete -c lcp -n '__lcp_in send' -l ttl -x -d 'how long it may be queued'
complete -c lcp -n '__lcp_in send' -l wait -x -a 'stored read done' -d 'until it is so'
complete -c lcp -n '__lcp_in send' -l timeout -x -d 'how long to wait'
complete -c lcp -n '__lcp_in send' -l no-wait -d 'only accept'
complete -c lcp -n '__lcp_in check log' -l limit -x -d 'at most'
complete -c lcp -n '__lcp_in check sent held' -l after -x -d 'the next page'
complete -c lcp -n '__lcp_in check read' -l peek -d 'does not count as read'
complete -c lcp -n '__lcp_in read' -l thread -d 'the conversation'
complete -c lcp -n '__lcp_in done ack' -l through -x -d 'up to this number'
complete -c lcp -n '__lcp_in done ack' -l all -d 'all pending'
complete -c lcp -n '__lcp_in refuse' -l reason -x -d 'a sentence for the sender'
complete -c lcp -n '__lcp_in sent' -l proof -d 'the evidence'
complete -c lcp -n '__lcp_in sent' -l state -x \
    -a 'dead queued sent acked held stored read done refused expired cancelled cancel-requested'
complete -c lcp -n '__lcp_in verify' -F
complete -c lcp -n '__lcp_in pause resume ping' -a '(__lcp_peers)'
complete -c lcp -n '__lcp_in log' -l audit -d 'the audit record'
complete -c lcp -n '__lcp_in purge' -l older-than -x -d age
