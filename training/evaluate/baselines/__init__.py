"""What the model is measured against: each baseline learns from the same training posts.

A baseline is a `Method`; `fit_baseline` learns one, or reads it from the cache.
"""

from training.evaluate.baselines.base import Method, Task
from training.evaluate.baselines.fitting import BASELINES, Fitted, fit_baseline

__all__ = ["BASELINES", "Fitted", "Method", "Task", "fit_baseline"]
