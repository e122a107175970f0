"""The installer's check: every part of the kiosk tested, each with a deadline, each with what to do.

Works beside the running daemon (which then tests the parts that it owns) and without it. Never hangs.
"""
