"""The detector of a CTSimU scenario: pixels, grey values, noise and unsharpness of an ideal detector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from radiography.scenarios.imported import IMAX, INTEGRATION_S, ForeignDetector, ForeignMaterial
from radiography.scenarios.ledger import Ledger
from radiography.scenarios.limits import check_pixels

_NOT_DONE = {
    "gray_value.intensity_characteristics_file": "grey values are linear in the energy that arrives",
    "gray_value.efficiency_characteristics_file": "the detector takes all energy that arrives",
    "noise.noise_characteristics_file": "noise follows from the SNR at imax",
    "unsharpness.mtf": "unsharpness is a Gaussian, from the basic spatial resolution",
}


def read_detector(ledger: Ledger, folder: Path, materials: Mapping[str, ForeignMaterial]) -> ForeignDetector:
    """The detector of a scenario; the ledger learns what became of its keys.

    Parameters
    ----------
    ledger : Ledger
        With the scenario.
    folder : Path
        Of the scenario.
    materials : mapping of str to ForeignMaterial
        Of the scenario.

    Returns
    -------
    detector : ForeignDetector

    Raises
    ------
    ValueError
        If no panel can result.
    """
    pixels = check_pixels(
        [ledger.needed(f"detector.{key}") for key in ("rows", "columns")],
        [ledger.needed(f"detector.pixel_pitch.{axis}") for axis in "uv"],
        ("detector.rows and columns", "detector.pixel_pitch"),
    )
    for key in ("rows", "columns", "pixel_pitch"):
        ledger.take_what_was_read(f"detector.{key}", "pixels of the panel")
    for key in ("model", "manufacturer"):
        ledger.take(f"detector.{key}", "gives no number")
    for key, instead in _NOT_DONE.items():
        if ledger.value(f"detector.{key}") not in (None, 0, 0.0):
            ledger.refuse(f"detector.{key}", instead)
        else:
            ledger.take(f"detector.{key}", "none")
    layer = _layer(ledger, materials)
    counted = "energy that its scintillator absorbs" if layer else "all energy that arrives"
    ledger.approximate("detector.type", f"the picture counts {counted}; the scene has a panel and a layer of ours")
    if ledger.number("detector.image_lag", 0.0):
        ledger.refuse("detector.image_lag", "lag of one number is not done, the panel has none")
    else:
        ledger.take("detector.image_lag", "none: the panel has no lag")
    ledger.approximate("detector.gain", "the panel's own conversion")
    ledger.approximate("detector.dead_time", "frames follow each other at an interval of the scene's own")
    ledger.take("detector.integration_time", "time that the pixels integrate")
    bits = int(ledger.number("detector.bit_depth", 16.0) or 16)
    if 8 <= bits <= 16:
        ledger.take("detector.bit_depth", "bits of the panel")
    else:
        ledger.approximate("detector.bit_depth", f"{bits} bits are taken as the nearest of 8 to 16")
        bits = min(max(bits, 8), 16)
    grey = _grey(ledger)
    snr = ledger.number("detector.noise.snr_at_imax")
    resolution = ledger.number("detector.unsharpness.basic_spatial_resolution")
    for path, value in (("noise.snr_at_imax", snr), ("unsharpness.basic_spatial_resolution", resolution)):
        if value is not None:
            ledger.approximate(f"detector.{path}", "in the picture; the scene has noise and light spread of its layer")
        if value is not None and not value > 0:
            raise ValueError(f"detector.{path} must be positive, got {value:g}")
    if ledger.value("detector.bad_pixel_map.file") is not None:
        ledger.refuse("detector.bad_pixel_map", "the panel has no defects")
    else:
        ledger.take("detector.bad_pixel_map", "no defects")
    for key in ("window", "filters"):
        for side in ("front", "rear"):
            path = f"detector.{key}.{side}"
            if ledger.count(path):
                ledger.refuse(path, "nothing but the panel's own cover lies before or behind its layer")
            else:
                ledger.take(path, "none")
    time_s = ledger.number("detector.integration_time", INTEGRATION_S)
    if time_s is None or not time_s > 0:
        raise ValueError(f"detector.integration_time must be positive, got {time_s} s")
    return ForeignDetector(*pixels, time_s, bits, grey=grey, snr=snr, basic_resolution_mm=resolution, layer=layer)


def _layer(ledger: Ledger, materials: Mapping[str, ForeignMaterial]) -> tuple[str, float] | None:
    """Material and thickness [mm] of the scintillator; None where the scenario has none."""
    name = ledger.text("detector.scintillator.material_id")
    thickness_mm = ledger.number("detector.scintillator.thickness", 0.0) or 0.0
    if thickness_mm < 0:
        raise ValueError(f"detector.scintillator.thickness must be zero or positive, got {thickness_mm:g} mm")
    if thickness_mm == 0 or name is None:
        if thickness_mm:
            ledger.refuse("detector.scintillator.thickness", "a scintillator without a material stops nothing")
        else:
            ledger.take("detector.scintillator.thickness", "none")
        ledger.approximate("detector.scintillator.material_id", "the scene's layer is 500 um of CsI:Tl")
        return None
    if name not in materials:
        raise ValueError(
            f"detector.scintillator.material_id '{name}' is not among the materials: {', '.join(materials)}"
        )
    if materials[name].density_g_per_cm3 == 0:
        raise ValueError(f"detector.scintillator.material_id '{name}' weighs nothing and absorbs nothing")
    how = "absorbs as said, without electron range and light, in the picture; the scene's has the light of our CsI:Tl"
    for key in ("material_id", "thickness"):
        ledger.approximate(f"detector.scintillator.{key}", how)
    return name, thickness_mm


def _grey(ledger: Ledger) -> tuple[float, float]:
    """Grey value without beam, and at the brightest place of the open beam."""
    for key in ("factor", "offset"):
        if ledger.value(f"detector.gray_value.{key}") is not None:
            ledger.refuse(f"detector.gray_value.{key}", "grey values run from imin to imax, the brightest of the beam")
    lowest = ledger.number("detector.gray_value.imin", 0.0) or 0.0
    highest = ledger.number("detector.gray_value.imax")
    for key in ("imin", "imax"):
        ledger.approximate(f"detector.gray_value.{key}", "in the picture; the scene has the panel's own conversion")
    return lowest, IMAX if highest is None else highest
