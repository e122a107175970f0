"""What is printed: the action card of a shop's staff and the sheet of an installation, as HTML and PDF.

Owns layout and words of paper. Never opens a device, the journal or the network; only `pdf` loads the PDF
library, only `qr` the one for QR codes.
"""
