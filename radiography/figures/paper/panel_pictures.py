"""Corrected pictures of both panels, simulated and calibrated for Fig. 4 in the middle of the full panel."""

from __future__ import annotations

import functools
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
ROWS, COLS = 768, 1152  # the middle of the panel, which the card and the edge cover   # chosen
FRAMES = 12  # darks and flats of the calibration   # chosen
SEED = 2018


def planned(scene_name: str, layer: str) -> Acquisition:
    """A shipped scene on the middle of the panel with a layer.

    Parameters
    ----------
    scene_name, layer : str
        Shipped names.

    Returns
    -------
    acquisition : Acquisition
    """
    scene = replace(load_scene(scene_name), scintillator=layer)
    changes = {"panel": {"pixels.rows": ROWS, "pixels.cols": COLS}}
    return plan_parts(load_parts(scene, DATA_FOLDER / "scenes", changes))


@functools.lru_cache(maxsize=2)
def calibrated(layer: str) -> CorrectionPlan:
    """Correction of a layer's panel by its own simulated darks and flats.

    Parameters
    ----------
    layer : str
        Shipped name.

    Returns
    -------
    plan : CorrectionPlan
    """
    rng = np.random.default_rng([SEED, list(LAYERS).index(layer)])
    flat = planned("flat", layer)
    darks = list(acquire_sequence(planned("dark", layer), None, FRAMES, rng))
    flats = list(acquire_sequence(flat, expose(flat), FRAMES, rng))
    calibration = learn_panel(
        [FrameStack(darks, "dark")],
        [FrameStack(flats, "flat")],
        saturation_dn=flat.panel.saturation_dn,
        conditions=Conditions(pitch_mm=flat.geometry.pitch_mm),
        provenance={},
    )
    return plan_correction(calibration)


def corrected(scene_name: str, layer: str) -> npt.NDArray[np.float32]:
    """One frame of a shipped scene, corrected.

    Parameters
    ----------
    scene_name, layer : str
        Shipped names.

    Returns
    -------
    corrected_dn : (H, W) float32
        [DN]
    """
    acquisition = planned(scene_name, layer)
    rng = np.random.default_rng([SEED, list(LAYERS).index(layer), len(scene_name)])
    raw_dn = next(iter(acquire_sequence(acquisition, expose(acquisition), 1, rng)))
    return np.asarray(correct_frame(raw_dn, calibrated(layer)).corrected_dn)
