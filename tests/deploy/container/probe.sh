# Runs inside the booted container, and writes what it sees to /told, a line each.
set -u
told() { echo "$1=$2" >>/told; }
until_true() { # SECONDS COMMAND…
  left=$1
  shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 1
  done
}
shown() { systemctl show --property="$1" --value "${2:-kiosk.service}"; }
is_new() { [ "$(shown MainPID)" != "$1" ] && systemctl -q is-active kiosk.service; }
runs_from() { grep -qx "slot=$1" /run/pana-kiosk/found && systemctl -q is-active kiosk.service; }

# The data partition's device never comes: the daemon starts all the same.
told mount "$(systemctl is-active 'var-lib-pana\x2dkiosk.mount')"
until_true 60 systemctl -q is-active kiosk.service
told started "$(systemctl is-active kiosk.service)"
sed 's/^/found./' /run/pana-kiosk/found >>/told

# Orders of the centre lie on that partition and need it, so from here on it is the folder of the root.
rm '/etc/systemd/system/var-lib-pana\x2dkiosk.mount'
systemctl daemon-reload
systemctl reset-failed
systemctl start kiosk-update.path

pid=$(shown MainPID)
kill -STOP "$pid"
until_true 60 is_new "$pid"
told watchdog "$(shown NRestarts)"

echo '{}' >/var/lib/pana-kiosk/update/request.json
until_true 90 test ! -e /var/lib/pana-kiosk/update/request.json
told update "$(tail -n 4 /var/lib/pana-kiosk/update/log | tr '\n' ';')"
told other "$(stat -c '%a %U:%G' /usr/lib/pana-other/tool) $(dpkg-query -W -f '${db:Status-Status}' pana-other)"
info=$(echo /opt/pana-kiosk/slots/b/lib/python3*/site-packages/pana_kiosk-*.dist-info)
told pip "pana-kiosk $(sed -n 's/^Version: //p' "$info/METADATA") by $(cat "$info/INSTALLER")"
told switched "$(head -n 1 /opt/pana-kiosk/trial 2>/dev/null)"
until_true 60 runs_from a
told back "$(cat /opt/pana-kiosk/refused)"
told path "$(systemctl is-active kiosk-update.path)"

told verify "$(systemd-analyze verify --man=no /usr/lib/systemd/system/kiosk*.* 2>&1 | tr '\n' ' ')"
if udevadm verify --help >/dev/null 2>&1; then
  told udev "$(udevadm verify /usr/lib/udev/rules.d/70-pana-*.rules 2>&1 | grep -c 'Fail: *[1-9]')"
else
  told udev 0
fi
told failed "$(systemctl --failed --plain --no-legend | grep -c '^kiosk')"

dpkg --purge pana-kiosk >/purge.log 2>&1
told purged "$? $(systemctl is-active kiosk.service) $(find /etc/systemd/system -name 'kiosk*' | wc -l)"
journalctl --no-pager >/journal
systemctl --no-block poweroff
