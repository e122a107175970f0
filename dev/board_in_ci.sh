#!/usr/bin/env bash
# `make guest` within 12 minutes, on a machine that has made nothing of it yet.
# What the surroundings do not give (programs, packages, time enough to make release and image of them) is told loudly
# and fails nothing. After that the board is a test like any other: a press that does not arrive fails, and so does a
# board that is not done in the time that is left, on a machine that was quick enough to make it.
set -euo pipefail
cd "$(dirname "$0")/.."
WHOLE_S=720 MADE_S=300 INSTALLED_S=240

not_run() {
  printf '\n##### NOT RUN: make guest, a press on an emulated board: %s\n\n' "$1"
  exit 0
}

timeout "$INSTALLED_S" dev/setup.sh guest || not_run 'its Debian packages cannot be installed here'
code=0
PYTHONPATH=tests timeout $((MADE_S - SECONDS)) .venv/bin/python -m deploy.board || code=$?
case $code in
0) ;;
75) not_run 'what it is made of cannot be had here; see above' ;;
124) not_run "this machine does not make its release and image within $MADE_S s" ;;
*) exit "$code" ;;
esac
echo "release and image of the board after $SECONDS s"
timeout --signal INT --kill-after 30 $((WHOLE_S - SECONDS)) make guest
