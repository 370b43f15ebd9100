"""A feed's source → new bytes, with a receipt for every attempt: the only room that asks other people's servers.

In: a `Feed` and a `Ledger` (what was read before). Out: `Fetched` (receipt, and bytes where some came) and
`Issue`s, in the order in which they happened. May use: `formats`, `catalogue`, `settings`, `model`, `errors`.
Never: interprets what a document says; asks a host that the feed does not name; asks twice for a telegram.
`client` is one guarded GET, `visit` asks with patience, `pull` is what to ask for and when: indexes of JMA there,
`pages` (links, CKAN), `folder` and `mqtt` beside it.
Add here: a kind of source (a branch of `pull`). Tests: tests/fetch.
"""

from bousai.fetch.client import Answer, Client, Question
from bousai.fetch.pull import pull
from bousai.fetch.visit import Fetched, Ledger

__all__ = ["Answer", "Client", "Fetched", "Ledger", "Question", "pull"]
