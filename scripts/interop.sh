#!/bin/bash
# Tests nodes beside js-libp2p: connections, Kademlia, gossip, the relay, and calls by a client in JavaScript. Needs Node.js 20.11
# or later, and npm, which downloads what tests/interop/package-lock.json names. With --if-possible a machine that lacks these is no failure.
# Files, such as test/calls.test.js, and options of Node.js's test runner before them may follow.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

needed=20.11 # version of Node.js: that of the options of its test runner

missing=fail
if [ "${1:-}" = --if-possible ]; then
  shift
  missing=skip
fi

skip() {
  say "SKIPPED: the tests beside js-libp2p (tests/interop): $*"
  exit 0
}

js=$(node_js)
[ -n "$js" ] || "$missing" "there is no Node.js on the PATH; install version $needed or later"
version=$("$js" --version)
IFS=. read -r major minor _ <<<"${version#v}"
((major > ${needed%.*} || (major == ${needed%.*} && minor >= ${needed#*.}))) || "$missing" "Node.js here is $version; install version $needed or later"
# npm runs whatever is called node.
PATH=$(dirname "$js"):$PATH
command -v npm >/dev/null || "$missing" "there is no npm on the PATH; install it, it comes with Node.js"

if [ -z "${ATOLL_PROGRAMS:-}" ]; then
  scripts/setup.sh
  build_programs --profile dev
  ATOLL_PROGRAMS=$(target_dir)/debug
fi
export ATOLL_PROGRAMS

cd tests/interop
# Not `npm ci`, which refuses a system whose native QUIC is not in the lock file. Without --no-save it would change that file.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm install --no-save --no-audit --no-fund --ignore-scripts --loglevel=error ||
    "$missing" "npm cannot install what they need; its messages are above"
fi
[ $# -gt 0 ] || set -- test/*.test.js
# One file after the other: each starts several nodes. A file takes some seconds; after five minutes it hangs.
exec "$js" --test --test-concurrency=1 --test-timeout=300000 --test-reporter=spec "$@"
