"""The source of a CTSimU scenario: tube, spectrum, window, filters and focal spot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from radiography.beam.tube import MAX_KVP
from radiography.scenarios.imported import ForeignMaterial, ForeignTube, file_beside
from radiography.scenarios.ledger import Ledger
from radiography.scenarios.limits import anode_angle_deg, check_voltage

_FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))


def read_source(ledger: Ledger, folder: Path, materials: Mapping[str, ForeignMaterial]) -> ForeignTube:
    """The tube of a scenario; the ledger learns what became of its keys.

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
    tube : ForeignTube

    Raises
    ------
    ValueError
        If no beam can result.
    """
    kvp = check_voltage("source.voltage", ledger.needed("source.voltage"))
    ledger.take("source.voltage", "voltage of the tube")
    ledger.take("source.model", "gives no number")
    ledger.take("source.manufacturer", "gives no number")
    ledger.approximate("source.current", "the exposure is an air kerma at the panel, chosen below saturation")
    anode = _anode(ledger, materials, kvp)
    angle_deg = anode_angle_deg(ledger, "source.target.angle.emission")
    ledger.approximate("source.target.angle.incidence", "the tube's model knows only the angle of emission")
    if ledger.text("source.target.type") == "transmission":
        ledger.approximate("source.target.type", "the spectrum is that of a reflection target")
    else:
        ledger.take("source.target.type", "reflection target")
    if ledger.value("source.target.thickness") is not None:
        ledger.refuse("source.target.thickness", "a reflection target is taken as thick")
    single, file = None, None
    if ledger.value("source.spectrum.monochromatic"):
        single = kvp
        ledger.approximate(
            "source.spectrum.monochromatic",
            f"the picture has one line of {kvp:g} keV, the scene a tube of {kvp:g} kV",
        )
        if ledger.text("source.spectrum.file") is not None:
            ledger.refuse("source.spectrum.file", "a single line has no spectrum")
    else:
        ledger.take("source.spectrum.monochromatic", "a tube's spectrum")
        file = _spectrum_file(ledger, folder)
    window = _layers(ledger, "source.window", materials)
    filters = _layers(ledger, "source.filters", materials)
    shape, spot = _spot(ledger)
    return ForeignTube(
        kvp,
        anode,
        angle_deg,
        window + filters,
        filters,
        single_keV=single,
        spectrum_file=file,
        spot_shape=shape,
        spot_mm=spot,
    )


def _anode(ledger: Ledger, materials: Mapping[str, ForeignMaterial], kvp: float) -> str:
    name = ledger.text("source.target.material_id") or "W"
    parts = materials[name].mass_fractions if name in materials else {name: 1.0}
    anode = next(iter(parts)) if len(parts) == 1 else name
    if anode in MAX_KVP and kvp <= MAX_KVP[anode]:
        ledger.take("source.target.material_id", f"target of {anode}")
        return anode
    ledger.approximate("source.target.material_id", f"a target of {anode} at {kvp:g} kV is taken as tungsten")
    return "W"


def _spectrum_file(ledger: Ledger, folder: Path) -> Path | None:
    name = ledger.text("source.spectrum.file")
    if name is None:
        ledger.approximate("source.spectrum.file", "no file: the spectrum is computed from voltage, target and filters")
        return None
    try:
        file = file_beside(folder, name)
    except (ValueError, FileNotFoundError) as error:
        ledger.approximate("source.spectrum.file", f"{error}: computed from voltage, target and filters")
        return None
    ledger.approximate(
        "source.spectrum.file",
        "the picture has this spectrum, taken as behind the window, before the filters (assumed); the scene computes "
        "its own from voltage, target and filters",
    )
    return file


def _layers(ledger: Ledger, path: str, materials: Mapping[str, ForeignMaterial]) -> tuple[tuple[str, float], ...]:
    layers = []
    for number in range(ledger.count(path)):
        place = f"{path}.{number}"
        name = ledger.text(f"{place}.material_id") or ""
        thickness_mm = ledger.number(f"{place}.thickness", 0.0) or 0.0
        material = materials.get(name)
        if material is None or len(material.mass_fractions) != 1:
            ledger.refuse(place, f"a filter of '{name}' is no single formula with a density")
            continue
        formula = next(iter(material.mass_fractions))
        layers.append((f"{formula}@{material.density_g_per_cm3:g}", thickness_mm))
        ledger.take_what_was_read(place, f"filter of {thickness_mm:g} mm {formula}")
    return tuple(layers)


def _spot(ledger: Ledger) -> tuple[str, tuple[float, float]]:
    """Shape, width along u and height along v. [mm]"""
    size, sigma = (
        [ledger.number(f"source.spot.{kind}.{axis}", 0.0) or 0.0 for axis in "uv"] for kind in ("size", "sigma")
    )
    if ledger.value("source.spot.intensity_map.file") is not None:
        ledger.refuse("source.spot.intensity_map", "an intensity map is not read; the spot has its size and sigma")
    else:
        ledger.take("source.spot.intensity_map", "none")
    gaussian = sigma[0] > 0 and sigma[1] > 0
    for kind, used, what in (
        ("size", not gaussian and size[0] > 0 and size[1] > 0, "sides of the spot"),
        ("sigma", gaussian, "full width at half maximum of the spot"),
    ):
        for axis in "uv":
            path = f"source.spot.{kind}.{axis}"
            if used or not ledger.number(path):
                ledger.take(path, what if used else "none")
            elif gaussian:
                ledger.approximate(path, "the Gaussian is not cut off at the size of the spot")
            else:
                ledger.refuse(path, "a spot has two sides, or two sigmas")
        if ledger.number(f"source.spot.{kind}.w"):
            ledger.refuse(f"source.spot.{kind}.w", "the spot is flat, it has no depth along the beam")
    if gaussian:
        return "gaussian", (sigma[0] * _FWHM, sigma[1] * _FWHM)
    if size[0] > 0 and size[1] > 0:
        return "rectangle", (size[0], size[1])
    return "square", (0.0, 0.0)
