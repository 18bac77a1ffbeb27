#!/bin/bash
# Runs protocol simulations in virtual time: SCENARIO by name, with SEED (17 or 1-20) and NODES. Lists the scenarios
# without one. Options go to the program; `scripts/sim.sh --help` lists them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
# By itself: it needs nothing of the node.
cargo build --quiet --release -p atoll-sim
exec "$(target_dir)/release/sim" ${SCENARIO:+"$SCENARIO"} ${SEED:+--seed "$SEED"} ${NODES:+--nodes "$NODES"} "$@"
