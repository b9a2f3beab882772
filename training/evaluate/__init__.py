"""Measuring a model against the baselines on posts it has not seen."""
