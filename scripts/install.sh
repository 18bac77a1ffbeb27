#!/bin/bash
# Puts the program on the PATH: as `node`, or as `atoll` where Node.js owns that name.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

bin=${PREFIX:-/usr/local}/bin

scripts/setup.sh
build_programs --release
program=$(target_dir)/release/node

name=node owner=$(node_js)
if [ -n "$owner" ]; then
  name=atoll
  say "The name node belongs to Node.js here ($owner): the program is installed as atoll."
fi

as_root=()
writable=$bin
while [ ! -e "$writable" ]; do writable=$(dirname "$writable"); done
if [ ! -w "$writable" ]; then
  command -v sudo >/dev/null || fail "$bin cannot be written to; run as root, or set PREFIX, such as PREFIX=~/.local"
  as_root=(sudo)
fi
# Without what only a debugger wants; function names stay, for messages about crashes.
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip --strip-debug -o "$stripped" "$program"
# install(1) replaces the file instead of writing into it, so a node that is running is not disturbed.
"${as_root[@]}" install -D -m 0755 "$stripped" "$bin/$name"

say "Installed $bin/$name."
case ":$PATH:" in
  *":$bin:"*) say "Start a node:  $name --peer" ;;
  *) say "$bin is not on your PATH. Start a node:  $bin/$name --peer" ;;
esac
