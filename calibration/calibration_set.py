"""Everything learned about a panel, as one value in memory and one file on disk.

The file is a plain `.npz` (a zip of `.npy` planes, none of them pickled) with a JSON description, written whole or
not at all. Zip keeps a checksum of every plane; loading verifies all of them.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import CONDITIONS, UNKNOWN, Conditions, conditions_from, conditions_to_json
from calibration.dark.offset import OffsetMap
from calibration.defects.find import DefectMap
from calibration.lag.model import LagModel, lag_from_json, lag_to_json
from calibration.own_words import refused
from calibration.response.field import BeamField, field_from_json, field_to_json
from calibration.response.single_dose import GainMap
from calibration.whole_file import whole_file

_log = logging.getLogger("radiography")
FILE_FORMAT = "radiography calibration set"
FILE_VERSION = 3  # what version 1 lacks is optional; versions 1 and 2 keep the conditions in their provenance
_READABLE_VERSIONS = (1, 2, 3)
_DESCRIPTION = "description"
_PLANES = {"offset_dn": "f4", "gain": "f4", "defects": "u2"}
_OPTIONAL_PLANES = {"offset_noise_dn": "f4", "gain_noise": "f4", "dark_rate_dn_per_s": "f4", "chi_square": "f4"}
_STACKS = {"curvature": "f4"}  # (C - 1, H, W)
_ALL_PLANES = (*_PLANES, *_OPTIONAL_PLANES, *_STACKS)
_NUMBERS = ("saturation_dn", "level_dn", "typical_dark_noise_dn", "typical_flat_noise")
_COUNTS = ("darks_used", "flats_used")
_OPTIONAL_NUMBERS = ("doubling_K", "dark_rate_error_dn_per_s", "step_dn", "dn_per_uGy")
_SERIES = ("dark_times_s", "levels_dn", "calibration_variance")


@dataclass(frozen=True, eq=False)
class CalibrationSet:
    """Offset, gain and defects of one panel in one mode, with their origin.

    Attributes
    ----------
    offset_dn : (H, W) float32
        Dark signal. [DN]
    gain : (H, W) float32
        Factor that makes the panel uniform at `level_dn`, positive. [1]
    defects : (H, W) uint16
        Classes as bits of `calibration.flags`.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    level_dn : float
        Signal of the panel in the flats. [DN]
    typical_dark_noise_dn : float
        Noise of one pixel in one dark frame. [DN]
    typical_flat_noise : float
        Noise of one pixel in one flat, relative to `level_dn`. [1]
    darks_used, flats_used : int
        Frames in the means. [1]
    offset_noise_dn, gain_noise : (H, W) float32 or None
        Standard deviation of one dark frame [DN] and of one flat relative to the level [1]; None from single frames.
    step_dn : float or None
        Step of the numbers of the raw frames, 0 for floats that show none; None where not known, taken as 1. [DN]
    provenance : mapping
        History only, as JSON values: source files and their SHA-256, software, counts, notes.
    conditions : Conditions
        Panel and mode, geometry, pitch and date of the flats, shielded columns; integration time and temperature at
        which `offset_dn` holds.
    dn_per_uGy : float or None
        Corrected signal of 1 uGy of the flats' beam, its air kerma taken where that of the flats was; None where
        they do not say theirs. [DN/uGy]
    dark_rate_dn_per_s : (H, W) float32 or None
        Growth of the dark signal with integration time; None from darks of one integration time. [DN/s]
    dark_rate_error_dn_per_s : float or None
        Standard error of its typical value. [DN/s]
    dark_times_s : tuple of float
        Integration times of the darks. [s]
    doubling_K : float or None
        Rise of temperature that doubles the dark current. [K]
    curvature : (C - 1, H, W) float32 or None
        Coefficients of the second and third power of the inverse dose response; None for a straight line. [1/DN, 1/DN2]
    chi_square : (H, W) float32 or None
        Reduced, of the dose-response fit. [1]
    levels_dn : tuple of float
        Doses of that fit, rising; empty for a single dose. [DN]
    calibration_variance : tuple of float
        Variance of a corrected signal due to the calibration, as a polynomial in signal / `level_dn`; see
        `calibration/correction/variance.py`. [DN2]
    field : BeamField or None
        The part of the flats that belongs to the beam: heel and inverse square.
    lag : LagModel or None
        What earlier frames leave in later ones.
    quality : mapping or None
        What only frames can tell of how well they are corrected, measured while they were there, as JSON values;
        `calibration.quality.quality.quality_of` says in which form.
    """

    offset_dn: NDArray[np.float32]
    gain: NDArray[np.float32]
    defects: NDArray[np.uint16]
    saturation_dn: float
    level_dn: float
    typical_dark_noise_dn: float
    typical_flat_noise: float
    darks_used: int
    flats_used: int
    offset_noise_dn: NDArray[np.float32] | None
    gain_noise: NDArray[np.float32] | None
    provenance: Mapping[str, Any]
    conditions: Conditions = UNKNOWN
    step_dn: float | None = None
    dn_per_uGy: float | None = None
    dark_rate_dn_per_s: NDArray[np.float32] | None = None
    dark_rate_error_dn_per_s: float | None = None
    dark_times_s: tuple[float, ...] = ()
    doubling_K: float | None = None
    curvature: NDArray[np.float32] | None = None
    chi_square: NDArray[np.float32] | None = None
    levels_dn: tuple[float, ...] = ()
    calibration_variance: tuple[float, ...] = ()
    field: BeamField | None = None
    lag: LagModel | None = None
    quality: Mapping[str, Any] | None = None

    @property
    def dark_time_s(self) -> float | None:
        """Integration time at which `offset_dn` holds. [s]"""
        return self.conditions.integration_time_s

    @property
    def shielded_cols(self) -> tuple[tuple[int, int], ...]:
        """Columns that see no X-rays, half-open ranges; none where nothing is known of them. [1]"""
        return self.conditions.shielded_cols or ()

    @property
    def knows_dark_noise(self) -> bool:
        """Whether noise of darks was told from their pattern, which takes two."""
        return self.darks_used > 1

    @property
    def knows_flat_noise(self) -> bool:
        """Whether noise of flats was told from their pattern: by two of a dose, or more doses than the fit needs."""
        return self.flats_used > 1 or self.chi_square is not None

    def __post_init__(self) -> None:
        shape = self.offset_dn.shape
        for name, dtype in {**_PLANES, **_OPTIONAL_PLANES, **_STACKS}.items():
            plane = getattr(self, name)
            if plane is None and name not in _PLANES:
                continue
            if plane.dtype != np.dtype(dtype):
                raise TypeError(f"{name} must be {np.dtype(dtype).name}, got {plane.dtype}")
            if plane.ndim != (3 if name in _STACKS else 2) or plane.shape[-2:] != shape:
                raise ValueError(f"{name} is {plane.shape} but offset_dn is {shape}")
            if not np.isfinite(plane).all():
                raise ValueError(f"{name} holds values that are NaN or infinite")
        if self.curvature is not None and len(self.curvature) not in (1, 2):
            raise ValueError(f"curvature must hold 1 or 2 planes, got {len(self.curvature)}")
        for name in (*_OPTIONAL_NUMBERS, *_SERIES):
            value = getattr(self, name)
            values = value if name in _SERIES else () if value is None else (value,)
            if not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite, got {value}")
        for first, last in self.shielded_cols:
            if not 0 <= first < last <= shape[1]:
                raise ValueError(f"shielded columns {first}:{last} do not lie within the {shape[1]} columns")
        if self.dark_rate_dn_per_s is not None and self.dark_time_s is None:
            raise ValueError("a dark rate needs integration_time_s, at which offset_dn holds, among the conditions")
        if self.gain.size and not self.gain.min() > 0:
            raise ValueError(f"gain must be positive, its smallest value is {self.gain.min()}")
        for name in _NUMBERS:
            value = getattr(self, name)
            least = 0.0 if name.startswith("typical") else np.nextafter(0.0, 1.0)
            if not (np.isfinite(value) and value >= least):
                raise ValueError(
                    f"{name} must be finite and {'not negative' if least == 0 else 'positive'}, got {value}"
                )
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))


def calibration_set(
    offset: OffsetMap,
    gain: GainMap,
    defects: DefectMap,
    *,
    saturation_dn: float,
    provenance: Mapping[str, Any],
    conditions: Conditions = UNKNOWN,
) -> CalibrationSet:
    """The maps of one calibration put together; what was rejected and skipped joins the provenance.

    Parameters
    ----------
    offset, gain, defects : OffsetMap, GainMap, DefectMap
        Of the same panel.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    provenance : mapping
        JSON values: the history; see `CalibrationSet`.
    conditions : Conditions
        Of the frames. The date is the caller's to give.

    Returns
    -------
    calibration : CalibrationSet
    """
    learned = {
        "darks_rejected": list(offset.frames_rejected),
        "flat_levels_dn": list(gain.levels_dn),
        "flatten": "same",  # heel and inverse square stay in the gain: good for this distance only
        "defects": dict(defects.counts),
        "defects_skipped": list(defects.skipped),
    }
    return CalibrationSet(
        offset_dn=offset.offset_dn,
        gain=gain.gain,
        defects=defects.flags,
        saturation_dn=float(saturation_dn),
        level_dn=gain.level_dn,
        typical_dark_noise_dn=offset.typical_noise_dn,
        typical_flat_noise=gain.typical_noise,
        darks_used=offset.frames_used,
        flats_used=gain.frames_used,
        offset_noise_dn=offset.noise_dn,
        gain_noise=gain.noise,
        step_dn=float(offset.step_dn),
        provenance={**learned, **provenance},
        conditions=conditions,
    )


def save_calibration_set(calibration: CalibrationSet, path: str | Path) -> None:
    """Write a calibration under exactly the name given; on any failure what stood there stays.

    The same calibration gives the same bytes.

    Parameters
    ----------
    calibration : CalibrationSet
    path : str or Path

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    TypeError
        If the provenance cannot be written as JSON.
    """
    numbers = {name: getattr(calibration, name) for name in (*_NUMBERS, *_COUNTS, *_OPTIONAL_NUMBERS, *_SERIES)}
    parts = {
        "conditions": conditions_to_json(calibration.conditions),
        "field": None if calibration.field is None else field_to_json(calibration.field),
        "lag": None if calibration.lag is None else lag_to_json(calibration.lag),
        "quality": calibration.quality,
    }
    head = {"format": FILE_FORMAT, "version": FILE_VERSION, **numbers, **parts}
    head["provenance"] = dict(calibration.provenance)
    try:
        text = json.dumps(head, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the provenance of {path} cannot be written as JSON: {error}") from error
    planes: dict[str, Any] = {_DESCRIPTION: np.frombuffer(text.encode(), np.uint8)}
    for name in _ALL_PLANES:
        if getattr(calibration, name) is not None:
            planes[name] = getattr(calibration, name)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **planes)


def load_calibration_set(path: str | Path) -> CalibrationSet:
    """Read a calibration; a damaged, truncated or foreign file is refused in one sentence.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no calibration set, was made by a newer version, or any byte of it changed.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; a calibration file is needed")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    _log.debug("read %s", path)
    with refused(path, "is no calibration set, or a damaged one"), zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        wanted = {_DESCRIPTION, *_ALL_PLANES}
        if _DESCRIPTION not in members or not set(members) <= wanted:
            raise ValueError(f"{path} is no calibration set: it holds {', '.join(sorted(members)[:5]) or 'nothing'}")
        if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
            raise ValueError(f"{path} is no calibration set: its planes are compressed")
        head = json.loads(bytes(_plane(archive, members[_DESCRIPTION])))
        if not isinstance(head, dict) or head.get("format") != FILE_FORMAT:
            raise ValueError(f"{path} is no calibration set: its description says otherwise")
        if head.get("version") not in _READABLE_VERSIONS:
            readable = ", ".join(str(version) for version in _READABLE_VERSIONS)
            raise ValueError(f"{path} is of version {head.get('version')}; versions {readable} are read")
        missing = [name for name in _PLANES if name not in members]
        if missing:
            raise ValueError(f"{path} lacks {', '.join(missing)}")
        planes = {name: _plane(archive, info) for name, info in members.items() if name != _DESCRIPTION}
    with refused(path, "is a damaged calibration set"):
        head = _with_conditions(head) if head["version"] < 3 else head
        optional = {name: head.get(name) for name in _OPTIONAL_NUMBERS}
        return CalibrationSet(
            **{name: planes.get(name) for name in _ALL_PLANES},  # type: ignore[arg-type]
            **{name: float(head[name]) for name in _NUMBERS},  # type: ignore[arg-type]
            **{name: int(head[name]) for name in _COUNTS},  # type: ignore[arg-type]
            **{name: None if value is None else float(value) for name, value in optional.items()},  # type: ignore[arg-type]
            **{name: tuple(float(value) for value in head.get(name, ())) for name in _SERIES},  # type: ignore[arg-type]
            field=None if head.get("field") is None else field_from_json(head["field"]),
            lag=None if head.get("lag") is None else lag_from_json(head["lag"]),
            quality=head.get("quality"),
            provenance=head["provenance"],
            conditions=conditions_from(head["conditions"], "conditions", others_allowed=False),
        )


def _with_conditions(head: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a set of version 1 or 2 as version 3 has it: conditions, quality and history apart."""
    provenance = dict(head["provenance"])
    said = {name: provenance.pop(name, None) for name in CONDITIONS}
    named = {"integration_time_s": "dark_time_s", "temperature_C": "temperature_C", "shielded_cols": "shielded_cols"}
    said |= {name: head[old] for name, old in named.items() if head.get(old) is not None}
    learned = {name: provenance.pop(name, None) for name in ("dark_rate_error_dn_per_s", "quality")}
    return {**head, **learned, "conditions": said, "provenance": provenance}


def _plane(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One plane, its checksum verified; stored planes cannot claim more than the file holds."""
    stored = io.BytesIO(archive.read(info))
    plane = np.lib.format.read_array(stored, allow_pickle=False)
    if stored.read(1):
        raise ValueError(f"plane {info.filename} holds more bytes than its shape {plane.shape}")
    return np.asarray(plane)
