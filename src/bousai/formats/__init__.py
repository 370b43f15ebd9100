"""One module per *format*: bytes → Python (and back, where we write it). A format knows no feed.

In: bytes. Out: trees, rows, typed envelopes; `ParseError` with a code for what is unreadable or hostile.
May use: `vocab`, `model`, `errors`. Never: the network, a database, the clock, a rule about a feed.
Add here: one module per format (jma_xml, atom, …); what several XML formats share is in
`xml_tree`, what all say of a document that is none of theirs in `refusal`.
Tests: tests/formats.
"""
