"""Response of the panel to scattered X-rays: what a photon of any energy and direction gives layer and photodiodes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm
from radiography.light.layer_light import LayerLight
from radiography.light.scintillator import Scintillator, layer_material, layer_transmission
from radiography.light.slant import slant_gain
from radiography.panel.direct_detection import PORTIONS
from radiography.panel.panel import Panel, cover_transmission
from radiography.scatter.tables import ENERGY_STEP_KEV

COSINES = 64  # steps of the cosine to the normal   # chosen
LONGEST_PATH = 50.0  # through layer and cover, of their thickness: nearly along the panel   # chosen
KNOWN_PATH = 2.0  # what each absorbed quantum gives is taken as at 60 deg beyond that   # chosen
LIGHT, QUANTA, LIGHT_SQUARE, COATED, BARE = 0, 1, 2, 3, 3 + PORTIONS  # places among the portions; diodes have four each

FloatArray = npt.NDArray[np.float64]


def panel_portions(
    panel: Panel,
    scintillator: Scintillator,
    lights: tuple[LayerLight, LayerLight],
    coated_diode: FloatArray,
    bare_diode: FloatArray | None,
    energies: int,
) -> FloatArray:
    """What one photon on the panel gives, by its energy and direction.

    Parameters
    ----------
    panel, scintillator : Panel, Scintillator
        Cover and layer.
    lights : (LayerLight, LayerLight)
        Light of the layer at normal incidence and at `slant.SLANTED_DEG`.
    coated_diode, bare_diode : (4, E) float64
        What a photon at normal incidence gives the diodes below the layer, and bare ones, as `diode_portions`; None
        where the panel has no bare ones. [1, keV, keV2, keV]
    energies : int
        Number of energies wanted, 0, 0.5, 1, ... keV. [1]

    Returns
    -------
    portions : (energies, COSINES + 1, Q) float64
        Light, quanta, squared light, then what diodes get; at even steps of the cosine to the normal, from 0 to 1.

    Notes
    -----
    As `field.field_gains` has it for the primary: cover and layer are passed along the slant, quanta follow
    1 - exp(-mu t / cos), and a photodiode absorbs as its path is long. Between the energies of the beam straight lines;
    below them as at the lowest, in proportion to the energy.
    """
    normal, slanted = lights
    wanted_keV = ENERGY_STEP_KEV * np.arange(energies)
    known_keV = normal.energy_keV
    ratio = 1.0 / np.maximum(np.linspace(0.0, 1.0, COSINES + 1), 1.0 / LONGEST_PATH)
    more = ratio[:, None] - 1.0
    cover = cover_transmission(panel, known_keV)
    thickness_mm = scintillator.thickness_um * 1e-3
    depth = linear_attenuation_per_mm(layer_material(scintillator), known_keV) * thickness_mm
    known = np.minimum(ratio, KNOWN_PATH)
    gain = slant_gain(scintillator, normal, slanted, known)
    gain *= (np.expm1(-depth * ratio[:, None]) / np.expm1(-depth * known[:, None]))[:, None, :]
    layer = np.stack([normal.light, normal.quanta, normal.light_square]) * gain[:, [1, 0, 2]]
    parts = [layer * (cover ** ratio[:, None])[:, None, :]]
    longer = (cover**more * ratio[:, None])[:, None, :]
    parts.append(coated_diode * longer * (layer_transmission(scintillator, known_keV) ** more)[:, None, :])
    if bare_diode is not None:
        parts.append(bare_diode * longer)
    every = np.concatenate(parts, axis=1)  # (cosines, Q, E)
    below = np.minimum(wanted_keV / known_keV[0], 1.0)
    found = np.stack([[np.interp(wanted_keV, known_keV, row) * below for row in rows] for rows in every])
    return np.ascontiguousarray(found.transpose(2, 0, 1))
