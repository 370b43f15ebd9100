"""Tests of the delivery room, against servers on this machine."""
