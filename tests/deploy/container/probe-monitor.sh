# Runs inside the booted container of a centre, and writes what it sees to /told, a line each.
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
pid() { systemctl show --property=MainPID --value kiosk-monitor.service; }
is_new() { [ "$(pid)" != "$1" ] && systemctl -q is-active kiosk-monitor.service; }
hups() { grep -c . /run/hups; }

until_true 60 systemctl -q is-active kiosk-monitor.service
told started "$(systemctl is-active kiosk-monitor.service)"
told writes "$(cat /run/pana-monitor/found)"
before=$(pid)
kill -STOP "$before"

systemctl start pana-crl.service
told crl "$?"
until_true 30 test -e /run/hups
cmp -s /var/lib/pana-monitor/crl.pem /etc/mosquitto/pana/crl.pem
told same "$?"
systemctl start pana-crl.service
told again "$? $(hups)"
rm /var/lib/pana-monitor/crl.pem /etc/mosquitto/pana/crl.pem
systemctl start pana-crl.service
told missing "$?"
until_true 30 test -e /run/alarms
told alarm "$(cat /run/alarms)"

systemctl start kiosk-monitor-backup.service
told backup "$? $(find /var/backups/pana-monitor -name 'store-*Z' | wc -l)"
until_true 120 is_new "$before"
told watchdog "$(systemctl show --property=NRestarts --value kiosk-monitor.service)"
told failed "$(systemctl --failed --plain --no-legend | grep -v '^pana-crl' | grep -cE '^(kiosk|pana)')"

dpkg --purge pana-monitor >/purge.log 2>&1
told purged "$? $(systemctl is-active kiosk-monitor.service) $(find /etc/systemd/system -name 'kiosk*' -o -name 'pana*' | wc -l)"
journalctl --no-pager >/journal
systemctl --no-block poweroff
