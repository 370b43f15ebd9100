"""HTTP: the public tree, OGC API – Features over the layers, the map page.

In: the published tree and, for other times than now, the corridor's answers. Out: HTTP responses, read-only. May use:
`pipeline`, `catalogue`, `settings`, `vocab`, `model`, `errors`. Never: writes to store or tree; shows what the public
tier may not see; answers wrong input with anything but a problem document; runs slow work on the event loop.
`app` puts the routes together, `service` is what they share, `problem` says no (RFC 9457), `run` starts the server.
Add here: one module per group of addresses that gives `routes()`, and its line in `app`. Tests: tests/serve.
"""

from bousai.serve.app import create

__all__ = ["create"]
