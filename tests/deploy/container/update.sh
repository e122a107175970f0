# What an update does to the system, inside the installer's sandbox: dpkg, venv and pip, as they are.
set -eux
dpkg --install /opt/pana-kiosk.deb /opt/pana-other.deb
/usr/lib/pana-kiosk/install-slot b /opt/release bookworm-arm64
/usr/lib/pana-kiosk/slot switch b
systemctl restart --no-block kiosk.service
install -o pana-kiosk -m 0640 /dev/null /var/lib/pana-kiosk/update/outcome.json
