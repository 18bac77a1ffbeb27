#!/bin/bash
# Proves that every kind of NAT in the lab is what it claims to be, then tries all pairs, REPEAT times each. Options go
# to `lab matrix`; `scripts/lab.sh --help` lists them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh lab
build_programs --profile dev
lab=$(target_dir)/debug/lab

"$lab" prove
printf '\n'
exec "$lab" matrix ${REPEAT:+--repeat "$REPEAT"} "$@"
