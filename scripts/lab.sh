#!/bin/bash
# Proves that every kind of NAT in the lab is what it claims to be, then tries all pairs, REPEAT times each: with plain UDP
# probes, which shows what is possible, and with nodes, over lines of 20 and 45 ms. Options go to the latter;
# `scripts/lab.sh --help` lists them. In the end it measures how long nodes take when something happens to their network.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh lab
build_programs --profile dev
lab=$(target_dir)/debug/lab

"$lab" prove
printf '\n'
"$lab" matrix ${REPEAT:+--repeat "$REPEAT"}
printf '\n'
status=0
"$lab" matrix --subject node --delay 20,45 ${REPEAT:+--repeat "$REPEAT"} "$@" || status=$?
# Not for who only asked what the options are.
case " $* " in *" --help "* | *" -h "*) exit "$status" ;; esac
printf '\n'
"$lab" times --delay 20,45 ${REPEAT:+--repeat "$REPEAT"} || status=$?
exit "$status"
