#!/usr/bin/env bash
# Makes .venv from a hashed lock file and sees to the Debian packages that the task needs.
# Usage: dev/setup.sh demo|dev|deb|guest|guest-full|mutate|audit
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?usage: dev/setup.sh demo|dev|deb|guest|guest-full|mutate|audit}
tool=''
full=''
case $what in
mutate | audit) tool=$what what=dev ;; # one command's tools, on top of the tests' own
guest-full) full=yes what=guest ;;
esac

declare -A package=(
  [espeak-ng]=espeak-ng [aplay]=alsa-utils [mosquitto]=mosquitto [shellcheck]=shellcheck
  [systemd-analyze]=systemd [chromium]=chromium [nats-server]=nats-server [ip]=iproute2
  [pdftotext]=poppler-utils [nft]=nftables
  [qemu-system-aarch64]=qemu-system-arm [qemu-img]=qemu-utils [mmdebstrap]=mmdebstrap [mkfs.ext4]=e2fsprogs
  [depmod]=kmod [fakeroot]=fakeroot [setpriv]=util-linux
  [qemu-aarch64-static]=qemu-user-static [systemd-nspawn]=systemd-container
  [arm-linux-gnueabihf-gcc]=gcc-arm-linux-gnueabihf [arch-test]=arch-test
  [dh]=debhelper [dpkg-buildpackage]=dpkg-dev [lintian]=lintian [udevadm]=udev [curl]=curl [openssl]=openssl
)
packaging=(dh dpkg-buildpackage lintian)
board=(qemu-system-aarch64 qemu-img mmdebstrap mkfs.ext4 depmod fakeroot setpriv)
trees=(qemu-aarch64-static systemd-nspawn arch-test arm-linux-gnueabihf-gcc)
commands=(espeak-ng aplay)
[ "$what" = dev ] && commands+=(mosquitto shellcheck systemd-analyze chromium nats-server ip pdftotext)
[ "$what" = dev ] && commands+=(udevadm curl openssl nft "${packaging[@]}")
[ "$what" = guest ] && commands+=(mosquitto "${board[@]}" "${packaging[@]}")
[ "$full" ] && commands+=("${trees[@]}")
[ "$what" = deb ] && commands=("${packaging[@]}") && what=demo # the program's own words become its manual page

missing=()
for command in "${commands[@]}"; do
  command -v "$command" >/dev/null || [ -x "/usr/sbin/$command" ] || missing+=("${package[$command]}")
done
if [ "$what" = dev ]; then # Debian keeps the server's commands out of the PATH, a folder for each version
  compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
  fc-list 2>/dev/null | grep -qi dejavu || missing+=(fonts-dejavu-core fontconfig)
  [ -n "$(find /usr/lib -name 'libpangoft2-1.0.so.0' -print -quit)" ] || missing+=(libpango-1.0-0 libpangoft2-1.0-0)
fi
if [ "$full" ]; then
  [ -e /usr/arm-linux-gnueabihf/include/stdio.h ] || missing+=(libc6-dev-armhf-cross)
fi
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

[ "$what" = guest ] && what=dev # the tests' own libraries
for name in "$what" ${tool:+"$tool"}; do
  lock=requirements/$name.txt
  stamp=.venv/.installed-$name
  cmp -s "$lock" "$stamp" && continue
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r "$lock"
  [ "$name" = "$tool" ] ||
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
  cp "$lock" "$stamp"
done
