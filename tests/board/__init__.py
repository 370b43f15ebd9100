"""Tests of `bousai.board`."""
