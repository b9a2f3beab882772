"""Pictures of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.results import Floats


def plot_training(history: Mapping[str, Sequence[float]], coherence: Floats, path: Path) -> None:
    """Perplexity and sparsity per modality over the passes, and the topics' coherence, as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(14, 4), constrained_layout=True)
    for name, values in history.items():
        kind, modality = name.split("_", 1)
        axis = axes[0] if kind == "perplexity" else axes[1]
        axis.plot(range(1, len(values) + 1), values, label=modality)
    axes[0].set(title="Perplexity", xlabel="pass", yscale="log")
    axes[1].set(title="Sparsity of Phi", xlabel="pass", ylim=(0, 1))
    for axis in axes[:2]:
        axis.legend(frameon=False)
        axis.grid(alpha=0.3)
    ordered = sorted(coherence.tolist(), reverse=True)
    axes[2].bar(range(len(ordered)), ordered, width=1.0, color="#4c72b0")
    axes[2].axhline(float(coherence.mean()), color="#c44e52", label=f"mean {coherence.mean():.3f}")
    axes[2].set(title="Coherence (NPMI) of the topics", xlabel="topic, best first")
    axes[2].legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
