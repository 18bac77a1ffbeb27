#!/bin/bash
# Kills nodes, cuts them off from each other and fills their disks for five minutes while others publish, and checks that topics
# lose nothing, by the journals of publishers and subscribers. NODES and SEED say how many nodes and what goes wrong. Options go
# to the program; `scripts/chaos.sh --help` lists them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh lab
build_programs --profile dev
exec "$(target_dir)/debug/lab" chaos ${NODES:+--nodes "$NODES"} ${SEED:+--seed "$SEED"} "$@"
