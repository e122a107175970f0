"""Shells around the devices of one board: pins, lamp, sound, sensors; they never import other shells."""
