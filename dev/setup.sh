#!/usr/bin/env bash
# Makes .venv from a hashed lock file and sees to the Debian packages that the task needs.
# Usage: dev/setup.sh demo|dev
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?usage: dev/setup.sh demo|dev}

declare -A package=(
  [espeak-ng]=espeak-ng [aplay]=alsa-utils [mosquitto]=mosquitto [shellcheck]=shellcheck
  [systemd-analyze]=systemd
)
commands=(espeak-ng aplay)
[ "$what" = dev ] && commands+=(mosquitto shellcheck systemd-analyze)

missing=()
for command in "${commands[@]}"; do
  command -v "$command" >/dev/null || [ -x "/usr/sbin/$command" ] || missing+=("${package[$command]}")
done
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "setup: $python is not Python 3.11 or newer; install python3 or set PYTHON=/path/to/python3" >&2
  exit 2
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then
      as_root=(sudo)
    else
      echo "setup: please install first: sudo apt-get install ${missing[*]}" >&2
      exit 2
    fi
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

lock=requirements/$what.txt
stamp=.venv/.installed-$what
if ! cmp -s "$lock" "$stamp"; then
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r "$lock"
  .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
  cp "$lock" "$stamp"
fi
