"""The pages of the centre: its own process, which asks the centre and reads the database.

Nothing here can delay or stop an alert.
"""
