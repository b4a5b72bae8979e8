"""Exposure calibration of images: how many DN a microgray of which beam gives, from who knows it, and what it tells.

A calibration set knows it where its flats said their air kerma; images that it corrects carry it on, so that an export
can write the exposure index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radiography.config import load_beam, load_panel, load_scintillator, shipped

if TYPE_CHECKING:
    from calibration.calibration_set import CalibrationSet
    from calibration.conditions import Conditions
    from calibration.correct import CorrectionPlan
    from radiography.dicom.description import DxDescription

CARRIED = "exposure_calibration"  # in the metadata of corrected images
LIKELY_PANEL = "fully_coated"  # of a panel that is not shipped: its cover and diodes hardly count   # chosen
SAID = ("ExposureIndex", "TargetExposureIndex", "DeviationIndex")


@dataclass(frozen=True)
class ExposureCalibration:
    """The calibration function of a linear image.

    Attributes
    ----------
    dn_per_uGy : float
        Signal of 1 uGy of the beam. [DN/uGy]
    beam_quality : str or None
        Name of the beam.
    kvp : float or None
        Its tube voltage. [kV]
    source : str
        Who says so.
    """

    dn_per_uGy: float
    beam_quality: str | None = None
    kvp: float | None = None
    source: str = ""


def exposure_calibration_of(calibration: CalibrationSet, source: str) -> ExposureCalibration | None:
    """What a calibration set knows of it; None where its flats did not say their air kerma or differed in beam.

    Parameters
    ----------
    calibration : CalibrationSet
    source : str
        Its name.

    Returns
    -------
    known : ExposureCalibration or None
    """
    conditions = calibration.conditions
    if calibration.dn_per_uGy is None or (conditions.beam_quality is None and conditions.kvp is None):
        return None
    return ExposureCalibration(float(calibration.dn_per_uGy), conditions.beam_quality, conditions.kvp, source)


def carried_on(plan: CorrectionPlan, calibration: CalibrationSet, source: str) -> dict[str, Any]:
    """What an image corrected by a plan says of it, for its metadata; nothing where its DN are not those of the flats.

    Parameters
    ----------
    plan : CorrectionPlan
    calibration : CalibrationSet
        Behind the plan.
    source : str
        Name of the calibration.

    Returns
    -------
    metadata : dict
    """
    steps = plan.steps
    same = steps.offset.on and steps.gain.on and steps.gain.flatten == "same"
    known = exposure_calibration_of(calibration, source) if same else None
    return {} if known is None else {CARRIED: asdict(known)}


def carried_by(metadata: Mapping[str, Any]) -> ExposureCalibration | None:
    """What the metadata of an image say of it; None where they do not, or not as this program writes it."""
    said = metadata.get(CARRIED)
    value = said.get("dn_per_uGy") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(value, int | float) or not 0 < value < np.inf:
        return None
    beam, kvp, source = (said.get(key) for key in ("beam_quality", "kvp", "source"))
    return ExposureCalibration(
        float(value),
        beam if isinstance(beam, str) else None,
        float(kvp) if isinstance(kvp, int | float) else None,
        source if isinstance(source, str) else "",
    )


def calibration_doubts(known: ExposureCalibration) -> tuple[str, ...]:
    """A sentence where the calibration beam is not that of the standard.

    Parameters
    ----------
    known : ExposureCalibration

    Returns
    -------
    doubts : tuple of str
    """
    from radiography.analysis.exposure_index import CALIBRATION_BEAM

    if known.beam_quality in (None, CALIBRATION_BEAM):
        return ()
    return (f"the flats were taken with the beam {known.beam_quality}, IEC 62494-1 asks for {CALIBRATION_BEAM}",)


def beam_ratio(
    known: ExposureCalibration, image: Conditions, metadata: Mapping[str, Any]
) -> tuple[float, tuple[str, ...]]:
    """Signal of 1 uGy of the image's beam over that of the calibration beam, and a sentence where these are two.

    Computed from the layer where the image names it and both beams, and all are shipped; 1 otherwise, and behind the
    front layer of a dual-layer panel, which changes the beam.

    Parameters
    ----------
    known : ExposureCalibration
    image : Conditions
        How the image was taken.
    metadata : mapping
        Of the image.

    Returns
    -------
    ratio, told : float, tuple of str
        [1]
    """
    own, beam = known.beam_quality, image.beam_quality
    if own is None or beam is None or beam == own:
        return 1.0, ()
    layer, beams = image.scintillator, shipped("beam")
    behind = metadata.get("layer") == "back"
    if behind or not (layer in shipped("scintillator") and beam in beams and own in beams):
        same = f"its exposure index is that of the {own} kerma that gives the same signal"
        return 1.0, (f"the image was taken with the beam {beam}: {same}",)
    panel = image.panel if image.panel in shipped("panel") else LIKELY_PANEL
    ratio = _computed_ratio(str(layer), str(panel), beam, own)
    return ratio, (
        f"the image was taken with the beam {beam}: 1 uGy of it gives {ratio:.3f} of the signal of 1 uGy of "
        f"{own}, computed for {layer} on {panel}, so the exposure index counts uGy of {beam}; in uGy of {own}, "
        f"the calibration beam, as IEC 62494-1 has it, it is {100 * ratio:.3g} % of that",
    )


@lru_cache(maxsize=16)
def _computed_ratio(scintillator: str, panel: str, beam: str, own: str) -> float:
    """Signal of 1 uGy of a beam over that of another one, on a layer and a panel that are shipped. [1]"""
    from radiography.beam.spectrum import beam_spectrum
    from radiography.study.layer_report import report_layer

    layer, plate = load_scintillator(scintillator), load_panel(panel)
    signal, of_own = (
        report_layer(layer, plate, beam_spectrum(load_beam(name), 1.0), 1.0).electrons_per_uGy for name in (beam, own)
    )
    return signal / of_own


def with_exposure_index(
    description: DxDescription,
    linear_dn: npt.NDArray[Any],
    metadata: Mapping[str, Any],
    left_out: npt.NDArray[np.bool_] | None = None,
    saturated: npt.NDArray[np.bool_] | None = None,
    *,
    target: float | None = None,
) -> tuple[DxDescription, tuple[str, ...]]:
    """A description with the exposure index where it is known: nothing is made up, and what a header says stays.

    Parameters
    ----------
    description : DxDescription
    linear_dn : (H, W) float
        Corrected image. [DN]
    metadata : mapping
        Of the image.
    left_out, saturated : (H, W) bool, optional
        Pixels without a measurement, and those at the end of their range.
    target : float, optional
        Target exposure index that a person tells, in place of what a header says. [1]

    Returns
    -------
    description, told : DxDescription, tuple of str
        With a sentence where the index is of another beam than that of the calibration.
    """
    known, carried = carried_by(metadata), description.carried
    if target is not None:
        own = None if carried is None else carried.get("ExposureIndex")
        index = float(own) if own is not None and 0 < float(own) < np.inf else None
        description = replace(description, exposure_index=index, target_exposure_index=target)
        if carried is not None:
            carried.pop("DeviationIndex", None)  # from the target that was replaced
    if known is None or (carried is not None and any(carried.get(keyword) for keyword in (SAID[0], SAID[2]))):
        return description, ()
    said = None if carried is None else carried.get("TargetExposureIndex")
    if target is None:
        target = float(said) if said is not None and 0 < float(said) < np.inf else None
    try:
        from radiography.analysis.exposure_index import exposure_index

        ratio, told = beam_ratio(known, description.conditions, metadata)
        dn_per_uGy = known.dn_per_uGy * ratio
        found = exposure_index(linear_dn, dn_per_uGy, target=target, unusable=left_out, saturated=saturated)
    except ValueError:  # dark, or saturated: then nobody knows it
        return description, ()
    return replace(description, exposure_index=found.exposure_index, target_exposure_index=target), told
