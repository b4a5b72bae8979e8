"""Several result files that appear together or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A temporary folder inside ``folder`` whose files move into it, over older ones, when all went well.

    On any failure, an interrupt included, the temporary folder is removed and nothing else has changed.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    temporary = Path(tempfile.mkdtemp(prefix=".radiography-", dir=folder))
    try:
        yield temporary
        for path in sorted(path for path in temporary.rglob("*") if path.is_file()):
            final = folder / path.relative_to(temporary)
            final.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, final)  # noqa: PTH105 - atomic by name
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
