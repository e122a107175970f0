# shellcheck shell=bash
# systemd's units: enabled and disabled in the tree, started only on the running board.

unit_state() { systemctl --root="$ROOT/" is-enabled "$1" 2>/dev/null || :; }

has_unit() {
  local folder
  for folder in etc/systemd/system usr/lib/systemd/system lib/systemd/system; do
    [ ! -e "$ROOT/$folder/$1" ] || return 0
  done
  return 1
}

# enable UNIT…: those that this tree has.
enable() {
  local unit
  for unit in "$@"; do
    has_unit "$unit" || continue
    case $(unit_state "$unit") in enabled | static | indirect | generated | alias) continue ;; esac
    changed "$unit" || continue
    note on "$unit"
    systemctl --root="$ROOT/" --quiet enable "$unit" 2>>"$(log_file)" || fail no_unit "$unit"
    point
  done
}

# disable UNIT…: also stops them here.
disable() {
  local unit
  for unit in "$@"; do
    has_unit "$unit" || continue
    [ "$(unit_state "$unit")" = enabled ] || continue
    changed "$unit" || continue
    note off "$unit"
    systemctl --root="$ROOT/" --quiet disable "$unit" 2>>"$(log_file)" || fail no_unit "$unit"
    live systemctl --no-block stop "$unit" || :
    point
  done
}

# live COMMAND…: only on the running board, with what it says in the log.
live() {
  [ -z "$ROOT" ] && [ "$DRY" = no ] || return 0
  "$@" >>"$(log_file)" 2>&1
}

is_live() { [ -z "$ROOT" ] && [ -d /run/systemd/system ]; }

# step_changed: whether this step has changed anything.
step_changed() { grep -q "^$STEP " "$WORK/changes"; }
