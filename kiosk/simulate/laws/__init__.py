"""What must hold whatever fails, judged from outside. Pure."""
