"""The whole chain on one PC: real daemon and centre, simulated shop, networks and people."""
