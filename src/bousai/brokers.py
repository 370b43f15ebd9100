"""What reading from a broker and telling one something have in common: TLS, and which host is this machine."""

from __future__ import annotations

import ssl

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Hosts to which a password may go in clear: nobody else hears it."""


def tls_context() -> ssl.SSLContext:
    """With the authorities of the system, or one of one's own (SSL_CERT_FILE)."""
    context = ssl.create_default_context()
    context.sslsocket_class = _Socket
    return context


class _Socket(ssl.SSLSocket):
    """Closed when its handshake fails: the client would leave it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise
