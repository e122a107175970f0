# shellcheck shell=bash
# The tree that is made a kiosk: what it is, what is installed in it, and programs of it.

# shellcheck disable=SC2034 # for 10-verify
ID_FORM='[a-z0-9][a-z0-9-]{2,31}'

# inside COMMAND…: a program of the tree, with its words in the log. What it makes is for every user to read.
inside() (
  umask 022
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
  [ -z "$ROOT" ] || set -- chroot "$ROOT" "$@"
  "$@" >>"$(log_file)" 2>&1 </dev/null
)

# tree_target: bookworm-arm64, trixie-armhf …
tree_target() {
  local suite arch
  suite=$(sed -n 's/^VERSION_CODENAME="\{0,1\}\([a-z]*\).*/\1/p' "$ROOT/etc/os-release")
  arch=$(installed_architecture)
  echo "$suite-$arch"
}

installed_architecture() {
  dpkg-query --admindir="$ROOT/var/lib/dpkg" -W -f='${Architecture}' dpkg 2>/dev/null || :
}

# version_of PACKAGE: what is installed and configured; nothing otherwise.
version_of() {
  # shellcheck disable=SC2016 # dpkg's own fields
  dpkg-query --admindir="$ROOT/var/lib/dpkg" -W -f='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null |
    sed -n 's/^installed //p' | head -n 1
}

has_package() { [ -n "$(version_of "$1")" ]; }

# broken_packages: whether dpkg was cut short.
broken_packages() {
  # shellcheck disable=SC2016 # dpkg's own field
  dpkg-query --admindir="$ROOT/var/lib/dpkg" -W -f='${db:Status-Status}\n' 2>/dev/null |
    grep -vxE 'installed|config-files|not-installed' >/dev/null ||
    compgen -G "$ROOT/var/lib/dpkg/updates/[0-9]*" >/dev/null
}

# install_debs FILE…: paths within the tree; nothing is fetched.
install_debs() {
  local package
  for package in "$@"; do
    package=$(dpkg-deb -f "$ROOT$package" Package)
    has_package "$package" || note package "$package"
  done
  # No sources, so nothing can be fetched. (--no-download would refuse local files, too.)
  inside apt-get install -y --no-install-recommends --allow-downgrades -o Dir::Etc::SourceList=/dev/null \
    -o Dir::Etc::SourceParts=/dev/null -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold "$@"
}

# free_bytes PATH: of the file system that PATH will lie on.
free_bytes() {
  local folder=$ROOT$1
  while [ -n "$folder" ] && [ ! -d "$folder" ]; do folder=${folder%/*}; done
  df -B1 --output=avail "${folder:-/}" | tail -n 1
}

# site_value FILE KEY: of a site.toml; KEY is id or number of [kiosk].
site_value() {
  python3 - "$1" "$2" <<'PY'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print(tomllib.load(file)["kiosk"][sys.argv[2]])
PY
}

# option NAME DEFAULT FORM: of the bundle's options.env; a value of another form is refused.
option() {
  local value
  [ -e "$WORK/options.env" ] || from_kiosk options.env "$WORK/options.env" || : >"$WORK/options.env"
  value=$(sed -n "s/^$1=//p" "$WORK/options.env" | tail -n 1)
  value=${value#[\"\']} && value=${value%[\"\']}
  [ -n "$value" ] || value=$2
  printf '%s\n' "$value" | grep -qxE -- "$3" || fail bad_option "$1"
  printf '%s\n' "$value"
}
