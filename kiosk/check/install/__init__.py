"""The installer's check: the whole chain tried at the site with a person beside it, and the record of it.

Never sends a real alarm by itself, and gives way to one at once.
"""
