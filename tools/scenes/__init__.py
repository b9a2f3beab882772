"""Rendered landscapes with texts: the posts that a newcomer's first chat opens on."""
