"""What a kiosk could not do while it was installed without Internet, done later, a little at a time.

A process of its own, beside the daemon: nothing here touches a device, and none of it can stop an alert.
"""
