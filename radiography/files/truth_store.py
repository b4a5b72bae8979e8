"""Files of the truth behind raw frames: a Zarr folder, or an .npz file where there is one frame."""

from __future__ import annotations

import importlib
import json
import warnings
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from radiography.truth.layers import BACK, ROWS_AND_COLUMNS, Truth, kind_of

SUFFIXES = (".npz", ".zarr")
CHUNK = 512  # rows and columns of a chunk: 1 MiB of float32, and 36 chunks of the full panel   # chosen
LEVEL = 1  # of Zstandard, and of zip; more gains nothing on noise   # chosen
WRITERS = 2  # chunks that are compressed and written at a time   # chosen
DEFLATED = (np.bool_, np.uint8)  # kinds of planes that are worth it in a zip, where deflating takes seconds a plane


class LayerPlace(Protocol):
    """A place that layers are written to.

    Attributes
    ----------
    frames_axis : bool
        Whether layers of frames have an axis of frames, even of one.
    """

    frames_axis: bool

    def create(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, about: Mapping[str, Any]) -> Any:
        """An array that takes values by slices, rows in their order from the top; ``about`` is kept with it."""


class TruthStore(LayerPlace, Protocol):
    """A place for all layers and the data card."""

    def close(self, card: Mapping[str, Any], text: str) -> None:
        """Add the data card; nothing more is written then."""

    def __enter__(self) -> TruthStore:
        """Itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was needed for the time only."""


def zarr_library() -> Any:
    """The library of the extra `truth`, or ValueError with the command that installs it."""
    try:
        return importlib.import_module("zarr")
    except ImportError as error:
        raise ValueError(
            'a .zarr truth needs zarr: pip install "radiography[truth]" installs it; an .npz of one frame does not'
        ) from error


def create_truth(place: Path) -> TruthStore:
    """A store at a place where nothing is yet.

    Parameters
    ----------
    place : Path
        Ends in .npz or .zarr.

    Returns
    -------
    store : TruthStore
        To be used in a `with` statement.

    Raises
    ------
    ValueError
        If it ends in .zarr and zarr is not installed.
    """
    return _ZarrStore(place) if place.suffix.lower() == ".zarr" else _NpzStore(place)


class Behind:
    """The part of a place that holds the layers of a back layer: by the same names after `back/`."""

    def __init__(self, whole: LayerPlace) -> None:
        self._whole = whole
        self.frames_axis = whole.frames_axis

    def create(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, about: Mapping[str, Any]) -> Any:
        """An array of the whole."""
        return self._whole.create(BACK + name, shape, dtype, about_back(name, about))


def about_back(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a layer, where it is one of the back layer.

    Parameters
    ----------
    name : str
        Of the front layer's.
    about : mapping of str to object
        What is said of that.

    Returns
    -------
    about : dict
        The same, but what it is: "of the back layer: ...".
    """
    return {**about, "what": kind_of(BACK + name).what}


def load_truth(path: str | Path) -> Truth:
    """The truth that `simulate --truth` wrote; layers are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        A .zarr folder or an .npz file.

    Returns
    -------
    truth : Truth

    Raises
    ------
    ValueError, OSError
        If it is no such file, or zarr is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"cannot read {path}: it does not exist")
    if path.is_dir():
        zarr = zarr_library()
        try:
            group = zarr.open_group(str(path), mode="r")
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{path} is no Zarr folder that can be read") from error
        card = dict(group.attrs).get("card", {})
        layers: Mapping[str, Any] = {name: group[name] for name in card.get("layers", {})}
    else:
        try:
            layers = np.load(path, allow_pickle=False)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is no .npz file that can be read") from error
        if not isinstance(layers, np.lib.npyio.NpzFile):
            raise ValueError(f"{path} is no .npz file that can be read")
        card = json.loads(str(layers["card"])) if "card" in layers else {}
    if not card.get("layers"):
        raise ValueError(f"{path} holds no data card: 'simulate --truth' of this version writes one")
    return Truth(layers, card)


