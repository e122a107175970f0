"""How the centre reaches people and kiosks by SMS, and other systems by webhook. Never decides anything."""
