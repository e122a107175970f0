# shellcheck shell=bash
# Stand-ins for what a board that runs has (systemd, mounts, firewall), for single steps of provision.sh. Functions, so
# that hundreds of calls cost no process. What is so lies in WORLD: active/, fails/, bound/, tables/, mounted.
# The data partition is a folder that "mounting" moves into place; a "bind mount" is a link to its copy.
# shellcheck disable=SC2034 # provision.sh's own names
HERE=$1/provisioning ROOT=$2 WORK=$3 WORLD=$4
# shellcheck disable=SC2034 # as above
DRY=no YES=yes KEEP_STATE=no LANGUAGE=en BUNDLE='' LOGGING=''
# shellcheck source=provisioning/lib.sh
. "$HERE/lib.sh"
: >"$WORK/changes"

called() { printf '%s\n' "$*" >>"$WORLD/calls"; }

is_live() { return 0; }
live() {
  [ "$DRY" = no ] || return 0
  "$@" >/dev/null 2>&1
}
udevadm() { :; }
ssh-keygen() { :; }
sleep() { # time goes faster here
  called "sleep $1"
  SECONDS=$((SECONDS + 8 * $1))
}

nft() { [ -e "$WORLD/tables/${*: -1}" ]; }
mountpoint() { [ -e "$WORLD/mounted" ] && [ "${*: -1}" = "$ROOT/srv/pana" ]; }
findmnt() {
  local folder=${*: -1}
  [ "$folder" != / ] || echo ext4
  folder=${folder#"$ROOT"}
  [ ! -e "$WORLD/bound/${folder//\//_}" ] || echo "/${folder//\//_}"
}

systemctl() {
  case $1 in --root=*)
    command systemctl "$@"
    return
    ;;
  esac
  called "systemctl $*"
  local word verb='' code=0
  for word in "$@"; do
    case $word in
    -*) ;;
    *) if [ -z "$verb" ]; then verb=$word; else job "$verb" "$word" || code=$?; fi ;;
    esac
  done
  return "$code"
}

job() { # VERB UNIT
  case $1:$2 in
  is-active:*)
    [ -e "$WORLD/active/$2" ] || return 3
    return 0
    ;;
  stop:*.mount)
    unmount "$2"
    return
    ;;
  stop:* | restart:*)
    rm -f "$WORLD/active/$2"
    [ "$2" != pana-firewall.service ] || rm -f "$WORLD/tables/pana"
    ;;
  esac
  [ "$1" != stop ] || return 0
  [ ! -e "$WORLD/fails/$2" ] || return 1
  case $1:$2 in
  try-*) ;;
  *.mount) mount_unit_of "$2" ;;
  *)
    : >"$WORLD/active/$2"
    [ "$2" != pana-firewall.service ] || : >"$WORLD/tables/pana"
    ;;
  esac
}

place_of() { command systemd-escape -u -p "${1%.mount}"; }

mount_unit_of() {
  local place copy
  place=$(place_of "$1")
  copy=${place//\//_}
  if [ "$1" = srv-pana.mount ]; then
    [ ! -e "$WORLD/mounted" ] || return 0
    mv -T "$ROOT/srv/pana" "$WORLD/below"
    mv -T "$WORLD/partition" "$ROOT/srv/pana"
    : >"$WORLD/mounted"
    return
  fi
  [ ! -e "$WORLD/bound/$copy" ] || return 0
  if [ ! -d "$ROOT/srv/pana/$copy" ]; then
    # To systemd a condition that does not hold is no failure; without one it makes the source that is missing.
    ! grep -qxF "ConditionPathIsDirectory=/srv/pana/$copy" "$ROOT/etc/systemd/system/$1" || return 0
    mkdir "$ROOT/srv/pana/$copy"
  fi
  mv -T "$ROOT$place" "$ROOT$place.below"
  ln -s "$ROOT/srv/pana/$copy" "$ROOT$place"
  : >"$WORLD/bound/$copy"
}

unmount() {
  local place copy
  place=$(place_of "$1")
  copy=${place//\//_}
  if [ -e "$WORLD/bound/$copy" ]; then
    rm "$ROOT$place" "$WORLD/bound/$copy"
    mv -T "$ROOT$place.below" "$ROOT$place"
  elif [ "$1" = srv-pana.mount ] && [ -e "$WORLD/mounted" ] && ! compgen -G "$WORLD/bound/*" >/dev/null; then
    mv -T "$ROOT/srv/pana" "$WORLD/partition"
    mv -T "$WORLD/below" "$ROOT/srv/pana"
    rm "$WORLD/mounted"
  fi
}
