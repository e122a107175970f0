"""The release: everything that all kiosks get, gathered at a desk with Internet for places without.

Fetches from package indexes and Debian's archive, always by hash or signature; nothing here runs on a kiosk.
"""
