#!/usr/bin/env bash
# Run a command as root of a namespace of its own, where programs of arm64 and armhf run by qemu-user: nothing is
# registered with the machine's own kernel. Kill its process group and all in it dies at once, as in a power cut.
# Needs root (to map every id) and Linux 6.7 or newer.
# Usage: foreign.sh COMMAND…
set -euo pipefail

elf() { # BITS MACHINE: the magic of a program and its mask, as binfmt_misc wants them
  printf '\\x7fELF\\x0%s\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x%s\\x00:' "$1" "$2"
  printf '\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff'
}

if [ "${1:-}" = --inside ]; then
  shift
  read -r _ <&3
  exec 3<&-
  mount -t proc proc /proc
  binfmt=/proc/sys/fs/binfmt_misc
  mount -t binfmt_misc binfmt "$binfmt"
  printf ':pana-arm64:M::%s:%s:OCF' "$(elf 2 b7)" "$(command -v qemu-aarch64-static)" >"$binfmt/register"
  printf ':pana-armhf:M::%s:%s:OCF' "$(elf 1 28)" "$(command -v qemu-arm-static)" >"$binfmt/register"
  exec "$@"
fi

child=''
gate=$(mktemp -u)
mkfifo "$gate"
trap 'kill -KILL "$child" 2>/dev/null || :' EXIT
unshare -U -m -p -f --kill-child --propagation private "$0" --inside "$@" 3<"$gate" &
child=$!
exec 4>"$gate"
rm -f "$gate"
until [ "$(readlink "/proc/$child/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do :; done
echo '0 0 4294967295' >"/proc/$child/uid_map"
echo '0 0 4294967295' >"/proc/$child/gid_map"
echo go >&4
exec 4>&-
wait "$child"
