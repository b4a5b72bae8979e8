"""Maps that were measured on one panel: an NPZ file beside the panel's own file, in the place of drawn maps.

The file holds what each pixel departs from the numbers of the panel's file, so that these still count: a panel whose
``readout.offset_dn`` or ``photodiode.dark_electrons_per_s`` is changed changes with all its pixels. Planes are stored
as they are, without compression or pickles, and the panel's file has the SHA-256 of them all.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.own_words import refused
from radiography.panel.maps import PanelMaps, draw_panel_maps
from radiography.panel.panel import Panel

NO_MAPS = "is no file of a panel's maps, or a damaged one"
LARGEST = 1e9  # [1, DN] beyond what any plane holds; keeps products finite in float32   # chosen
MOST_BENT = 0.5  # of n, as in `Uniformity`: beyond it more light means less charge

_PLANES = {  # name -> type, lowest value
    "offset_departure_dn": ("f4", -LARGEST),
    "response": ("f4", 0.0),
    "dark_factor": ("f4", -LARGEST),
    "noise_factor": ("f4", 0.0),
    "defects": ("u1", 0),
}
_OPTIONAL = {"nonlinearity_departure": ("f4", -LARGEST), "lag_factor": ("f4", 0.0)}

Array = npt.NDArray[np.float32]


def panel_maps(panel: Panel) -> PanelMaps:
    """The maps of a panel: those measured on it where it has some, else those drawn for it.

    They are shared: nobody writes to them.

    Parameters
    ----------
    panel : Panel
        Where ``maps`` is given, with the whole name of the file, as `radiography.config.load_panel` makes it.

    Returns
    -------
    maps : PanelMaps
        (H, W) of the panel.

    Raises
    ------
    ValueError
        If the file is none of maps, is not that of the panel, or does not fit it.
    OSError
        If it cannot be read.
    """
    if panel.maps is None:
        return draw_panel_maps(panel)
    return _measured(panel)


def write_maps(path: Path, panel: Panel, maps: PanelMaps) -> str:
    """Write maps for a panel.

    Parameters
    ----------
    path : Path
        The NPZ file.
    panel : Panel
        From whose numbers the maps depart.
    maps : PanelMaps
        Of the panel.

    Returns
    -------
    sha256 : str
        Of the file, in hexadecimal; the same maps give the same bytes.
    """
    rate = np.float32(panel.photodiode.dark_electrons_per_s)
    planes: dict[str, Any] = {
        "offset_departure_dn": maps.offset_dn - np.float32(panel.readout.offset_dn),
        "response": maps.response,
        "dark_factor": maps.dark_electrons_per_s / rate if rate > 0 else np.ones_like(maps.dark_electrons_per_s),
        "noise_factor": maps.noise_factor,
        "defects": maps.defects,
    }
    if maps.nonlinearity is not None:
        planes["nonlinearity_departure"] = maps.nonlinearity - np.float32(panel.uniformity.nonlinearity)
    if maps.lag_factor is not None:
        planes["lag_factor"] = maps.lag_factor
    kinds = {**_PLANES, **_OPTIONAL}
    stored: dict[str, Any] = {name: np.asarray(plane, dtype=kinds[name][0]) for name, plane in planes.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **stored)
    path.write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


@lru_cache(maxsize=1)  # scenes that follow each other have the same panel
def _measured(panel: Panel) -> PanelMaps:
    """The maps of the panel's file; its SHA-256 is part of the panel, so that other bytes are not taken for these."""
    assert panel.maps is not None
    path = Path(panel.maps.file)
    if not path.is_file():
        raise FileNotFoundError(f"the maps {path} of panel '{panel.name}' do not exist")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != panel.maps.sha256:
        raise ValueError(
            f"{path} has the SHA-256 {found[:12]}... but the file of panel '{panel.name}' says "
            f"{panel.maps.sha256[:12]}...: they do not belong together"
        )
    with refused(path, NO_MAPS):
        planes = _planes(path, content, (panel.pixels.rows, panel.pixels.cols))
    offset_dn = planes["offset_departure_dn"] + np.float32(panel.readout.offset_dn)
    departure = planes.get("nonlinearity_departure")
    nonlinearity = None
    if departure is not None:
        nonlinearity = departure + np.float32(panel.uniformity.nonlinearity)
        if np.abs(nonlinearity).max() >= MOST_BENT:
            raise ValueError(
                f"{path}: non-linearity must lie between -{MOST_BENT} and {MOST_BENT}, it reaches "
                f"{float(np.abs(nonlinearity).max()):.3g} with that of panel '{panel.name}'"
            )
    elif panel.uniformity.nonlinearity != 0:
        nonlinearity = np.full(offset_dn.shape, panel.uniformity.nonlinearity, dtype=np.float32)
    lag_factor = planes.get("lag_factor")
    _check_lag(path, panel, lag_factor)
    return PanelMaps(
        offset_dn=offset_dn,
        response=planes["response"],
        dark_electrons_per_s=planes["dark_factor"] * np.float32(panel.photodiode.dark_electrons_per_s),
        noise_factor=planes["noise_factor"],
        defects=planes["defects"],
        nonlinearity=nonlinearity,
        lag_factor=lag_factor,
    )


def _check_lag(path: Path, panel: Panel, lag_factor: Array | None) -> None:
    """No pixel traps all of its charge."""
    if lag_factor is None:
        return
    trapped = sum(term.fraction for term in panel.lag) * float(lag_factor.max())
    if panel.lag_exposure is not None:
        trapped *= max(panel.lag_exposure.factor)
    if trapped >= 1.0:
        raise ValueError(f"{path}: a pixel would trap {trapped:.3g} of its charge, which must be below 1")


def _planes(path: Path, content: bytes, shape: tuple[int, int]) -> dict[str, npt.NDArray[Any]]:
    """The planes of a file, each of the panel's shape and of numbers that it may hold."""
    kinds = {**_PLANES, **_OPTIONAL}
    planes: dict[str, npt.NDArray[Any]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if not set(_PLANES) <= set(members) <= set(kinds):
            raise ValueError(
                f"{path} holds {', '.join(sorted(members)[:8]) or 'nothing'}; it must hold "
                f"{', '.join(_PLANES)} and may hold {', '.join(_OPTIONAL)}"
            )
        for name, info in members.items():
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{path}: {name} is compressed; planes must be stored as they are")
            kind, lowest = kinds[name]
            plane = np.asarray(np.lib.format.read_array(io.BytesIO(archive.read(info)), allow_pickle=False))
            if plane.shape != shape:
                raise ValueError(f"{path}: {name} is {plane.shape} but the panel is {shape}")
            if plane.dtype != np.dtype(kind):
                raise ValueError(f"{path}: {name} must be {np.dtype(kind).name}, got {plane.dtype}")
            if not (np.isfinite(plane).all() and plane.min() >= lowest and plane.max() <= LARGEST):
                raise ValueError(f"{path}: {name} must be finite and between {lowest:g} and {LARGEST:g} everywhere")
            planes[name] = plane
    return planes
