#!/bin/bash
# Plays every attack on standing, beside EigenTrust and random choice, and prints the table that is kept in README.md.
# Options go to the program; `scripts/sim-reputation.sh --help` lists them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
# By itself: it needs nothing of the node.
cargo build --quiet --release -p atoll-sim
exec "$(target_dir)/release/reputation" "$@"
