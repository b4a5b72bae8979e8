"""Results as JSON text that every reader takes: what is no number is null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

import numpy as np


def json_text(result: Mapping[str, Any] | Sequence[Any]) -> str:
    """A result as indented JSON text.

    Parameters
    ----------
    result : mapping or sequence
        Text, numbers, lists, mappings, arrays, paths and dates.

    Returns
    -------
    text : str
        JSON without NaN and infinities, which JSON does not know: they are null. Ends with a new line.

    Raises
    ------
    TypeError
        If the result holds something that JSON has no form for.
    """
    return json.dumps(_plain(result), indent=2, allow_nan=False) + "\n"


def write_json(path: Path, result: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a result as JSON, the same bytes on every system.

    Parameters
    ----------
    path : Path
        File to write.
    result : mapping
        As `json_text` takes it.
    """
    path.write_text(json_text(result), encoding="utf-8", newline="\n")


def _plain(value: Any) -> Any:
    """The value as JSON knows it, all the way down."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Enum):
        return _plain(value.value)
    return value
