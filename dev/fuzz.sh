#!/usr/bin/env bash
# Fuzz every target in turn: dev/fuzz.sh PYTHON RUNS [TARGET…]; a line a target, the first find ends it.
set -euo pipefail
python=$(realpath -s "$1")
runs=$2
shift 2
corpus=${PANA_FUZZ_CORPUS:-${XDG_CACHE_HOME:-$HOME/.cache}/pana-fuzz}
seed=${PANA_FUZZ_SEED:-$RANDOM}
mkdir -p "$corpus"
cd "$(dirname "$0")/../tests"
[ $# -gt 0 ] || mapfile -t names < <("$python" -c 'from fuzz.targets import TARGETS; print(*TARGETS, sep="\n")')
[ $# = 0 ] || names=("$@")
total=0 most=0
for name in "${names[@]}"; do
  log=$corpus/$name.log
  if ! "$python" -m fuzz.drive "$name" "$runs" "$seed" "$corpus/$name" >"$log" 2>&1; then
    tail -n 30 "$log"
    echo "fuzz: $name: found something, seed $seed; the input is $corpus/$name-*" >&2
    exit 1
  fi
  took=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
  total=$((total + took))
  if [ "$peak" -gt "$most" ]; then most=$peak; fi
  echo "$name: $took inputs, at most $peak MB"
done
echo "fuzz: inputs=$total targets=${#names[@]} crashes=0 hangs=0 peak_mb=$most seed=$seed"
