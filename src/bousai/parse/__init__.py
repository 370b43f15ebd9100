"""One module per parser: ``VERSION: str`` and ``parse(body: bytes) -> Iterator[Bulletin | Issue]``.

In: the bytes of one document. Out: at most one `Bulletin` per scope, and an `Issue` for every record that cannot
be mapped (it is held back, nothing is guessed) and for every part of the document that nobody read.
May use: `formats`, `vocab`, `model`, `errors`. Never: the clock, I/O, another parser, `except Exception`.
A document that is unreadable, hostile or of unknown shape raises `ParseError`.
Add here: a module whose name a feed's YAML gives as ``parser``; raise VERSION when its output changes.
Tests: tests/parse, and tests/feeds for the samples and goldens of each feed.
"""
