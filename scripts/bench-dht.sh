#!/bin/bash
# Measures how fast names that only the DHT knows are found in a network of many nodes.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
build_programs --release
exec "$(target_dir)/release/bench_dht" "$@"
