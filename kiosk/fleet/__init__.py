"""The desk: from a registry and a sheet to signed bundles, memory cards and the broker's files.

Owns nothing at run time: no kiosk and no centre imports it. No private key of a kiosk is ever made here.
"""
