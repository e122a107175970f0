# shellcheck shell=bash
# What every step of provision.sh uses: words, the log, steps, and the parts of lib/.
# Sourced; its variables belong to provision.sh: HERE ROOT WORK DRY YES LANGUAGE BUNDLE KEY KIOSK.

STATE=/var/lib/pana-provision # what was done, so that it can be finished or undone
LOG=/var/log/pana-provision.log
REFUSED=3 # exit code: nothing was changed

# shellcheck source=provisioning/lib/write.sh
. "$HERE/lib/write.sh"
# shellcheck source=provisioning/lib/units.sh
. "$HERE/lib/units.sh"
# shellcheck source=provisioning/lib/bundle.sh
. "$HERE/lib/bundle.sh"
# shellcheck source=provisioning/lib/system.sh
. "$HERE/lib/system.sh"

# choose_language [kk|ru|en]: by default what LC_ALL or LANG says.
choose_language() {
  # shellcheck disable=SC2031 # it is set for programs that run in subshells; here it is still the caller's
  local wish=${1:-${LC_ALL:-${LANG:-en}}}
  case $wish in
  kk* | ru* | en*) LANGUAGE=${wish:0:2} ;;
  *)
    [ -z "${1:-}" ] || return 1
    LANGUAGE=en
    ;;
  esac
}

# word KEY [VALUE…]: one sentence of words/, with {1} {2} … replaced.
word() {
  local line='' number=1 value
  line=$(sed -n "s/^$1=//p" "$HERE/words/$LANGUAGE")
  [ -n "$line" ] || line=$1
  shift
  for value in "$@"; do
    line=${line//"{$number}"/"$value"}
    number=$((number + 1))
  done
  printf '%s\n' "$line"
}

log() {
  [ -z "${LOGGING:-}" ] || printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" >>"$ROOT$LOG"
}

# Where a child's own words go: the log, never the screen.
log_file() { if [ -n "${LOGGING:-}" ]; then echo "$ROOT$LOG"; else echo /dev/null; fi; }

tell() {
  local line
  line=$(word "$@")
  printf '%s\n' "$line"
  log "$line"
}

# fail KEY [VALUE…]: one clear sentence, and the end of this step.
fail() {
  local line
  line=$(word "$@")
  printf '%s\n' "$line" >&2
  log "$line"
  exit "${FAIL_CODE:-1}"
}

# A board that is refused is not written to, not even by the log; one that was begun before is.
start_log() {
  LOGGING=''
  [ "$DRY" = no ] && [ -e "$ROOT$STATE/made" ] || return 0
  open_log
}

open_log() {
  mkdir -p "$ROOT${LOG%/*}"
  [ -e "$ROOT$LOG" ] || install -m 0640 /dev/null "$ROOT$LOG"
  share_log
  LOGGING=yes
}

# kiosk-errands sends the log to the centre. Its group comes with the package, so in a first run later than the log.
share_log() {
  local owner=root:root
  grep -q '^pana-kiosk:' "$ROOT/etc/group" && owner=root:pana-kiosk
  chown "$(ids "$owner")" "$ROOT$LOG"
}

# A step is a file that is read in a shell of its own, so that none can spoil another.
run_step() {
  local name=${1##*/} before code=0
  before=$(wc -l <"$WORK/changes")
  set +e
  (
    set -e
    trap - EXIT
    STEP=$name
    [ "$name" != 10-verify ] || FAIL_CODE=$REFUSED
    # shellcheck disable=SC1090
    . "$1"
  )
  code=$?
  set -e
  if [ "$code" != 0 ]; then
    printf '%s: %s\n' "$name" "$(word failed)" >&2
    log "$name: failed, $code"
    exit "$code"
  fi
  tell_step "$name" $(($(wc -l <"$WORK/changes") - before))
  if [ "$name" = 25-system-part ] && [ -n "${LOGGING:-}" ]; then share_log; fi
  point
}

# What 10-verify found in its own shell.
after_verify() {
  KEY=$WORK/owner.pub
  TARGET=$(cat "$WORK/target")
  [ "$DRY" = yes ] || open_log
}

tell_step() {
  local result=ok
  if [ "$2" -gt 0 ] && [ "$DRY" = yes ]; then result='would change'; elif [ "$2" -gt 0 ]; then result=changed; fi
  printf '%s: %s\n' "$1" "$result"
  log "$1: $result"
}

# The last line: how much differs from before.
tell_changes() {
  local count
  count=$(wc -l <"$WORK/changes")
  log "$count changed"
  if [ "$DRY" = yes ]; then echo "$count would change"; else echo "$count changed"; fi
}

# All steps are through: what only served the work goes, and first-boot units need not run again.
finish() {
  [ "$DRY" = no ] || return 0
  share_log
  rm -rf "$ROOT$STATE/release" "$ROOT$STATE/release.part"
  STEP=finish put_text "$(sha256sum "$WORK/kiosk.manifest" | cut -d ' ' -f 1)" "$STATE/done" 644 root:root
}
