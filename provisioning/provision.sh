#!/usr/bin/env bash
# Make a safe-point kiosk of this board, offline, from a signed bundle. docs/provisioning.md tells of every step.
#
#   sudo ./provision.sh --bundle FILE [--key owner.pub] [--kiosk ID] [--root DIR] [--dry-run] [--yes] [--lang kk|ru|en]
#   sudo ./provision.sh --remove [--keep-state] [--root DIR] [--dry-run]
#
# Run it again as often as you like: what is right is left alone, what a power cut left half done is finished.
# Exit codes: 0 fine, 1 a step failed, 2 written wrongly, 3 the bundle is refused and nothing was changed.
#
# PANA_CUT=N dies before the Nth write as a power cut would (tests).
set -euo pipefail
umask 077

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=provisioning/lib.sh
. "$HERE/lib.sh"

usage() {
  sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# shellcheck disable=SC2034 # the parts that are sourced read them
BUNDLE='' KEY='' KIOSK='' ROOT='' DRY=no REMOVE=no YES=no KEEP_STATE=no LANGUAGE=''
# shellcheck disable=SC2034 # as above
while [ $# -gt 0 ]; do
  case $1 in
  --bundle | --key | --kiosk | --root | --lang)
    [ $# -ge 2 ] || usage
    case $1 in
    --bundle) BUNDLE=$2 ;;
    --key) KEY=$2 ;;
    --kiosk) KIOSK=$2 ;;
    --root) ROOT=$2 ;;
    --lang) LANGUAGE=$2 ;;
    esac
    shift
    ;;
  --dry-run) DRY=yes ;;
  --remove) REMOVE=yes ;;
  --keep-state) KEEP_STATE=yes ;;
  --yes) YES=yes ;;
  *) usage ;;
  esac
  shift
done
choose_language "$LANGUAGE" || usage
if [ "$REMOVE" = no ] && [ -z "$BUNDLE" ]; then usage; fi
if [ -n "$ROOT" ]; then
  ROOT=$(cd "$ROOT" 2>/dev/null && pwd) || fail root_missing "$ROOT"
  [ "$ROOT" != / ] || ROOT=''
fi
if [ -z "$ROOT" ] && [ "$(id -u)" != 0 ]; then fail not_root; fi

# In memory on the board: the kiosk's secrets pass through it.
scratch=/run
[ -z "$ROOT" ] || scratch=/tmp
WORK=$(mktemp -d "${TMPDIR:-$scratch}/pana-provision.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
: >"$WORK/changes"
exec 9<"$ROOT/" # the lock is the folder itself: taking it changes nothing
flock -n 9 || fail busy
start_log

if [ "$REMOVE" = yes ]; then
  # shellcheck source=provisioning/lib/remove.sh
  . "$HERE/lib/remove.sh"
  remove_all
else
  for step in "$HERE"/steps/[0-9][0-9]-*; do
    run_step "$step"
    [ "${step##*/}" != 10-verify ] || after_verify
  done
  finish
fi
tell_changes
