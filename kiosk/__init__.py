"""The safe-point kiosk: one discreet press becomes an alarm that reaches a person."""

__version__ = "0.1.0"
