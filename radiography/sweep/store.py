"""Store of a sweep: one zarr group of version 3, in which every sample has chunks of its own.

Written here without the zarr library, of whose format it needs little: arrays that are not compressed, and a file for
each sample. So a sweep gives the same bytes with and without it. A file appears whole, under its name, and `done` of a
sample comes after everything else of it: what is done can be read, whoever was killed meanwhile.

References
----------
.. [1] Zarr core specification, version 3.0, https://zarr-specs.readthedocs.io/en/latest/v3/core/
.. [2] Codecs `bytes` and `vlen-utf8` of https://github.com/zarr-developers/zarr-extensions
"""

from __future__ import annotations

import json
import os
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calibration.whole_file import folder_for, staged

GROUP = "zarr.json"
TEXT = "string"  # data type of zarr; all others have the names of numpy
_FILL: dict[str, Any] = {TEXT: "", "float64": "NaN", "float32": "NaN", "bool": False}


@dataclass(frozen=True)
class StoredArray:
    """An array of the store: a value or a picture for each sample.

    Attributes
    ----------
    name, dtype : str
        Name of its folder, in groups where it has a "/", and type: of numpy, or "string".
    dimensions : tuple of str
        Names of those that come after the samples' own.
    shape : tuple of int
        Along these. [1]
    attributes : mapping
        Unit and meaning.
    """

    name: str
    dtype: str
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Store:
    """Where a sweep is kept: its folder, and how many samples it has along each of their dimensions. [1]"""

    folder: Path
    shape: tuple[int, ...]


def create_store(
    store: Store,
    dimensions: Sequence[str],
    arrays: Sequence[StoredArray],
    coordinates: Mapping[str, tuple[str, Sequence[Any]]],
    attributes: Mapping[str, Any],
) -> None:
    """Make a store without samples; its files come together or not at all.

    Parameters
    ----------
    store : Store
        Its folder is new or empty.
    dimensions : sequence of str
        Names of those of the samples.
    arrays : sequence of StoredArray
        What there is for each sample.
    coordinates : mapping
        By name the dimension and the values along it: all numbers, or all taken as text.
    attributes : mapping
        JSON values of the group.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    described = {array.name: _array(store, dimensions, array) for array in arrays}
    chunks: dict[str, bytes] = {}
    for name, (dimension, values) in coordinates.items():
        dtype, chunks[name] = _coordinate(values)
        described[name] = _metadata(dtype, (len(values),), (len(values),), (dimension,), {})
    inner = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    parts = (name.split("/")[:-1] for name in described)
    groups = {"/".join(part[: n + 1]): inner for part in parts for n in range(len(part))}
    # zarr asks each group for a table of its own, and fills it from the whole one, where what is in it stands together
    told = described | {name: {**one, "consolidated_metadata": _consolidated({})} for name, one in groups.items()}
    told = dict(sorted(told.items(), key=lambda entry: entry[0] if "/" in entry[0] else ""))
    described |= groups
    group = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}
    group["consolidated_metadata"] = _consolidated(told)
    with folder_for(store.folder), staged(store.folder) as place:
        for name, metadata in described.items():
            (place / name).mkdir(parents=True, exist_ok=True)
            _write_json(place / name / GROUP, metadata)
        for name, chunk in chunks.items():
            (place / name / "c").mkdir()
            (place / name / "c" / "0").write_bytes(chunk)
        _write_json(place / GROUP, group)


def _consolidated(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "inline", "must_understand": False, "metadata": dict(metadata)}


def attributes_of(folder: Path) -> dict[str, Any] | None:
    """Attributes of the group in a folder; None where there is no group that can be read."""
    try:
        group = json.loads((folder / GROUP).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    attributes = group.get("attributes") if isinstance(group, dict) else None
    return attributes if isinstance(attributes, dict) else None


def write_value(store: Store, array: StoredArray, place: tuple[int, ...], value: Any) -> None:
    """Write what an array holds for one sample.

    Parameters
    ----------
    store : Store
    array : StoredArray
    place : tuple of int
        Of the sample along its dimensions.
    value : text, number or array
        Of the array's type and shape.

    Raises
    ------
    ValueError
        If the value has another shape.
    OSError
        If it cannot be written.
    """
    if array.dtype == TEXT:
        content = _as_chunk([str(value)])
    else:
        numbers = np.asarray(value, dtype=np.dtype(array.dtype).newbyteorder("<"))
        if numbers.shape != array.shape:
            raise ValueError(f"{array.name} of a sample is {numbers.shape}, its store has room for {array.shape}")
        content = numbers.tobytes()
    path = _chunk(store, array, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - atomic by name
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_value(store: Store, array: StoredArray, place: tuple[int, ...]) -> Any:
    """Text or number of one sample; what an array without a file there is filled with.

    Parameters
    ----------
    store : Store
    array : StoredArray
        Of text, or with one number for each sample.
    place : tuple of int
        Of the sample along its dimensions.

    Returns
    -------
    value : str or float

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    path = _chunk(store, array, place)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return "" if array.dtype == TEXT else float("nan") if array.dtype.startswith("float") else 0
    if array.dtype == TEXT:
        return content[8:].decode("utf-8", "replace")
    if len(content) != np.dtype(array.dtype).itemsize:
        raise ValueError(f"{path} has {len(content)} bytes, it should hold one {array.dtype}: delete it to do it again")
    return np.frombuffer(content, np.dtype(array.dtype).newbyteorder("<"))[0].item()


def _chunk(store: Store, array: StoredArray, place: tuple[int, ...]) -> Path:
    return (store.folder / array.name / "c").joinpath(*map(str, place), *("0" for _ in array.shape))


def _array(store: Store, dimensions: Sequence[str], array: StoredArray) -> dict[str, Any]:
    shape, chunk = (*store.shape, *array.shape), (*(1 for _ in store.shape), *array.shape)
    return _metadata(array.dtype, shape, chunk, (*dimensions, *array.dimensions), array.attributes)


def _metadata(
    dtype: str, shape: Sequence[int], chunk: Sequence[int], names: Sequence[str], attributes: Mapping[str, Any]
) -> dict[str, Any]:
    codec: dict[str, Any] = {"name": "bytes", "configuration": {"endian": "little"}}
    if dtype in ("uint8", "bool"):
        codec = {"name": "bytes"}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": _FILL.get(dtype, 0),
        "codecs": [{"name": "vlen-utf8"} if dtype == TEXT else codec],
        "attributes": dict(attributes),
        "dimension_names": list(names),
        "storage_transformers": [],
    }


def _coordinate(values: Sequence[Any]) -> tuple[str, bytes]:
    """Type and chunk of the values along a dimension: numbers stay numbers, lists and tables are JSON text."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 for value in values):
        return "float64", np.asarray([float(value) for value in values], dtype="<f8").tobytes()
    return TEXT, _as_chunk([text_of(value) for value in values])


def text_of(value: Any) -> str:
    """A value of a TOML file as text: as it is, or as JSON where it is a number, a list or a table."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _as_chunk(texts: Sequence[str]) -> bytes:
    """Texts as the codec vlen-utf8 has them: their number, then length and bytes of each, lengths as uint32."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return struct.pack("<I", len(texts)) + b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8", newline="\n")
