"""A recording played back as feeds: a local server that speaks the sources' own formats over real HTTP.

In: a manifest (which file is what, and from when) and the folder of its files. Out: an address for
``BOUSAI_PLAYBACK``. May use: `formats`, `vocab`, `model`, `errors`. Never: touches a store; listens elsewhere than
on this machine; plays an exercise without saying so (header ``Bousai-Status``).
`manifest` reads what is to be played, `server` plays it. Add here: the index format of another source.
Tests: tests/exercise.
"""

from bousai.exercise.manifest import Recording, read
from bousai.exercise.server import serve

__all__ = ["Recording", "read", "serve"]
