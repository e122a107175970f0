#!/usr/bin/env bash
# Builds the Debian packages from a copy of the sources, so that neither the place of this clone, nor its file modes,
# nor what else lies in it reaches them: the same commit gives the same bytes.
# Usage: dev/deb.sh [FOLDER]   (default: dist)
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."
mkdir -p "${1:-dist}"
to=$(realpath "${1:-dist}")
python=${PYTHON:-$PWD/.venv/bin/python}

export LC_ALL=C.UTF-8 TZ=UTC PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1
version=$(dpkg-parsechangelog --show-field Version)
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog --show-field Timestamp)
export SOURCE_DATE_EPOCH
stated=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
if [ "$version" != "$stated" ]; then
  echo "deb: debian/changelog says $version, pyproject.toml $stated" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/pana-kiosk
mkdir -p "$tree"
cp -R debian systemd provisioning CHANGELOG.md "$tree"
made=$tree/debian/made
rm -rf "$made"
mkdir "$made"
date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)
"$python" dev/manual.py "$version" "$date" >"$made/kiosk.1"
for shell in bash zsh; do
  "$python" -m kiosk completion "$shell" >"$made/kiosk.$shell"
done
chmod -R u=rwX,go=rX "$work"
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

# Nothing is compiled: what is needed is named in dev/setup.sh, and build-essential, which is asked for, is not.
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >"$work/log" 2>&1) || {
  cat "$work/log" >&2
  exit 1
}
for package in "$work"/*.deb; do
  cp "$package" "$to/"
  echo "$to/$(basename "$package")"
done
