"""Fig. 2c and Extended Data Fig. 6a: light of the film over the X-ray energy, 10 to 38 keV, as at a synchrotron."""

from __future__ import annotations

import numpy as np

from radiography.beam.attenuation import linear_attenuation_per_mm
from radiography.config import load_scintillator
from radiography.figures.paper.parts import FloatArray, Making, Number, PaperFigure, sheet
from radiography.light.free_film import EnergyScan, scan_energies
from radiography.light.scintillator import layer_material

FILM = "CsPbBr3_75um"
THICKNESSES_UM = (30.0, 75.0, 120.0)
EDGES_KEV = {"Pb L3": 13.035, "Br K": 13.474, "Pb L2": 15.200, "Pb L1": 15.861, "Cs K": 35.985}  # xraylib
# Where the paper sees the light rise, and the edges that a scan in steps of half a keV cannot tell apart there. [keV]
JUMPS_KEV = {14.0: ("Pb L3", "Br K"), 16.0: ("Pb L2", "Pb L1"), 36.0: ("Cs K",)}
NEAR_KEV = 1.0  # from the paper's value to the rise   # chosen: its values are whole keV, read off a curve
LEAST_RISE = 1.02  # that a scan shows   # chosen
HISTORIES = 60_000
PHOTONS = 200_000


def scanned_energies_keV() -> FloatArray:
    """Half steps of keV, and both sides of each edge. [keV]"""
    edges = np.array(list(EDGES_KEV.values()))
    both = np.concatenate([edges - 0.02, edges + 0.02])
    return np.unique(np.concatenate([np.arange(10.0, 38.01, 0.5), both]))


def energy_scan(thickness_um: float, making: Making) -> EnergyScan:
    """Light over energy of a film of the shipped kind, in air.

    Parameters
    ----------
    thickness_um : float
        [um]
    making : Making

    Returns
    -------
    scan : EnergyScan
    """
    return scan_energies(
        load_scintillator(FILM),
        thickness_um,
        scanned_energies_keV(),
        histories=making.histories(HISTORIES),
        photons=making.histories(PHOTONS),
        cache_folder=making.cache_folder,
    )


def jump(energy_keV: FloatArray, values: FloatArray, edge_keV: float) -> float:
    """Value just above an edge over that just below.

    Parameters
    ----------
    energy_keV, values : (E,) float64
        With both sides of the edge among the energies, as of `scanned_energies_keV`. [keV]
    edge_keV : float
        [keV]

    Returns
    -------
    jump : float
        [1]
    """
    below, above = (np.argmin(np.abs(energy_keV - at)) for at in (edge_keV - 0.02, edge_keV + 0.02))
    return float(values[above] / values[below])


def steepest_keV(scan: EnergyScan, near_keV: float, reach_keV: float = 1.5) -> float:
    """Energy near another at which the light rises most from one energy of the scan to the next.

    Parameters
    ----------
    scan : EnergyScan
    near_keV, reach_keV : float
        The other energy, and how far from it. [keV]

    Returns
    -------
    energy : float
        Middle of the step. [keV]
    """
    middle = 0.5 * (scan.energy_keV[1:] + scan.energy_keV[:-1])
    slope = np.diff(np.log(scan.light_near)) / np.diff(scan.energy_keV)
    within = np.abs(middle - near_keV) <= reach_keV
    return float(middle[within][int(np.argmax(slope[within]))])


def _jump_band(scan: EnergyScan, name: str, value: float) -> tuple[float, float]:
    """Two standard errors around a jump."""
    at = [int(np.argmin(np.abs(scan.energy_keV - EDGES_KEV[name] - side))) for side in (-0.02, 0.02)]
    error = 2.0 * value * float(np.hypot(*scan.error[at]))
    return value - error, value + error


