"""Sources that lie in a storage: ``s3://``, ``gs://``, ``ssh://`` and what else fsspec reads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.corpus.source import SPARE_BYTES
from engine.errors import CorpusError


@contextmanager
def fetched(source: Path | str) -> Iterator[Path]:
    """A path itself, or a copy of what lies at an address, for as long as it is needed.

    Raises
    ------
    CorpusError
        There is nothing, it cannot be read, or it is larger than the disk.
    """
    if isinstance(source, Path):
        yield source
        return
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise CorpusError("addresses need: pip install 'image2pic[cluster]'") from error
    with tempfile.TemporaryDirectory(prefix="image2pic-") as name:
        try:
            storage, root = url_to_fs(source)
            if not storage.exists(root):
                raise CorpusError(f"{source} does not exist")
            size = storage.du(root)
            if size + SPARE_BYTES > shutil.disk_usage(name).free:
                raise CorpusError(
                    f"{source} holds {size / 1e9:.1f} GB, more than {name} has room for: mount it "
                    "and give the folder"
                )
            folder = Path(name, root.rstrip("/").rpartition("/")[2])
            storage.get(root, str(folder), recursive=storage.isdir(root))
        except CorpusError:
            raise
        except Exception as error:
            # Each kind of storage raises its own errors.
            raise CorpusError(f"{source} cannot be read: {error}") from error
        yield folder
