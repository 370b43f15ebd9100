"""Signpost to be written with the room."""
