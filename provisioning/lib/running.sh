# shellcheck shell=bash
# The kiosk that runs: what it says, whether an alarm is open, and the new start that a change needs.
# Sourced by the steps that stop or start it.

ALARM_S=300  # an alarm may be closed meanwhile
SILENT_S=120 # a busy daemon answers again, and systemd's watchdog ends one that hangs

# answer KEY: state, version, open (alarms) or input (a button that cannot be pressed), of the running kiosk.
answer() {
  timeout 60 "$ROOT/usr/bin/kiosk" status --json 2>/dev/null | python3 -c '
import json, sys
said = json.load(sys.stdin)
bad = ("button_lost", "button_unread", "button_stuck")
print({"state": said["state"], "open": len(said["incidents"]), "version": said.get("heartbeat", {}).get("version", ""),
    "input": " ".join(code for code in said["faults"] if code.partition(":")[0] in bad)}[sys.argv[1]])' "$1" 2>/dev/null
}

# is_away: no service, or nobody at its socket. One that only does not answer may have an alarm open.
is_away() {
  systemctl -q is-active kiosk.service || return 0
  python3 - "$ROOT/etc/pana-kiosk/site.toml" <<'PY'
import socket, sys, tomllib
run = "/run/pana-kiosk"
try:
    with open(sys.argv[1], "rb") as file:
        run = tomllib.load(file).get("paths", {}).get("run", run)
except (OSError, ValueError):
    pass
with socket.socket(socket.AF_UNIX) as link:
    link.settimeout(5)
    try:
        link.connect(f"{run}/kiosk.sock")
    except (FileNotFoundError, ConnectionRefusedError):  # one that was killed leaves its socket behind
        sys.exit(0)
    except OSError:
        pass
sys.exit(1)
PY
}

# Never under an alarm: it would be resumed, but a second late.
wait_for_quiet() {
  local open begin=$SECONDS silent_since=''
  while [ $((SECONDS - begin)) -lt "$ALARM_S" ]; do
    open=$(answer open) || open=''
    case $open in
    0) return 0 ;;
    '')
      if is_away; then return 0; fi
      log 'the kiosk does not answer'
      [ -n "$silent_since" ] || silent_since=$SECONDS
      [ $((SECONDS - silent_since)) -lt "$SILENT_S" ] || fail kiosk_silent
      ;;
    *)
      silent_since=''
      log 'an alarm is open'
      ;;
    esac
    sleep 5
  done
  [ -z "$silent_since" ] || fail kiosk_silent
  fail alarm_open
}

# A restart of the board serves as well.
restart_is_due() { [ "$(cat "$ROOT$STATE/restart-due" 2>/dev/null)" = "$(boot_id)" ]; }

# is_behind: a version is on trial that is not the one that runs.
is_behind() {
  local base=$ROOT/opt/pana-kiosk
  [ -e "$base/trial" ] && [ "$(answer version)" != "$(cat "$base/current/VERSION")" ]
}

restart_is_done() {
  rm -f "$ROOT$STATE/restart-due" "$ROOT$STATE/restart-due.part"
  if [ -d "$ROOT$STATE" ]; then sync "$ROOT$STATE"; fi
}
