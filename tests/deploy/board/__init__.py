"""A board without a board: a Debian 13 arm64 guest in QEMU; tests hold its pin, modem, sound and power."""
