#!/bin/bash
# Measures bytes through `node expose` and `node forward` beside a stream between the same two nodes. Options go to the program;
# `scripts/bench-tunnel.sh --help` lists them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
build_programs --release
exec "$(target_dir)/release/bench_tunnel" "$@"
