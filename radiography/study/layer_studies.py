"""Studies of a layer: its report by thickness, and the scattering and absorption that its MTF cannot tell apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import Spectrum
from radiography.light.optics import TurbidLayer
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.study.layer_report import LayerReport, report_layer

STUDY_HISTORIES = 20_000  # standard error of the mean absorbed energy of a beam below 0.1 %
STUDY_PHOTONS = 200_000  # standard error of the MTF at 2 /mm below 0.005
MAP_PHOTONS = 60_000  # standard error of the MTF at 2 /mm below 0.01
MAP_SIZE = 8
TRANSPORT_LENGTHS_UM = (3.0, 60.0)
ABSORPTION_LENGTHS_UM = (30.0, 3000.0)
QUANTUM_YIELDS = (0.1, 0.9)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DegeneracyMap:
    """MTF and light of a film over the strength of its scattering and of one kind of absorption.

    Attributes
    ----------
    mechanism : str
        "self-absorption": its own line, with emission again; "grey": the same at all wavelengths, for good, and no
        self-absorption.
    transport_length_um : (N,) float64
        Of scattering. [um]
    absorption : (M,) float64
        Quantum yield of light absorbed and emitted again [1], or absorption length [um], the last one infinite.
    frequency_per_mm : float
        Of the MTF. [1/mm]
    mtf, light, peak_nm : (M, N) float64
        Presampled MTF [1], fraction of the light that reaches the diodes [1], and peak of its spectrum [nm].
    own_mtf : float
        MTF of the layer as described. [1]
    """

    mechanism: Literal["self-absorption", "grey"]
    transport_length_um: FloatArray
    absorption: FloatArray
    frequency_per_mm: float
    mtf: FloatArray
    light: FloatArray
    peak_nm: FloatArray
    own_mtf: float


def thickness_study(
    scintillator: Scintillator,
    panel: Panel,
    spectrum: Spectrum,
    air_kerma_uGy: float,
    thickness_um: Sequence[float],
    *,
    histories: int = STUDY_HISTORIES,
    photons: int = STUDY_PHOTONS,
    progress: Callable[[float], None] | None = None,
) -> tuple[LayerReport, ...]:
    """Reports on a layer as it would be at other thicknesses, nothing else about it changed.

    Parameters
    ----------
    scintillator, panel, spectrum, air_kerma_uGy, histories, photons
        As for `report_layer`; the layer described by what its light meets.
    thickness_um : sequence of float
        Thicknesses. [um]
    progress : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    reports : tuple of LayerReport
        One for each thickness.

    Raises
    ------
    ValueError
        If there is no thickness, one is not positive, or the layer has a fitted spread: that holds for one thickness.
    """
    if not thickness_um or not all(np.isfinite(value) and value > 0 for value in thickness_um):
        raise ValueError(f"a thickness study needs positive thicknesses in um, got {list(thickness_um)}")
    if scintillator.transport is None:
        raise ValueError(
            f"a thickness study needs [transport], but '{scintillator.name}' has a spread of one thickness"
        )
    reports = []
    for number, thickness in enumerate(thickness_um):
        layer = replace(scintillator, thickness_um=float(thickness))
        reports.append(report_layer(layer, panel, spectrum, air_kerma_uGy, histories=histories, photons=photons))
        if progress is not None:
            progress((number + 1) / len(thickness_um))
    return tuple(reports)


def degeneracy_maps(
    scintillator: Scintillator,
    panel: Panel,
    spectrum: Spectrum,
    *,
    frequency_per_mm: float = 2.0,
    size: int = MAP_SIZE,
    histories: int = STUDY_HISTORIES,
    photons: int = MAP_PHOTONS,
    progress: Callable[[float], None] | None = None,
) -> tuple[DegeneracyMap, ...]:
    """MTF and light of a film over scattering and absorption: one number of the MTF does not fix both.

    Parameters
    ----------
    scintillator : Scintillator
        A film with [transport] of the model "turbid".
    panel, spectrum, histories, photons
        As for `report_layer`.
    frequency_per_mm : float
        Where the MTF is taken. [1/mm]
    size : int
        Transport lengths, and strengths of absorption. [1]
    progress : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    maps : tuple of DegeneracyMap
        Self-absorption first, where the film has it, then grey absorption.

    Raises
    ------
    ValueError
        If the layer is not a turbid film, or the size is below 2.
    """
    film = scintillator.transport
    if not isinstance(film, TurbidLayer):
        raise ValueError(f"a degeneracy map needs a turbid film, but '{scintillator.name}' is not described as one")
    if size < 2:
        raise ValueError(f"a degeneracy map needs 2 values a side or more, got {size}")

    def measures(layer: TurbidLayer) -> tuple[float, float, float]:
        changed = replace(scintillator, transport=layer)
        report = report_layer(changed, panel, spectrum, 1.0, histories=histories, photons=photons)
        mtf = float(np.interp(frequency_per_mm, report.frequency_per_mm, report.mtf))
        return mtf, report.light_to_diode_fraction, report.emission_peak_nm

    lengths = np.geomspace(*TRANSPORT_LENGTHS_UM, size)
    grey = np.append(np.geomspace(*ABSORPTION_LENGTHS_UM, size - 1), np.inf)
    kinds: list[tuple[Literal["self-absorption", "grey"], FloatArray, list[TurbidLayer]]] = []
    own = film.self_absorption
    if own is not None:
        yields = np.linspace(*QUANTUM_YIELDS, size)
        films = [replace(film, self_absorption=replace(own, quantum_yield=float(value))) for value in yields]
        kinds.append(("self-absorption", yields, films))
    clear = replace(film, self_absorption=None)
    kinds.append(("grey", grey, [replace(clear, absorption_length_um=float(value)) for value in grey]))
    own_mtf = measures(film)[0]
    maps = []
    for number, (mechanism, absorption, films) in enumerate(kinds):
        found = np.empty((size, size, 3))
        for row, changed in enumerate(films):
            for col, length in enumerate(lengths):
                found[row, col] = measures(replace(changed, transport_length_um=float(length)))
                if progress is not None:
                    progress((number + (row * size + col + 1) / size**2) / len(kinds))
        mtf, light, peak_nm = np.moveaxis(found, 2, 0)
        maps.append(
            DegeneracyMap(
                mechanism=mechanism,
                transport_length_um=lengths,
                absorption=absorption,
                frequency_per_mm=frequency_per_mm,
                mtf=mtf,
                light=light,
                peak_nm=peak_nm,
                own_mtf=own_mtf,
            )
        )
    return tuple(maps)
