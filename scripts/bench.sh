#!/bin/bash
# Measures Atoll beside what others would use for the same work, all in one run: calls and streams between two
# processes each. Options go to the driver; `scripts/bench.sh --help` lists them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
build_programs --release
# By itself: what the others depend on must not choose the features that Atoll's programs are built with.
cargo build --release -p atoll-load
exec "$(target_dir)/release/atoll-load" "$@"
