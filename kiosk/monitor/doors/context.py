"""TLS of the doors: our private CA only, TLS 1.2 or later, the client's certificate asked for, not demanded.

OpenSSL's check of dates is off: the doors judge them per request, so that an expired certificate can still
carry an alert (docs/adr/0013). Who signed, what for, and who has the key is OpenSSL's to check.
"""

import ssl

from kiosk.messages import ConfigError
from kiosk.monitor.sections import Doors

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of openssl/x509_vfy.h, since 1.1.0; not named by `ssl`
# TLS 1.2 with forward secrecy and AEAD only; TLS 1.3 has nothing else
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def make_context(files: Doors) -> ssl.SSLContext:
    """Make the server's context; raises ConfigError that names the files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0  # a resumed session would show an old certificate
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= NO_CHECK_TIME
    context.set_ciphers(CIPHERS)
    load(context, files)
    try:
        context.load_verify_locations(cafile=files.ca)
    except (OSError, ValueError) as error:
        raise ConfigError(f"doors.ca: {files.ca} cannot be used: {error}") from error
    return context


def load(context: ssl.SSLContext, files: Doors) -> None:
    """Read the doors' own certificate (again, after its renewal); raises ConfigError and changes nothing."""
    try:
        # OpenSSL keeps the certificate of a pair whose key it refuses, and could shake no more hands.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.cert, files.key)
        context.load_cert_chain(files.cert, files.key)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"doors.cert, doors.key: {files.cert}, {files.key} cannot be used: {error}"
        ) from error
