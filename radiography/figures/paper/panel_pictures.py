"""Corrected pictures of both panels, simulated and calibrated for Fig. 4: all of the panel, or quickly its middle."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calibration.conditions import Conditions
from calibration.correct import correct_frame, plan_correction
from calibration.correction.plan import CorrectionPlan
from calibration.learn import FrameStack, learn_panel
from radiography.acquire import Acquisition, acquire_sequence, expose
from radiography.config import DATA_FOLDER, load_scene
from radiography.parts import load_parts
from radiography.plan import plan_parts

LAYERS = {"CsPbBr3_75um": "CsPbBr3 film, 75 µm", "CsI_Tl_500um": "CsI:Tl, 500 µm"}
PITCH_MM = 0.139
FULL = (3072, 3072)  # rows and columns of the paper's panel
MIDDLE = (768, 1152)  # of a quick run, which the card and the edge cover   # chosen
SCENES = ("dark", "flat", "edge", "card")
FRAMES = 12  # darks and flats of the calibration   # chosen
SEED = 2018

RawArray = npt.NDArray[np.uint16]


def panel_shape(quick: bool) -> tuple[int, int]:
    """Rows and columns that are simulated."""
    return MIDDLE if quick else FULL


def planned(scene_name: str, layer: str, quick: bool) -> Acquisition:
    """A shipped scene on the panel with a layer.

    Parameters
    ----------
    scene_name, layer : str
        Shipped names.
    quick : bool
        The middle of the panel alone.

    Returns
    -------
    acquisition : Acquisition
    """
    scene = replace(load_scene(scene_name), scintillator=layer)
    rows, cols = panel_shape(quick)
    changes = {"panel": {"pixels.rows": rows, "pixels.cols": cols}}
    return plan_parts(load_parts(scene, DATA_FOLDER / "scenes", changes))


@functools.lru_cache(maxsize=2)
def calibrated(layer: str, quick: bool) -> CorrectionPlan:
    """Correction of a layer's panel by its own simulated darks and flats.

    Parameters
    ----------
    layer : str
        Shipped name.
    quick : bool
        The middle of the panel alone.

    Returns
    -------
    plan : CorrectionPlan
    """
    rng = np.random.default_rng([SEED, list(LAYERS).index(layer)])
    flat = planned("flat", layer, quick)
    darks = list(acquire_sequence(planned("dark", layer, quick), None, FRAMES, rng))
    flats = list(acquire_sequence(flat, expose(flat), FRAMES, rng))
    return learned(flat, darks, flats)


def learned(flat: Acquisition, darks: Sequence[RawArray], flats: Sequence[RawArray]) -> CorrectionPlan:
    """Correction that simulated darks and flats of a panel teach.

    Parameters
    ----------
    flat : Acquisition
        Flat exposure as planned.
    darks, flats : sequence of (H, W) uint16
        Raw frames without a beam, and in the open beam. [DN]

    Returns
    -------
    plan : CorrectionPlan
    """
    calibration = learn_panel(
        [FrameStack(darks, "dark")],
        [FrameStack(flats, "flat")],
        saturation_dn=flat.panel.saturation_dn,
        conditions=Conditions(pitch_mm=flat.geometry.pitch_mm),
        provenance={},
    )
    return plan_correction(calibration)


def corrected(scene_name: str, layer: str, quick: bool) -> npt.NDArray[np.float32]:
    """One frame of a shipped scene, corrected.

    Parameters
    ----------
    scene_name, layer : str
        Shipped names.
    quick : bool
        The middle of the panel alone.

    Returns
    -------
    corrected_dn : (H, W) float32
        [DN]
    """
    acquisition = planned(scene_name, layer, quick)
    rng = np.random.default_rng([SEED, list(LAYERS).index(layer), SCENES.index(scene_name)])
    raw_dn = next(iter(acquire_sequence(acquisition, expose(acquisition), 1, rng)))
    return np.asarray(correct_frame(raw_dn, calibrated(layer, quick)).corrected_dn)


def region(
    shape: tuple[int, int], size_mm: tuple[float, float], middle_mm: tuple[float, float] = (0.0, 0.0)
) -> tuple[int, int, int, int]:
    """First and end row, first and end column of a rectangle around a place, within the picture.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the picture. [pixels]
    size_mm, middle_mm : (float, float)
        Height and width, and the place from the middle of the panel, rows first. [mm]

    Returns
    -------
    region : (int, int, int, int)
        [pixels]
    """
    bounds = []
    for size, middle, count in zip(size_mm, middle_mm, shape, strict=True):
        half, at = round(0.5 * size / PITCH_MM), count // 2 + round(middle / PITCH_MM)
        bounds += [max(0, at - half), min(count, at + half)]
    return bounds[0], bounds[1], bounds[2], bounds[3]
