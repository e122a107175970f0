"""Simulated devices, used by the demo and the tests; never part of an installed kiosk."""