def synchrotron_scan(making: Making) -> PaperFigure:
    """Light of the 75 um film for equal photons of each energy.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    scan = energy_scan(75.0, making)
    attenuation = linear_attenuation_per_mm(layer_material(load_scintillator(FILM)), scan.energy_keV)
    drawing, (axes,) = sheet()
    axes.plot(scan.energy_keV, scan.light_near, label="out of the face that the X-rays enter")
    axes.plot(scan.energy_keV, scan.light_far, "--", label="out of the other face")
    for name, at in EDGES_KEV.items():
        axes.axvline(at, color="0.8", linewidth=0.6, zorder=0)
        left = name not in ("Br K", "Pb L1")  # these have a neighbour on the left
        axes.annotate(name, (at, 0.3), rotation=90, fontsize=7, ha="right" if left else "left", va="bottom")
    axes.set(xlabel="X-ray energy (keV)", ylabel="light photons of one X-ray", ylim=(0, None))
    axes.legend(fontsize=8, loc=(0.3, 0.12))
    jumps = {name: jump(scan.energy_keV, scan.light_near, at) for name, at in EDGES_KEV.items()}
    in_attenuation = jump(scan.energy_keV, attenuation, EDGES_KEV["Cs K"])
    rises = {paper: float(np.prod([jumps[name] for name in names])) for paper, names in JUMPS_KEV.items()}
    numbers = [
        Number(
            f"steepest rise of the light near {paper:g} keV, at",
            "keV",
            steepest_keV(scan, paper),
            paper,
            "computed",
            note=" and ".join(names),
        )
        for paper, names in JUMPS_KEV.items()
    ]
    all_there = all(
        rise > LEAST_RISE and number.ours is not None and abs(number.ours - paper) <= NEAR_KEV
        for (paper, rise), number in zip(rises.items(), numbers, strict=True)
    )
    numbers += [
        Number(f"light above over below {name}", "1", value, None, "computed", _jump_band(scan, name, value))
        for name, value in jumps.items()
    ]
    numbers += [
        Number(
            "smallest of the three rises",
            "1",
            min(rises.values()),
            None,
            "computed",
            note="product of the jumps at the edges of each",
        ),
        Number("attenuation above over below Cs K", "1", in_attenuation, None, "computed"),
        *(
            Number(
                f"energy kept at {at:g} keV",
                "1",
                float(np.interp(at, scan.energy_keV, scan.absorbed)),
                None,
                "computed",
            )
            for at in (14.0, 20.0, 30.0)
        ),
    ]
    return PaperFigure(
        title="Light over the X-ray energy",
        status="reproduced" if all_there else "differs",
        verdict=(
            "Light rises at the edges of lead (L), bromine and caesium, as the paper's near 14, 16 and 36 keV. "
            if all_there
            else "Light does not rise at all of 14, 16 and 36 keV, where the paper's does. "
        )
        + f"At Cs K it rises by {100 * (jumps['Cs K'] - 1):.0f} %, far less than attenuation "
        f"({100 * (in_attenuation - 1):.0f} %), since the fluorescence leaves the film. Pb L2 and L1 at 15.2 and "
        f"15.9 keV raise the light by {100 * (rises[16.0] - 1):.0f} % together; the order in which the paper names its "
        "edges is not that of their energies.",
        numbers=numbers,
        curves={
            "energy_keV": scan.energy_keV,
            "absorbed_fraction": scan.absorbed,
            "light_near": scan.light_near,
            "light_far": scan.light_far,
            "relative_error": scan.error,
        },
        drawing=drawing,
        notes=("Equal photons of each energy; film of 75 µm in air, packing .52, one yield at all energies: assumed.",),
        decided_by=f"Within {NEAR_KEV:g} keV of 14, 16 and 36 keV the light rises by more than "
        f"{100 * (LEAST_RISE - 1):.0f} %.",
        wrong_if="light jumps at Cs K as much as attenuation does: then the film is far thicker than 75 µm, or keeps "
        "its fluorescence; or the jumps near 13 keV vanish while that at 36 keV stays: then it is thicker than 0.1 mm.",
    )
