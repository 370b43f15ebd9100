"""Tests of the fetch room, against servers on this machine."""