class _ZarrStore:
    """Zarr format 3: a folder of chunks, compressed, which other programs and languages read."""

    frames_axis = True

    def __init__(self, place: Path) -> None:
        self._zarr = zarr_library()
        self._place = place
        self._group = self._zarr.create_group(str(place), zarr_format=3)
        codecs = self._zarr.codecs
        self._compressor = codecs.BloscCodec(cname="zstd", clevel=LEVEL, shuffle="bitshuffle")

    def create(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, about: Mapping[str, Any]) -> Any:
        """An array whose chunks are written as they are filled; chunks of zeros take no room."""
        axes = kind_of(name).axes
        sides = dict.fromkeys(ROWS_AND_COLUMNS, CHUNK)
        array = self._group.create_array(
            name,
            shape=shape,
            chunks=tuple(max(1, min(sides.get(axis, 1), n)) for axis, n in zip(axes, shape, strict=True)),
            dtype=np.dtype(dtype),
            compressors=self._compressor,
            fill_value=0,
            attributes=dict(about),
            dimension_names=axes,
        )
        return _ByChunks(array)

    def close(self, card: Mapping[str, Any], text: str) -> None:
        """Add the card as attributes and as files; all that says what the arrays are goes into one file, too."""
        self._group.attrs.update({"card": card})
        with warnings.catch_warnings():  # other readers of format 3 pass over it, and read the arrays' own
            warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
            self._zarr.consolidate_metadata(self._group.store)
        (self._place / "card.json").write_text(json.dumps(card, indent=1), encoding="utf-8", newline="\n")
        (self._place / "card.txt").write_text(text, encoding="utf-8", newline="\n")

    def __enter__(self) -> _ZarrStore:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


class _ByChunks:
    """An array that is written chunk by chunk.

    Zarr would write many chunks at once, and go on with the others when one fails: into a folder that is being removed.
    """

    def __init__(self, array: Any) -> None:
        self._array = array

    def __setitem__(self, index: Any, values: npt.NDArray[Any]) -> None:
        """Write all of the array, some rows, or some rows of a frame; rows begin where chunks do."""
        if values.ndim == 1:
            self._array[...] = values
            return
        *frame, rows = index if isinstance(index, tuple) else (index,)
        top = 0 if rows is Ellipsis else rows.start

        def write(row: int, col: int) -> None:
            part = values[row : row + CHUNK, col : col + CHUNK]
            here = (slice(top + row, top + row + part.shape[0]), slice(col, col + part.shape[1]))
            self._array[(*frame, *here)] = part

        corners = list(product(*(range(0, side, CHUNK) for side in values.shape)))
        with ThreadPoolExecutor(WRITERS) as writers:  # it ends when all of them have ended
            list(writers.map(write, *zip(*corners, strict=True)))


class _PlaneFile:
    """An .npy file that takes the rows of a plane in their order."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.path, self.dtype, self.zeros = path, np.dtype(dtype), True
        about = {"descr": self.dtype.str, "fortran_order": False, "shape": shape}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, about)

    def __setitem__(self, index: Any, values: npt.NDArray[Any]) -> None:
        """Add rows, the next ones whatever the index."""
        self.zeros &= not values.any()
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(values, dtype=self.dtype).tobytes())


class _NpzStore:
    """One .npz file: planes are kept in files of their own until they are whole."""

    frames_axis = False

    def __init__(self, place: Path) -> None:
        self._place = place
        self._scratch = TemporaryDirectory(dir=place.parent, prefix="planes-")
        self._planes: dict[str, _PlaneFile] = {}

    def create(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, about: Mapping[str, Any]) -> Any:
        """An array in a file of its own; what is said about it is in the card."""
        self._planes[name] = _PlaneFile(Path(self._scratch.name) / str(len(self._planes)), shape, dtype)
        return self._planes[name]

    def close(self, card: Mapping[str, Any], text: str) -> None:
        """Put all planes into the file, and the card as two texts."""
        with zipfile.ZipFile(self._place, "w", compresslevel=LEVEL) as file:
            for name, plane in self._planes.items():
                entry = zipfile.ZipInfo(f"{name}.npy")
                if plane.dtype.type in DEFLATED or plane.zeros:
                    entry.compress_type = zipfile.ZIP_DEFLATED
                file.writestr(entry, plane.path.read_bytes())
            for name, said in (("card", json.dumps(card)), ("card_text", text)):
                np.lib.format.write_array(array := BytesIO(), np.array(said), allow_pickle=False)
                file.writestr(zipfile.ZipInfo(f"{name}.npy"), array.getvalue())

    def __enter__(self) -> _NpzStore:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files of the planes."""
        self._scratch.cleanup()
