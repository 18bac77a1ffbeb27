#!/bin/bash
# Measures what a thousand newcomers take of a node, and whether somebody who is known notices it: in a network namespace of its
# own, since peers on loopback are no strangers.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh lab
build_programs --release
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(--user --map-root-user)
# Each of the crowd takes two of the file descriptors of the program.
ulimit -n 8192
# shellcheck disable=SC2016 # the inner shell's
exec unshare "${as_root[@]}" --net sh -c 'ip link set lo up && ip addr add 203.0.113.1/24 dev lo && exec "$@"' sh \
  "$(target_dir)/release/bench_crowd" "$@"
