#!/bin/bash
# Measures topics beside NATS, Redis and the disk itself, all in one run. Options go to the program; `scripts/bench-topics.sh
# --help` lists them. NATS and Redis are optional: without nats-server or redis-server their rows say so.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
for server in nats-server redis-server; do
  PATH=$PATH:/usr/sbin command -v "$server" >/dev/null ||
    say "$server is not installed: nothing is measured beside it; on Debian and Ubuntu: apt-get install $server"
done
build_programs --release
# By itself: what the others depend on must not choose the features that Atoll's programs are built with.
cargo build --release -p atoll-load --no-default-features
exec "$(target_dir)/release/bench_topics" "$@"
