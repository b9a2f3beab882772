"""Benchmarks of the running whole; `make bench` runs them."""
