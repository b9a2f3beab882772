"""Distilling the small encoder from Inception-v3."""
