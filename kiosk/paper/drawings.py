"""Small drawings of the card, as SVG elements: the pin, and how the lamp looks."""

from collections.abc import Sequence

from kiosk.paper.markup import Html

# Seconds on and off, as the lamp blinks them (kiosk.hw.lamp.RHYTHMS; a test holds them together).
WINK, ALERTING, FAULT, DARK = (0.05, 3.95), (0.9, 0.1), (0.5, 0.5), (0.0, 4.0)
SHOWN_S = 4.0
SEEN_S = 0.16  # a shorter flash could not be seen in print

PIN = Html(
    '<svg class="pin" viewBox="0 0 40 52" aria-hidden="true">'
    '<path fill="#c4161c" d="M20 0C9 0 0 8.8 0 19.8 0 34 20 52 20 52s20-18 20-32.2C40 8.8 31 0 20 0z"/>'
    '<g fill="#fff"><circle cx="17" cy="10" r="4.5"/>'
    '<path d="M9.5 32c0-10 2-16 7.5-16s7.5 5 7.5 9l-4 1v6z"/>'
    '<circle cx="27" cy="19.5" r="3"/><path d="M22 32c0-6 1.5-9 5-9s4.5 4 4.5 9z"/></g></svg>'
)


def lamp(rhythm_s: Sequence[float]) -> Html:
    """Draw four seconds of a lamp: lit parts are full."""
    on_s, off_s = rhythm_s
    lit = []
    at_s = 0.0
    while on_s and at_s < SHOWN_S:
        place = f'x="{at_s * 10:g}" y="0" width="{max(on_s, SEEN_S) * 10:g}" height="6"'
        lit.append(f'<rect {place} fill="#e07b00"/>')
        at_s = round(at_s + on_s + off_s, 6)
    frame = '<rect x="0" y="0" width="40" height="6" fill="#2b2b2b"/>'
    return Html(f'<svg class="rhythm" viewBox="0 0 40 6" aria-hidden="true">{frame}{"".join(lit)}</svg>')
