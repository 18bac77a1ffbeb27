#!/bin/bash
# Measures, with the programs as users run them: how fast nodes join, and services appear and go.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
build_programs --release
exec "$(target_dir)/release/bench_join" "$@"
