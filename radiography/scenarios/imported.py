"""A foreign scene as it was understood, before it becomes files of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.scenarios.frames import PanelView

FloatArray = npt.NDArray[np.float64]
LARGEST_JSON_BYTES = 16 * 1024 * 1024
INTEGRATION_S = 0.5  # assumed where a scenario says none
ANODE_ANGLE_DEG = 12.0  # assumed where a scenario says none
IMAX = 60000.0  # of the CTSimU tests; assumed where a scenario says none


@dataclass(frozen=True)
class ForeignMaterial:
    """Density [g/cm3] and mass part of each formula [1]."""

    density_g_per_cm3: float
    mass_fractions: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Sample:
    """A mesh file, its material, and the way of its corners to the world: corners @ matrix + shift. [mm]"""

    name: str
    file: Path
    material: str
    matrix: FloatArray
    shift_mm: FloatArray


@dataclass(frozen=True)
class ForeignTube:
    """Source: voltage [kV], target, its angle [deg], window and filters [mm], energy of a single line [keV]."""

    kvp: float
    anode: str = "W"
    anode_angle_deg: float = ANODE_ANGLE_DEG
    filters: tuple[tuple[str, float], ...] = ()
    later_filters: tuple[tuple[str, float], ...] = ()
    single_keV: float | None = None
    spectrum_file: Path | None = None
    spot_shape: str = "square"
    spot_mm: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class ForeignDetector:
    """Pixels [1, mm], time [s], and what an ideal detector makes of the beam: grey values, noise and unsharpness.

    ``layer`` is a scintillator whose absorbed energy counts, material and thickness [mm]; without it all energy does.
    ``grey`` is that without beam and that of the brightest place of the open beam, ``snr`` that at the latter [1],
    ``basic_resolution_mm`` the duplex-wire resolution of the whole detector. [mm]
    """

    rows: int
    cols: int
    pitch_mm: float
    integration_time_s: float = INTEGRATION_S
    bits: int = 16
    grey: tuple[float, float] = (0.0, IMAX)
    snr: float | None = None
    basic_resolution_mm: float | None = None
    layer: tuple[str, float] | None = None


@dataclass(frozen=True, eq=False)
class ImportedScene:
    """What a foreign file says of one exposure."""

    name: str
    description: str
    view: PanelView
    tube: ForeignTube
    detector: ForeignDetector
    samples: tuple[Sample, ...]
    materials: Mapping[str, ForeignMaterial]
    vacuum: bool
    flat_is_ideal: bool = False


def read_json(path: Path) -> Mapping[str, object]:
    """A JSON file, which must hold a table.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    data : mapping

    Raises
    ------
    ValueError
        If it is too large, no JSON, a Python file, or holds something else.
    OSError
        If it cannot be read.
    """
    if path.suffix.lower() in (".py", ".cfg"):
        raise ValueError(
            f"{path} is Python, as XCIST configurations are, and would have to be run; JSON of CTSimU or gVXR is read"
        )
    if path.suffix.lower() == ".artist":
        raise ValueError(f"{path} is a project of aRTist, whose format is not published; export it as CTSimU scenario")
    if path.stat().st_size > LARGEST_JSON_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, at most {LARGEST_JSON_BYTES} are read")
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"), parse_int=_whole)
        json.dumps(data, ensure_ascii=False).encode()  # halves of surrogates, which no file of ours can hold
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} must hold a table of keys, got {type(data).__name__}")
    return data


def _whole(digits: str) -> int | float:
    """A whole number; one that no float holds is infinite, and refused as such."""
    return int(digits) if len(digits) <= 300 else float(digits)


def file_beside(folder: Path, name: str) -> Path:
    """A file that a scenario names, which must lie in the scenario's folder or below it.

    Parameters
    ----------
    folder : Path
        Of the scenario.
    name : str
        As the scenario has it.

    Returns
    -------
    path : Path

    Raises
    ------
    ValueError
        If it leads out of the folder.
    FileNotFoundError
        If there is no such file.
    """
    wanted = Path(name.replace("\\", "/"))
    path = folder / wanted
    if wanted.is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"'{name}' leads out of the scenario's folder {folder}; files beside or below it are read")
    if not path.is_file():
        raise FileNotFoundError(f"'{name}' is not in the scenario's folder {folder}")
    return path
