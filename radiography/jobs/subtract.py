"""Dual-energy subtraction of two pictures: those of a dual-layer panel, or two exposures of one object."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.analysis.dual_energy import log_subtract, region_weight, spectral_weight
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.files.frames import FrameSource, iterate_frames, open_frames, write_tiff
from radiography.jobs.inputs import Region, all_or_none, check_writable, keep_apart, region_within
from radiography.jobs.reconstruct import inherited, is_big, origin_of
from radiography.jobs.valid import validate_scene
from radiography.light.magnify import magnify
from radiography.plan import Acquisition, plan_parts

Picture = npt.NDArray[np.float32]
Thickness = tuple[str, float]  # a material and how thick it is [mm]
_OF_SIGNALS = ("saturation_dn", "saturation_source")  # no word on a logarithm


@dataclass(frozen=True)
class WeightWanted:
    """How the weight of a subtraction is found: one of three.

    Attributes
    ----------
    weight : float or None
        Given. [1]
    scene : str, Path or None
        Scene of a dual-layer panel, whose spectra say it for what shall vanish.
    cancel, behind : (str, float) or None
        Material and thickness that shall vanish, and what lies in the beam besides. [mm]
    displacing : str or None
        Material that what shall vanish takes the place of, as bone does of tissue.
    regions : tuple of Region
        Two regions that differ only in the thickness of what shall vanish.
    """

    weight: float | None = None
    scene: str | Path | None = None
    cancel: Thickness | None = None
    behind: Thickness | None = None
    displacing: str | None = None
    regions: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        if (self.weight is not None) + (self.cancel is not None) + bool(self.regions) != 1:
            raise ValueError("a subtraction needs one of --weight, --cancel (with --scene) and two --region")
        if (self.scene is None) != (self.cancel is None):
            raise ValueError("--cancel says what shall vanish and --scene says the spectra: one needs the other")
        for option, value in (("--behind", self.behind), ("--displacing", self.displacing)):
            if value is not None and self.cancel is None:
                raise ValueError(f"{option} says where that is which --cancel names: it needs --cancel")
        if self.regions and len(self.regions) != 2:
            raise ValueError(f"a weight from regions needs two --region, got {len(self.regions)}")


@dataclass(frozen=True)
class Subtraction:
    """A difference picture that was written.

    Attributes
    ----------
    out : Path
        Its file.
    weight, error : float, float or None
        Weight of the softer picture, and its standard error where it is from regions. [1]
    frames, dark_pixels : int
        Frames, and pixels in all of them without a signal, which have no logarithm. [1]
    magnification : float
        By which the harder picture was larger, and made smaller. [1]
    """

    out: Path
    weight: float
    error: float | None
    frames: int
    dark_pixels: int
    magnification: float


def subtract_pictures(
    low: str | Path, high: str | Path, out: str | Path, wanted: WeightWanted, *, json_file: Path | None = None
) -> Subtraction:
    """Difference of the logarithms of two pictures, frame by frame, in which one material vanishes.

    Parameters
    ----------
    low, high : str or Path
        Corrected images: of the softer spectrum (front layer), and of the harder one (back layer).
    out : str or Path
        Difference picture, float32 .tif, as `log_subtract` gives it.
    wanted : WeightWanted
        How the weight is found.
    json_file : Path, optional
        Where the caller will write numbers: refused where that would overwrite what is read.

    Returns
    -------
    subtraction : Subtraction

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence; no file is left behind then. What two files say of themselves may refuse them: one picture
        given twice, a back layer first or a front layer second, one layer under one beam, the higher voltage first.

    Notes
    -----
    A back layer lies farther from the source and sees everything larger, by the ratio of the distances whatever the
    height of an object: its picture is made smaller by that about the foot of the central ray first, and
    mirrored where it then ends.
    """
    out = Path(out)
    check_writable(out, (".tif", ".tiff"))
    keep_apart([out, json_file], [low, high, wanted.scene])
    soft, hard = open_frames(low), open_frames(high)
    for source in (soft, hard):
        if source.stage not in (None, "corrected"):
            raise ValueError(f"{source.path} is {source.stage}: a subtraction takes corrected images, see reconstruct")
    if (soft.count, soft.rows, soft.cols) != (hard.count, hard.rows, hard.cols):
        raise ValueError(
            f"{soft.path} has {soft.count} frames of {soft.rows} x {soft.cols} but {hard.path} has {hard.count} of "
            f"{hard.rows} x {hard.cols}"
        )
    origins = _refuse_wrong_pair(soft, hard)
    larger = _magnification(soft, hard)
    weight, error = _weight(wanted, soft, hard, larger)
    dark = [0]
    said = {key: value for key, value in inherited(soft).items() if key not in _OF_SIGNALS}
    metadata = {
        **said,
        "kind": "logarithmic",
        "software": f"radiography {version('radiography')}",
        "unit": "1",
        "weight": weight,
        "low": origins[0],
        "high": origins[1],
        "high_magnification": larger,
    }
    with all_or_none(out) as places:
        frames = write_tiff(
            places[out], _differences(soft, hard, larger, weight, dark), soft.pitch_mm, metadata, big=is_big(soft)
        )
    if dark[0]:
        warnings.warn(f"{out}: {dark[0]} pixels have no signal and no logarithm; they are NaN", stacklevel=2)
    return Subtraction(out, weight, error, frames, dark[0], larger)


def subtraction_to_json(made: Subtraction) -> dict[str, Any]:
    """A difference picture in numbers."""
    return {
        "out": made.out,
        "weight": made.weight,
        "weight_error": made.error,
        "frames": made.frames,
        "dark_pixels": made.dark_pixels,
        "high_magnification": made.magnification,
        "warnings": [],
    }


def layer_weight(
    acquisition: Acquisition, cancel: Thickness, behind: Thickness | None = None, displacing: str | None = None
) -> float:
    """Weight with which a material vanishes from the pictures of a dual-layer panel, by the spectra of its layers.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`, of a scene with a dual-layer panel and the beam on.
    cancel, behind : (str, float)
        Material and thickness that shall vanish, and what lies in the beam besides. [mm]
    displacing : str, optional
        Material that it takes the place of.

    Returns
    -------
    weight : float
        Of the front layer's picture. [1]

    Raises
    ------
    ValueError
        If the panel has one layer, the scene is dark, a material is unknown, or a thickness is wrong: what shall vanish
        has one above 0, what lies besides one of 0 or more.
    """
    back, energy_keV = acquisition.back, acquisition.spectrum.energy_keV
    if back is None:
        raise ValueError(f"panel '{acquisition.panel.name}' has one layer: its spectra give no weight, see --region")
    if acquisition.scene.beam.air_kerma_uGy == 0:
        raise ValueError("the scene is dark: its spectra give no weight")
    mu_per_mm = linear_attenuation_per_mm(material(cancel[0], acquisition.materials), energy_keV)
    if displacing is not None:
        mu_per_mm = mu_per_mm - linear_attenuation_per_mm(material(displacing, acquisition.materials), energy_keV)
    before = None
    if behind is not None:
        if not (np.isfinite(behind[1]) and behind[1] >= 0):
            raise ValueError(
                f"thickness of {behind[0]} behind which the weight holds must be 0 mm or more, got {behind[1]}"
            )
        before = linear_attenuation_per_mm(material(behind[0], acquisition.materials), energy_keV) * behind[1]
    return spectral_weight(acquisition.layer_weights[1], back.layer_weights[1], mu_per_mm, cancel[1], before)


def _refuse_wrong_pair(soft: FrameSource, hard: FrameSource) -> tuple[dict[str, str], dict[str, str]]:
    """Complain about one picture given twice, and layers or beams in the wrong order; what the files are."""
    origins = origin_of(soft.path), origin_of(hard.path)
    if origins[0]["sha256"] == origins[1]["sha256"] and soft.dataset == hard.dataset:
        raise ValueError(f"{soft.path} and {hard.path} hold the same pictures: a subtraction takes two spectra")
    layers = soft.metadata.get("layer"), hard.metadata.get("layer")
    beams = [(source.conditions.beam_quality, source.conditions.kvp) for source in (soft, hard)]
    if layers[0] == layers[1] in ("front", "back"):
        if beams[0] == beams[1]:
            raise ValueError(
                f"{soft.path} and {hard.path} are both of the {layers[0]} layer and of one beam: a subtraction takes "
                "the front and the back layer, or exposures of two beams"
            )
    elif layers[0] == "back" or layers[1] == "front":
        turned = "softer" if layers[1] == "front" else "harder"
        wrong = hard if layers[1] == "front" else soft
        raise ValueError(
            f"{wrong.path} is of the {wrong.metadata['layer']} layer, which sees the {turned} spectrum: give the front "
            "layer first and the back layer second"
        )
    if layers != ("front", "back"):
        kvp = soft.conditions.kvp, hard.conditions.kvp
        if kvp[0] is not None and kvp[1] is not None and kvp[0] > kvp[1]:
            raise ValueError(
                f"{soft.path} is of {kvp[0]:g} kV and {hard.path} of {kvp[1]:g} kV: give the softer beam, of the lower "
                "voltage, first"
            )
    return origins


def _weight(wanted: WeightWanted, soft: FrameSource, hard: FrameSource, larger: float) -> tuple[float, float | None]:
    if wanted.weight is not None:
        return wanted.weight, None
    if wanted.cancel is not None and wanted.scene is not None:
        acquisition = plan_parts(validate_scene(wanted.scene).parts)
        return layer_weight(acquisition, wanted.cancel, wanted.behind, wanted.displacing), None
    front, back = next(_pairs(soft, hard, larger))
    places = [_inside(region, soft) for region in wanted.regions]
    low, high = ([picture[place] for place in places] for picture in (front, back))
    return region_weight((low[0], low[1]), (high[0], high[1]))


def _inside(region: Region, source: FrameSource) -> tuple[slice, slice]:
    """A region as slices of the picture."""
    r0, r1, c0, c1 = region_within(region, (source.rows, source.cols)) or (0, 0, 0, 0)
    if not (0 <= r0 < r1 <= source.rows and 0 <= c0 < c1 <= source.cols):
        raise ValueError(f"region {r0}:{r1},{c0}:{c1} does not lie in pictures of {source.rows} x {source.cols}")
    return slice(r0, r1), slice(c0, c1)


def _magnification(soft: FrameSource, hard: FrameSource) -> float:
    """By which a back layer's picture is larger than the front layer's; 1 for pictures of one plane."""
    near_mm, far_mm = (source.conditions.source_to_detector_mm for source in (soft, hard))
    if hard.metadata.get("layer") != "back" or near_mm is None or far_mm is None:
        return 1.0
    return far_mm / near_mm


def _pairs(soft: FrameSource, hard: FrameSource, larger: float) -> Iterator[tuple[Picture, Picture]]:
    """Pictures of both, the harder one as large as the softer one."""
    centre = _foot(soft)
    for front, back in zip(iterate_frames(soft), iterate_frames(hard), strict=True):
        second = np.ascontiguousarray(back, dtype=np.float32)
        yield front.astype(np.float32), second if larger == 1.0 else magnify(second, centre, 1.0 / larger)


def _foot(source: FrameSource) -> tuple[float, float]:
    """Row and column of the foot of the central ray: the centre, but for the shift that a simulated scene says."""
    scene, shift = source.metadata.get("scene"), (0.0, 0.0)
    if isinstance(scene, dict) and source.pitch_mm and isinstance(scene.get("geometry"), dict):
        said: Sequence[Any] = scene["geometry"].get("panel_shift_mm", shift)
        if len(said) == 2 and all(isinstance(mm, int | float) for mm in said):
            shift = (said[0] / source.pitch_mm, said[1] / source.pitch_mm)
    return 0.5 * (source.rows - 1) - shift[0], 0.5 * (source.cols - 1) - shift[1]


def _differences(
    soft: FrameSource, hard: FrameSource, larger: float, weight: float, dark: list[int]
) -> Iterator[Picture]:
    for front, back in _pairs(soft, hard, larger):
        difference = log_subtract(front, back, weight)
        dark[0] += int(np.isnan(difference).sum())
        yield difference
