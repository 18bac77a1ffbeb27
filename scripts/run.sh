#!/bin/bash
# A small network on this machine, and your own node in it: one bootstrap, one neighbour that offers the example
# services, all on loopback. With PEER=<multiaddr> only your own node, in the network of that peer.
# Stays up until Ctrl-C or SIGTERM, and then stops everything it started.
# shellcheck disable=SC2317 # functions that are called by name, and by traps
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

peer=${PEER:-}
# Your node's identity outlives this run; what the helpers keep does not.
data_dir=${XDG_STATE_HOME:-${HOME:?}/.local/state}/atoll/demo
patience=30 # seconds, for anything that is waited for
loopback=(--listen /ip4/127.0.0.1/udp/0/quic-v1 --listen /ip4/127.0.0.1/tcp/0 --no-mdns)
pids=()

# Starts a program in a process group of its own, so that Ctrl-C reaches this script alone and every program is told
# to stop once: a second signal would make it leave without saying goodbye. Sets `pid`.
start() { # COMMAND…
  set -m
  "$@" </dev/null &
  pid=$!
  set +m
  pids+=("$pid")
}

# The same for a helper, whose output goes to files.
start_helper() { # NAME COMMAND…
  helper=$1
  shift
  start "$@" >"$work/$helper.out" 2>"$work/$helper.err"
}

alive() { kill -0 "$1" 2>/dev/null; }

any_alive() {
  local p
  for p in "${pids[@]}"; do alive "$p" && return; done
  return 1
}

# Runs a command until it succeeds, as long as the program it asks about lives and patience lasts.
wait_until() { # PID WHAT COMMAND…
  local about=$1 what=$2 end=$((SECONDS + patience))
  shift 2
  until "$@"; do
    alive "$about" || fail "$what: it has ended"
    ((SECONDS < end)) || fail "$what: not within $patience s"
    sleep 0.1
  done
}

stop() {
  local end=$((SECONDS + 5))
  trap '' INT TERM
  if [ ${#pids[@]} -gt 0 ]; then
    kill -INT "${pids[@]}" 2>/dev/null || true
    while any_alive && ((SECONDS < end)); do sleep 0.05; done
    kill -KILL "${pids[@]}" 2>/dev/null || true
    wait "${pids[@]}" 2>/dev/null || true
  fi
  rm -rf "$work"
}

# Waits for an address in what the helper prints and sets `address`.
helper_listens() { # PATTERN
  find_address() {
    address=$(sed -n "$1" "$work/$helper.out" | head -n 1)
    [ -n "$address" ]
  }
  wait_until "$pid" "the $helper does not listen" find_address "$1" || exit
}

ask() { "$node" --data-dir "$data_dir" "$@"; }

# Asks for the process as well: another node in that directory would answer too.
has_joined() {
  local status
  status=$(ask network status --output json 2>/dev/null) || return 1
  grep -Eq "\"pid\": *$own\b" <<<"$status" && grep -Eq '"joined": *true' <<<"$status"
}

lists() { # SERVICE
  ask network services --output json 2>/dev/null | grep -Eq "\"name\": *\"$1\""
}

scripts/setup.sh
# The profile of the tests: whoever runs both builds the dependencies once.
build_programs
programs=$(target_dir)/debug
node=$programs/node

work=$(mktemp -d)
trap stop EXIT
trap 'exit 0' INT TERM

options=("${loopback[@]}")
case $peer in
  '')
    start_helper bootstrap "$programs/atoll-bootstrap" --data-dir "$work/bootstrap" "${loopback[@]}" --output json
    helper_listens 's/.*"listening".*"address": *"\([^"]*\)".*/\1/p'
    peer=$address
    start_helper neighbour "$programs/examples/01_serve" "$peer" --data-dir "$work/neighbour"
    helper_listens 's/^listening on \(.*\)$/\1/p'
    ;;
  /ip4/127.* | /ip6/::1/*) ;;
  *)
    options=()   # reachable, as any node is
    patience=300 # a new identity is looked for first, which takes as long as it takes
    ;;
esac

mkdir -p "$data_dir"
start "$node" --peer "$peer" --data-dir "$data_dir" "${options[@]}"
own=$pid
wait_until "$own" "your node has not joined" has_joined

if [ -n "${helper:-}" ]; then
  wait_until "$own" "the neighbour's services are not listed" lists math.calc
  call=(call math.calc add '{"a": 2, "b": 3}')
  another=(call text.tools reverse '{"text": "atoll"}')
else
  other=$(ask network connections --output json | grep -o '12D3Koo[A-Za-z0-9]*' | head -n 1)
  call=(call system ping --peer "$other")
  another=(call system info --peer "$other")
fi

# Prints a command as it can be pasted into another terminal, in whatever directory that is.
pasteable() { # ARGUMENT…
  local word line=
  for word in "$node" --data-dir "$data_dir" "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:@=+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
    line+=" $word"
  done
  printf ' %s\n' "$line"
}

printf '\nServices that your node knows:\n\n'
ask network services
printf '\nA call to another node:\n\n'
pasteable "${call[@]}"
ask "${call[@]}"
printf '\nTry in a second terminal:\n\n'
pasteable network nodes
pasteable service describe "${call[1]}"
pasteable "${another[@]}"
if [ -r "$data_dir/gateway.url" ]; then
  printf '\nOr look at it in a browser: %s\n' "$(<"$data_dir/gateway.url")"
fi
printf '\nCtrl-C stops everything.\n\n'

code=0
wait "$own" || code=$?
fail "your node has ended (exit code $code)"
