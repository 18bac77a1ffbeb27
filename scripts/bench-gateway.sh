#!/bin/bash
# Measures the gateway beside a bare HTTP server, all in one run. Options go to the program; `scripts/bench-gateway.sh --help` lists
# them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
build_programs --release
# Ten thousand subscribers take as many file descriptors on each side.
ulimit -n "$(ulimit -Hn)"
exec "$(target_dir)/release/bench_gateway" "$@"
