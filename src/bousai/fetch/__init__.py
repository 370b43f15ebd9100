"""The only HTTP client: a feed's source → new bytes, with a receipt for every attempt.

In: a `Feed` and a `Ledger` (what was read before). Out: `Fetched` (receipt, and bytes where some came) and
`Issue`s, in the order in which they happened. May use: `formats`, `catalogue`, `model`, `errors`.
Never: interprets what a document says; asks a host that the feed does not name; asks twice for a telegram.
`client` is one guarded GET, `pull` is what to ask for and when. Add here: a kind of source (a branch of
`pull`). Tests: tests/fetch.
"""

from bousai.fetch.client import Answer, Client, Question
from bousai.fetch.pull import Fetched, Ledger, pull

__all__ = ["Answer", "Client", "Fetched", "Ledger", "Question", "pull"]
