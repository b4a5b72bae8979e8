"""Arrays that took long to compute, kept in a folder of the user's and found again by everything they depend on.

A cache can only save time, never change a result: a file that is damaged, cut short or made for another key is
computed again, and a folder that cannot be read or written is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.whole_file import whole_file

Arrays = dict[str, npt.NDArray[Any]]

_KEY_NAME = "cache_key"  # array of the file that holds the key, so that a file can be told from its neighbours


def default_cache_folder() -> Path:
    """Folder named radiography in the user's cache folder of the platform; it need not exist.

    Raises
    ------
    OSError
        If the user has no home folder.
    """
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise OSError(f"the user has no home folder to keep a cache in ({error})") from error
    return base / "radiography"


def _plain(value: object) -> object:
    """Stand-in for a value that JSON does not know: arrays by type, shape and content, numbers of numpy as numbers."""
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return ["array", value.dtype.str, list(value.shape), content]
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a cache key may hold text, numbers, lists, mappings and arrays, got {type(value).__name__}")


def _read(path: Path, key_text: str) -> Arrays | None:
    """Arrays of a cache file, None where the file is missing, damaged or belongs to another key."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception:  # a damaged archive raises nearly anything; whatever it is, the answer is to compute again
        return None
    found_key = arrays.pop(_KEY_NAME, None)
    if found_key is None or found_key.shape != () or str(found_key) != key_text:
        return None
    return arrays


def _write(path: Path, key_text: str, arrays: Arrays) -> None:
    """File written beside its place and moved there whole; raises OSError where that cannot be done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        named: dict[str, Any] = {_KEY_NAME: np.array(key_text), **arrays}
        np.savez(stream, **named)


def cached_arrays(key: Mapping[str, Any], compute: Callable[[], Arrays], folder: Path | None = None) -> Arrays:
    """Result of ``compute()``, from the cache where it is there already.

    Parameters
    ----------
    key : mapping
        Everything the result depends on, versions of libraries and of the method included: text, numbers, lists,
        mappings, arrays.
    compute : callable
        Makes the arrays by name; called with no argument when the cache does not have them.
    folder : Path, optional
        Folder of the cache; by default the user's cache folder of the platform.

    Returns
    -------
    arrays : dict of str to ndarray
        Read-only arrays, bit for bit what ``compute`` gave.

    Raises
    ------
    TypeError
        If the key holds something that has no fixed written form, or an array holds Python objects.
    ValueError
        If an array has the name that the file keeps for its key.
    """
    key_text = json.dumps(key, sort_keys=True, default=_plain)
    path = None
    with contextlib.suppress(OSError):
        name = hashlib.sha256(key_text.encode()).hexdigest()[:40] + ".npz"
        path = (folder if folder is not None else default_cache_folder()) / name
    arrays = _read(path, key_text) if path is not None else None
    if arrays is None:
        arrays = {array_name: np.array(array) for array_name, array in compute().items()}
        if _KEY_NAME in arrays:
            raise ValueError(f"an array to be cached must not be named '{_KEY_NAME}'")
        for array_name, array in arrays.items():
            if array.dtype.hasobject:
                raise TypeError(f"array '{array_name}' to be cached must hold numbers or text, got {array.dtype}")
        if path is not None:
            with contextlib.suppress(OSError):
                _write(path, key_text, arrays)
    for array in arrays.values():
        array.setflags(write=False)
    return arrays
