# shellcheck shell=bash
# Undo what STATE/made says, newest first. It goes last, so a removal that was cut short is run again.
# shellcheck disable=SC2034 # STEP and LOGGING belong to lib.sh

STEP=remove

recorded() { sed -n "s/^$1 //p" "$ROOT$STATE/made" | tac; }

remove_units() {
  local unit
  while IFS= read -r unit; do
    [ "$(unit_state "$unit")" = enabled ] || continue
    changed "$unit" || continue
    live systemctl stop "$unit" || :
    systemctl --root="$ROOT/" --quiet disable "$unit" 2>>"$(log_file)" || :
  done < <(recorded on)
  while IFS= read -r unit; do
    if ! has_unit "$unit" || [ "$(unit_state "$unit")" != disabled ]; then continue; fi
    changed "$unit" || continue
    systemctl --root="$ROOT/" --quiet enable "$unit" 2>>"$(log_file)" || :
  done < <(recorded off)
  live systemctl stop kiosk.service || :
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
  if is_live && mountpoint -q /srv/pana; then
    gone /srv/pana/_etc_pana-kiosk
    gone /srv/pana/_opt_pana-kiosk
    [ "$KEEP_STATE" = yes ] || gone /srv/pana/_var_lib_pana-kiosk
    live umount /srv/pana || :
  fi
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
  remove_units
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
