#!/bin/bash
# Bookworm: started once by the kernel's command line (see cmdline.txt beside this file), before the usual services.
# The command line is put back last, as one rename: cut before that, the next start does it all again.
set -eu

boot=/boot/firmware
[ -d "$boot/pana" ] || boot=/boot
boot=${PANA_BOOT:-$boot}

sh "$boot/pana/provisioning/boot/first-start"
sed 's| systemd\.run=[^ ]*||; s| systemd\.run_success_action=[^ ]*||; s| systemd\.unit=kernel-command-line\.target||' \
  "$boot/cmdline.txt" >"$boot/cmdline.new"
sync "$boot/cmdline.new"
mv -f "$boot/cmdline.new" "$boot/cmdline.txt"
sync "$boot"
exit 0
