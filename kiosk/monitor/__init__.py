"""The centre: takes alerts, heartbeats and last wills in, and lets people answer them.

Nothing of the kiosk imports it; it shares only the contract's bodies and their codec.
"""
