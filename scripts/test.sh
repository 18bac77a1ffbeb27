#!/bin/bash
# Installs what is missing, then runs every test.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh lab
# The whole-network tests start the programs themselves.
build_programs --profile dev
cargo test
# Without Node.js these are skipped, and say so.
scripts/interop.sh --if-possible
