# shellcheck shell=bash
# Writing that is whole or not at all, leaves alone what is right already, and can be undone.
# Every path is without ROOT. What is done is noted in STATE/made before it is done.

# A place where power may be cut; a test chooses one by its number.
point() {
  [ -n "${PANA_CUT:-}" ] || return 0
  echo . >>"$WORK/points"
  [ "$(wc -l <"$WORK/points")" != "$PANA_CUT" ] || kill -KILL "$$" "$BASHPID"
}

# changed WHAT: note a change; fails in a dry run, where nothing may follow.
changed() {
  printf '%s %s\n' "$STEP" "$1" >>"$WORK/changes"
  [ "$DRY" = no ] || return 1
  log "$STEP: $1"
  case $STEP in 25-* | 30-* | 45-* | 50-* | 55-* | 85-*) restart_is_due_now ;; esac
}

boot_id() { cat /proc/sys/kernel/random/boot_id; }

# What the running kiosk must be started anew for is noted before it is done: this run may not come to the restart.
restart_is_due_now() {
  local due=$ROOT$STATE/restart-due
  is_live || return 0
  [ "$(cat "$due" 2>/dev/null)" != "$(boot_id)" ] || return 0
  [ -d "$ROOT$STATE" ] || install -d -m 0755 "$ROOT/var" "$ROOT/var/lib" "$ROOT$STATE"
  if ! { boot_id >"$due.part" && sync "$due.part" && mv -fT "$due.part" "$due" && sync "$ROOT$STATE"; }; then
    fail no_write "$STATE"
  fi
}

# ids USER:GROUP: as numbers of the tree that is written, not of this machine.
ids() {
  local user group
  user=$(awk -F : -v name="${1%:*}" '$1 == name { print $3; exit }' "$ROOT/etc/passwd")
  group=$(awk -F : -v name="${1#*:}" '$1 == name { print $3; exit }' "$ROOT/etc/group")
  if [ -z "$user" ] || [ -z "$group" ]; then
    [ "$DRY" = yes ] || fail no_user "$1"
    user=nobody # yet: the package that makes it is not installed in a dry run
  fi
  echo "$user:$group"
}

# note KIND WHAT: remember, durably and once, what --remove has to undo.
note() {
  local made=$ROOT$STATE/made
  if grep -qxF -- "$1 $2" "$made" 2>/dev/null; then return 0; fi
  [ -d "$ROOT$STATE" ] || install -d -m 0755 "$ROOT/var" "$ROOT/var/lib" "$ROOT$STATE"
  point
  # A line that a power cut tore is ended first, so that the next one is whole.
  if [ -s "$made" ] && [ -n "$(tail -c 1 "$made")" ]; then echo >>"$made"; fi
  printf '%s %s\n' "$1" "$2" >>"$made"
  sync "$made" "$ROOT$STATE"
  point
}

noted() { grep -qxF -- "$1 $2" "$ROOT$STATE/made" 2>/dev/null; }

# Keep what stood at a path before, or note that nothing did.
keep_before() {
  local path=$1 copy=$ROOT$STATE/before$1
  if noted file "$path" || noted was "$path"; then return 0; fi
  if [ -e "$ROOT$path" ] || [ -L "$ROOT$path" ]; then
    mkdir -p "${copy%/*}"
    rm -rf "$copy.part"
    cp -a -- "$ROOT$path" "$copy.part"
    mv -T -- "$copy.part" "$copy"
    sync -f "$ROOT$STATE"
    note was "$path"
  else
    note file "$path"
  fi
}

folders_for() {
  local folder=${1%/*}
  [ -n "$folder" ] || return 0
  [ ! -d "$ROOT$folder" ] || return 0
  folders_for "$folder"
  note dir "$folder"
  mkdir -m 0755 "$ROOT$folder"
}

# right PATH MODE OWNER: the owner as numbers.
right() { [ "$(stat -c '%a %u:%g' -- "$ROOT$1")" = "$2 $3" ]; }

# put FILE PATH MODE USER:GROUP: FILE's content at PATH, in one step that survives a power cut.
put() {
  local path=$2 owner part
  owner=$(ids "$4")
  if [ -f "$ROOT$path" ] && [ ! -L "$ROOT$path" ] && cmp -s -- "$1" "$ROOT$path" && right "$path" "$3" "$owner"; then
    return 0
  fi
  changed "$path" || return 0
  folders_for "$path" # noted first, so taken away last
  keep_before "$path"
  part=$ROOT${path%/*}/.${path##*/}.pana-part
  rm -f -- "$part"
  install -m "$3" -- "$1" "$part" || { rm -f -- "$part" && fail no_write "$path"; }
  chown "$owner" -- "$part"
  sync "$part" || { rm -f -- "$part" && fail no_write "$path"; }
  point
  mv -fT -- "$part" "$ROOT$path"
  sync "$ROOT${path%/*}"
  point
}

# put_text TEXT PATH MODE USER:GROUP
put_text() {
  printf '%s\n' "$1" >"$WORK/text"
  put "$WORK/text" "$2" "$3" "$4"
}

# put_link TARGET PATH
put_link() {
  local path=$2 part
  [ "$(readlink -- "$ROOT$path" 2>/dev/null)" != "$1" ] || return 0
  changed "$path" || return 0
  folders_for "$path" # noted first, so taken away last
  keep_before "$path"
  part=$ROOT${path%/*}/.${path##*/}.pana-part
  ln -sfn -- "$1" "$part"
  point
  mv -fT -- "$part" "$ROOT$path"
  sync "$ROOT${path%/*}"
  point
}

# put_folder PATH MODE USER:GROUP
put_folder() {
  local owner
  owner=$(ids "$3")
  if [ -d "$ROOT$1" ] && right "$1" "$2" "$owner"; then return 0; fi
  changed "$1" || return 0
  if [ ! -d "$ROOT$1" ]; then
    folders_for "$1"
    note dir "$1"
    mkdir -m 0700 "$ROOT$1"
  fi
  chown "$owner" "$ROOT$1"
  chmod "$2" "$ROOT$1"
  point
}

# lay PATH…: files of files/. The mode goes by the place: on a FAT partition every file is executable.
lay() {
  local path mode
  for path in "$@"; do
    mode=644
    case $path in /usr/local/lib/*) mode=755 ;; esac
    put "$HERE/files$path" "$path" "$mode" root:root
  done
}

# take PATH: a file of ours that is not wanted any more.
take() {
  if [ ! -e "$ROOT$1" ] && [ ! -L "$ROOT$1" ]; then return 0; fi
  changed "$1" || return 0
  point
  rm -f -- "$ROOT$1"
  sync "$ROOT${1%/*}"
}
