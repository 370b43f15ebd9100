"""The operators' board: one page that says which feeds live, what waits for a person and what is stale because of it.

In: `pipeline`'s answers, and who asks. Out: an ASGI application. May use: `pipeline`, `model`, `settings`, `errors`.
Never: knows who somebody is (whoever mounts it says so: `Person`), touches the store by itself. Add here: an address
with its test in tests/board; the page itself is page/.
"""

from bousai.board.app import Person, Scheduler, create

__all__ = ["Person", "Scheduler", "create"]
