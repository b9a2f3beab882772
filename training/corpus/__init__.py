"""Corpora on disk: reading, writing, leaving out."""
