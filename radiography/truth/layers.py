"""Layers of the truth behind raw frames: names, units, and how they make the frames again, bit for bit.

    held           = relative_exposure (primary + scatter) response + afterglow_electrons
                     + dark_electrons_per_s * integration time, at most the full well
    mean_electrons = held (1 - nonlinearity * held / full well)
    noiseless_dn   = mean_electrons / electrons per DN + offset_dn
    raw_dn         = noiseless_dn + lag_dn + noise_dn, rounded and kept within the range of the ADC

Each line is computed in float64; `mean_electrons` and `noiseless_dn` are then float32. A layer that is not there is 0.
The four numbers are the constants of the data card. The back layer of a dual-layer panel has layers of the same names
after `back/`, and constants of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]

ROWS_AND_COLUMNS = ("row", "column")
FRAMES = ("frame", "row", "column")
ONE_A_FRAME = ("frame",)
THICKNESS, MASS, MASK = "thickness_mm/", "mass_g_per_cm2/", "mask/"  # with the name of a material, of an object
BACK = "back/"  # with the name of any layer: that of the back layer of a dual-layer panel
LONGEST_NAME = 200  # bytes of a name in a folder: file systems stop at 255   # chosen


class LayerKind(NamedTuple):
    """Unit and axes of a layer, and what it holds."""

    unit: str
    axes: tuple[str, ...]
    what: str


LAYERS: dict[str, LayerKind] = {
    "raw_dn": LayerKind("DN", FRAMES, "the raw frames"),
    "primary": LayerKind(
        "electrons",
        ROWS_AND_COLUMNS,
        "mean charge by X-rays that came straight from the source, of an exposure of strength 1 in pixels of "
        "response 1: light with all its blur, and what X-rays leave in the photodiodes themselves",
    ),
    "scatter": LayerKind(
        "electrons", ROWS_AND_COLUMNS, "the same by X-rays that the object scattered; 0 where they were left out"
    ),
    "mean_electrons": LayerKind("electrons", FRAMES, "charge that each photodiode holds at its readout, without noise"),
    "noiseless_dn": LayerKind("DN", FRAMES, "the raw frame without noise, lag and rounding"),
    "lag_dn": LayerKind("DN", FRAMES, "what the traps of the photodiodes gave to this frame less what they took"),
    "noise_dn": LayerKind("DN", FRAMES, "noise of X-ray quanta, of counting electrons and of the readout"),
    "afterglow_electrons": LayerKind(
        "electrons",
        FRAMES,
        "mean charge by light out of its time: of earlier frames, less what this frame leaves to later ones; with the "
        "change of gain by earlier doses, where the panel has it",
    ),
    "relative_exposure": LayerKind("1", ONE_A_FRAME, "exposure of each frame relative to the scene's; 0: beam off"),
    "quanta": LayerKind("1", ROWS_AND_COLUMNS, "mean X-ray quanta that the layer absorbs over each pixel"),
    "light": LayerKind("1", ROWS_AND_COLUMNS, "mean light of these quanta at the photodiodes, without blur"),
    "light_spread": LayerKind("1", ROWS_AND_COLUMNS, "mean light that falls on each pixel, with all blur"),
    "offset_dn": LayerKind("DN", ROWS_AND_COLUMNS, "dark level, without dark current"),
    "response": LayerKind("1", ROWS_AND_COLUMNS, "sensitivity; 0 where a pixel is dead or shielded"),
    "dark_electrons_per_s": LayerKind("electrons/s", ROWS_AND_COLUMNS, "dark current"),
    "noise_factor": LayerKind("1", ROWS_AND_COLUMNS, "readout noise relative to the panel's"),
    "defects": LayerKind("bits", ROWS_AND_COLUMNS, "defects that the panel was made with; see defect_bits"),
    "nonlinearity": LayerKind("1", ROWS_AND_COLUMNS, "n of a charge q that is held as q (1 - n q / full well)"),
    "lag_factor": LayerKind("1", ROWS_AND_COLUMNS, "trapped fractions relative to the panel's"),
    "gain_of_last_frame": LayerKind("1", ROWS_AND_COLUMNS, "gain by earlier doses, of the last frame"),
    "mean_gain": LayerKind("1", ONE_A_FRAME, "mean gain by earlier doses"),
}
FAMILIES: dict[str, LayerKind] = {
    THICKNESS: LayerKind("mm", ROWS_AND_COLUMNS, "mean path of the pixel's rays through this material, later solids "
                         "in place of earlier ones"),
    MASS: LayerKind("g/cm2", ROWS_AND_COLUMNS, "mean areal mass of this material along the pixel's rays through "
                    "volumes, without the voxels that solids replace"),
    MASK: LayerKind("1", ROWS_AND_COLUMNS, "true where the ray from the middle of the focal spot to the middle of the "
                    "pixel passes through this object, later solids in place of earlier ones; of a volume through "
                    "voxels of more than 0.1 g/cm3"),
}  # fmt: skip
MADE_OF = ("relative_exposure", "primary", "scatter", "afterglow_electrons", "dark_electrons_per_s", "response",
           "nonlinearity", "offset_dn", "lag_dn", "noise_dn")  # fmt: skip
_NEEDED = ("offset_dn", "response", "dark_electrons_per_s", "lag_dn", "noise_dn")


class Constants(NamedTuple):
    """Numbers that the layers recombine with: integration time [s], full well, conversion, end of the ADC. [DN]"""

    integration_time_s: float
    full_well_electrons: float
    electrons_per_dn: float
    highest_dn: int


@dataclass(frozen=True, eq=False)
class Truth:
    """Truth behind raw frames.

    Attributes
    ----------
    layers : mapping of str to array
        By name; arrays or what gives them by slices, such as Zarr arrays.
    card : dict
        What each layer is, units, seeds, versions, licence.
    """

    layers: Mapping[str, Any]
    card: Mapping[str, Any]


def kind_of(name: str) -> LayerKind:
    """Unit, axes and meaning of a layer by its name."""
    own = name.removeprefix(BACK)
    family = next((family for family in FAMILIES if own.startswith(family)), "")
    kind = FAMILIES[family] if family else LAYERS[own]
    return kind if own == name else kind._replace(what=f"of the back layer: {kind.what}")


def layer_name(family: str, name: str) -> str:
    """Name of the layer of a material or object, safe as the name of a file.

    Parameters
    ----------
    family : str
        `THICKNESS`, `MASS` or `MASK`.
    name : str
        Of the material or object.

    Returns
    -------
    layer : str
        What is no letter, digit, blank or one of ``_.-~@+()[]``, and a leading point or line, is written %XX.

    Raises
    ------
    ValueError
        If that is too long for a file.
    """
    safe = quote(name, safe="@+()[] ")
    if not name or safe[0] in "._" or safe == "zarr.json":
        safe = f"%{ord(safe[0]):02X}{safe[1:]}" if name else "%"
    if len(safe) > LONGEST_NAME:
        raise ValueError(
            f"the name '{name[:40]}...' takes {len(safe)} bytes as that of a layer of the truth: {LONGEST_NAME} at most"
        )
    return family + safe


def held_charge(planes: Mapping[str, Any], strength: float, constants: Constants) -> Array:
    """Charge that the photodiodes hold without noise: the layer `mean_electrons`.

    Parameters
    ----------
    planes : mapping of str to (N, W) array
        Rows of `primary`, `scatter`, `response`, `dark_electrons_per_s`, `afterglow_electrons`, `nonlinearity`;
        what is missing is 0.
    strength : float
        Relative exposure of the frame. [1]
    constants : Constants
        Of the panel and the scene.

    Returns
    -------
    mean_electrons : (N, W) float32
        [electrons]
    """
    charge: FloatArray = planes["dark_electrons_per_s"] * np.float64(constants.integration_time_s)
    for name in ("primary", "scatter"):
        if name in planes:
            charge += planes[name] * np.float64(np.float32(strength)) * planes["response"]
    if "afterglow_electrons" in planes:
        charge += planes["afterglow_electrons"]
    np.minimum(charge, constants.full_well_electrons, out=charge)
    if "nonlinearity" in planes:
        charge *= 1.0 - planes["nonlinearity"] * (charge / constants.full_well_electrons)
    return charge.astype(np.float32)


def noiseless_frame(mean_electrons: Array, offset_dn: Array, constants: Constants) -> Array:
    """The raw frame without noise and lag: the layer `noiseless_dn`.

    Parameters
    ----------
    mean_electrons : (N, W) float32
        From `held_charge`. [electrons]
    offset_dn : (N, W) float32
        [DN]
    constants : Constants
        Of the panel.

    Returns
    -------
    noiseless_dn : (N, W) float32
        [DN]
    """
    level: FloatArray = mean_electrons / np.float64(constants.electrons_per_dn) + offset_dn
    return level.astype(np.float32)


def rounded_frame(
    noiseless_dn: Array, lag_dn: Array | float, noise_dn: Array | float, constants: Constants
) -> npt.NDArray[np.uint16]:
    """The raw frame that the ADC delivers.

    Parameters
    ----------
    noiseless_dn, lag_dn, noise_dn : (N, W) float32, or 0
        [DN]
    constants : Constants
        Of the panel.

    Returns
    -------
    raw_dn : (N, W) uint16
        [DN]
    """
    value = noiseless_dn.astype(np.float64) + lag_dn + noise_dn
    return np.clip(np.rint(value), 0.0, float(constants.highest_dn)).astype(np.uint16)


def exact_noise(analog_dn: FloatArray, planes: tuple[Array, Array], raw_dn: Any, constants: Constants) -> Array:
    """What is left of a frame's signal for the layer `noise_dn`, so that the layers make the frame bit for bit.

    Parameters
    ----------
    analog_dn : (N, W) float64
        What the ADC was given. [DN]
    planes : tuple of (N, W) float32
        `noiseless_dn` and `lag_dn`. [DN]
    raw_dn : (N, W) uint16
        What it made of that. [DN]
    constants : Constants
        Of the panel.

    Returns
    -------
    noise_dn : (N, W) float32
        [DN] Rounded to float32 towards the side on which the frame lies, where that makes a difference.

    Raises
    ------
    ArithmeticError
        If the ADC did not make this frame of that signal.
    """
    noise_dn: Array = (analog_dn - planes[0] - planes[1]).astype(np.float32)
    for _ in range(3):
        wrong = np.nonzero((made := rounded_frame(*planes, noise_dn, constants)) != raw_dn)
        if not wrong[0].size:
            return noise_dn
        side = np.where(made[wrong] < raw_dn[wrong], np.float32(np.inf), np.float32(-np.inf))
        noise_dn[wrong] = np.nextafter(noise_dn[wrong], side)
    raise ArithmeticError(f"the layers of the truth do not make {wrong[0].size} pixels of the raw frame")


def recombine(
    truth: Truth, frame: int = 0, *, without: str | Sequence[str] = (), back: bool = False
) -> npt.NDArray[np.uint16]:
    """A raw frame made of its layers: the frame itself, bit for bit, or what it would be without some of them.

    Parameters
    ----------
    truth : Truth
        From `load_truth`, or any layers and card like these.
    frame : int
        Number of the frame, from 0. [1]
    without : str or sequence of str
        Layer or layers that count as 0, among `MADE_OF`, such as ``("scatter",)`` or ``("lag_dn", "noise_dn")``.
    back : bool
        True for the frame of the back layer of a dual-layer panel.

    Returns
    -------
    raw_dn : (H, W) uint16
        [DN]

    Raises
    ------
    TypeError
        If ``frame`` is no whole number, or ``without`` no names.
    ValueError
        If there is no such frame or no back layer, a layer is missing, or one of those to be left out is none that
        frames are made of.
    """
    names = tuple(without) if isinstance(without, Iterable) and not isinstance(without, str) else (without,)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"without must be names of layers, among {', '.join(MADE_OF)}, got {without!r}")
    if not isinstance(frame, (int, np.integer)):
        raise TypeError(f"frame must be a whole number from 0, got {frame!r}")
    if unknown := sorted(set(names) - set(MADE_OF)):
        raise ValueError(f"frames are not made of '{unknown[0]}', but of {', '.join(MADE_OF)}")
    frames = int(truth.card["frames"])
    if not 0 <= frame < frames:
        raise ValueError(f"frame must be 0 to {frames - 1}, got {frame}")
    if back and "back" not in truth.card:
        raise ValueError("the truth holds no back layer: its panel has one layer only")
    of, card = (BACK, truth.card["back"]) if back else ("", truth.card)
    if missing := [of + name for name in _NEEDED if of + name not in truth.layers]:
        raise ValueError(
            f"the truth holds no {missing[0]}: of several frames only a .zarr truth holds the layers of each"
        )
    constants = Constants(**card["constants"])
    there = [name for name in MADE_OF if of + name in truth.layers and name not in names]
    planes = {name: _plane(truth, of + name, frame) for name in there}
    for name in ("response", "dark_electrons_per_s", "offset_dn"):
        planes.setdefault(name, np.zeros_like(truth.layers[of + name][...]))
    strength = 0.0 if "relative_exposure" in names else float(truth.layers[f"{of}relative_exposure"][frame])
    mean = held_charge(planes, strength, constants)
    level = noiseless_frame(mean, planes["offset_dn"], constants)
    return rounded_frame(level, planes.get("lag_dn", 0.0), planes.get("noise_dn", 0.0), constants)


def _plane(truth: Truth, name: str, frame: int) -> Any:
    """Rows and columns of a layer; a layer of frames may lack their axis where there is one frame."""
    layer = truth.layers[name]
    return layer[frame] if len(layer.shape) == 3 else layer[...]
