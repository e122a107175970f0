# shellcheck shell=bash
# Undo what STATE/made says, newest first. It goes last, so a removal that was cut short is run again.
# shellcheck disable=SC2034 # STEP and LOGGING belong to lib.sh

STEP=remove

recorded() { sed -n "s/^$1 //p" "$ROOT$STATE/made" | tac; }

# units on|off: those that were first enabled, or first disabled: the first note tells what was before.
units() {
  awk -v kind="$1" '($1 == "on" || $1 == "off") && !seen[$2]++ && $1 == kind { print $2 }' "$ROOT$STATE/made" | tac
}

remove_units() {
  local unit
  while IFS= read -r unit; do
    [ "$(unit_state "$unit")" = enabled ] || continue
    changed "$unit" || continue
    live systemctl stop "$unit" || :
    systemctl --root="$ROOT/" --quiet disable "$unit" 2>>"$(log_file)" || :
  done < <(units on)
  while IFS= read -r unit; do
    if ! has_unit "$unit" || [ "$(unit_state "$unit")" != disabled ]; then continue; fi
    changed "$unit" || continue
    systemctl --root="$ROOT/" --quiet enable "$unit" 2>>"$(log_file)" || :
  done < <(units off)
  live systemctl stop kiosk.service || :
}

# What lies on the data partition goes while it is mounted, or it would win over the next kiosk's on this board.
remove_data() {
  local data=/srv/pana path
  is_live && has_unit srv-pana.mount || return 0
  live systemctl stop kiosk.service kiosk-errands.service kiosk-update.service || :
  live systemctl start srv-pana.mount || :
  for path in opt etc var-lib; do live systemctl stop "$path-pana\\x2dkiosk.mount" || :; done
  if ! mountpoint -q "$ROOT$data"; then
    tell data_left
    return 0
  fi
  for path in "$ROOT$data"/{.pana-data,_etc_pana-kiosk,_opt_pana-kiosk,_var_lib_pana-kiosk}*; do
    case $KEEP_STATE:${path##*/} in yes:_var_lib_*) continue ;; esac
    gone "${path#"$ROOT"}"
  done
  [ "$DRY" = yes ] || sync -f "$ROOT$data"
}

# Packages that were not there before; the system's own part is one of them.
remove_packages() {
  local package packages=()
  while IFS= read -r package; do
    if has_package "$package" && changed "$package"; then packages+=("$package"); fi
  done < <(recorded package)
  [ ${#packages[@]} -gt 0 ] || return 0
  inside dpkg --configure -a || :
  inside dpkg --purge "${packages[@]}" || fail remove_packages
}

# gone PATH: whatever lies there.
gone() {
  if [ ! -e "$ROOT$1" ] && [ ! -L "$ROOT$1" ]; then return 0; fi
  changed "$1" || return 0
  point
  find "$ROOT$1" -xdev -mindepth 1 -delete 2>>"$(log_file)" || :
  rm -rf --one-file-system -- "${ROOT:?}$1" 2>>"$(log_file)" || :
}

remove_trees() {
  local path
  while IFS= read -r path; do gone "$path"; done < <(recorded tree)
  gone /etc/pana-kiosk # keys above all
  [ "$KEEP_STATE" = yes ] || gone /var/lib/pana-kiosk
}

# undo LINE of STATE/made: a file, a folder if nothing else is in it, or what stood there before.
undo() {
  local kind=${1%% *} path=${1#* }
  case $kind in
  file) gone "$path" ;;
  was)
    [ -e "$ROOT$STATE/before$path" ] || [ -L "$ROOT$STATE/before$path" ] || return 0
    changed "$path" || return 0
    mkdir -p "$ROOT${path%/*}"
    point
    mv -fT -- "$ROOT$STATE/before$path" "$ROOT$path"
    ;;
  dir)
    if [ "$path" = "$STATE" ] || [ ! -d "$ROOT$path" ]; then return 0; fi
    if [ "$DRY" = no ] && rmdir -- "$ROOT$path" 2>/dev/null; then changed "$path"; fi
    ;;
  esac
}

remove_all() {
  local line
  if [ ! -e "$ROOT$STATE/made" ]; then
    tell nothing_to_remove
    return 0
  fi
  # In memory all of it would be back after the next start, without what lay on the data partition.
  if is_live && [ "$(findmnt -no FSTYPE /)" = overlay ]; then
    FAIL_CODE=$REFUSED
    fail read_only_now
  fi
  remove_data
  remove_units
  live systemctl stop srv-pana.mount || :
  remove_packages
  remove_trees
  while IFS= read -r line; do undo "$line"; done < <(tac "$ROOT$STATE/made")
  [ "$DRY" = no ] || return 0
  live systemctl daemon-reload || :
  point
  LOGGING=''
  rm -f "$ROOT$LOG"
  # The list goes last.
  find "$ROOT$STATE" -mindepth 1 ! -path "$ROOT$STATE/made" -delete
  sync -f "$ROOT$STATE"
  rm -rf "${ROOT:?}$STATE"
  tell removed
}
