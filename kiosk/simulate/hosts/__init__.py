"""Kiosks and monitors with what stands beside them: the real cores over many lives. Pure."""
