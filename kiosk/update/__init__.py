"""A new version of the software: laid beside the old one, tried while nothing is open, kept or taken back.

Runs as root and apart from the daemon, which it only asks. Decides in `machine`, `judging` and `versions`,
which are pure; everything else here carries out.
"""
