"""Fig. 2a: attenuation of CsPbBr3, CdTe and carbon over the X-ray energy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from radiography.beam.attenuation import linear_attenuation_per_mm, mass_attenuation_cm2_per_g, material
from radiography.figures.paper.parts import Making, Number, PaperFigure, sheet

MATERIALS = {"CsPbBr3": "C0", "CdTe": "C3", "graphite": "0.3"}
EDGES = (  # name, atomic number, shell of xraylib, keV in the paper
    ("Pb L3", 82, "L3_SHELL", 13.0),
    ("Pb L1", 82, "L1_SHELL", 15.9),
    ("Br K", 35, "K_SHELL", 13.5),
    ("Cs K", 55, "K_SHELL", 36.0),
    ("Pb K", 82, "K_SHELL", 88.0),
)
BETWEEN_EDGES_KEV = (20.0, 35.0)  # of CsPbBr3: none lies there
EXPONENT = 3.0  # of the paper's rule Z^4 / (A E^3)


def attenuation_curves(making: Making) -> PaperFigure:
    """Mass attenuation from 1 to 100 keV, total and photoelectric, with the edges and the power of the energy.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    import xraylib

    energy = np.unique(np.concatenate([np.geomspace(1.0, 100.0, 800), _beside_edges()]))
    drawing, (axes,) = sheet()
    curves: dict[str, np.ndarray] = {"energy_keV": energy}
    for name, colour in MATERIALS.items():
        found = material(name)
        total = mass_attenuation_cm2_per_g(found, energy)
        photo = mass_attenuation_cm2_per_g(found, energy, "photoelectric")
        curves |= {
            f"{name}_total_cm2_per_g": total,
            f"{name}_photoelectric_cm2_per_g": photo,
            f"{name}_linear_per_mm": linear_attenuation_per_mm(found, energy),
        }
        axes.loglog(energy, total, color=colour, label=name)
        axes.loglog(energy, photo, ":", color=colour, linewidth=1.0)
    axes.set(xlabel="X-ray energy (keV)", ylabel="mass attenuation (cm²/g)", ylim=(1e-3, 2e4))
    for name, z, shell, _ in EDGES:
        at = xraylib.EdgeEnergy(z, getattr(xraylib, shell))
        axes.axvline(at, color="0.8", linewidth=0.6, zorder=0)
        axes.annotate(name, (at, 1.3e-3), rotation=90, fontsize=7, ha="right")
    axes.legend(fontsize=8, title="solid: total, dotted: photoelectric", title_fontsize=7)
    numbers = [
        Number(f"edge {name}", "keV", xraylib.EdgeEnergy(z, getattr(xraylib, shell)), paper, "computed")
        for name, z, shell, paper in EDGES
    ]
    exponent = fitted_exponent()
    numbers.append(Number("power of the energy, 20 to 35 keV", "1", exponent, EXPONENT, "computed"))
    right = all(abs(number.ours - number.paper) < 0.05 for number in numbers[:-1] if number.ours and number.paper)
    ratio = curves["CsPbBr3_linear_per_mm"] > curves["CdTe_linear_per_mm"]
    return PaperFigure(
        title="Attenuation of CsPbBr3, CdTe and carbon",
        status="reproduced" if right else "differs",
        verdict="The edges are where the paper has them. Per length CsPbBr3 attenuates more than CdTe "
        f"on {_spans(energy, ratio)} keV, and less elsewhere. Between the edges attenuation falls as E to the power "
        f"-{exponent:.2f}, not -3.",
        numbers=numbers,
        curves=curves,
        drawing=drawing,
        notes=(
            "Cross sections of xraylib; densities 4.83, 5.85 and 2.26 g/cm³. Whether the paper draws the total or the "
            "photoelectric part can be told from carbon: only the total flattens above 20 keV.",
        ),
    )


def fitted_exponent() -> float:
    """Power with which the photoelectric attenuation of CsPbBr3 falls between its edges. [1]"""
    energy = np.linspace(*BETWEEN_EDGES_KEV, 61)
    photo = mass_attenuation_cm2_per_g(material("CsPbBr3"), energy, "photoelectric")
    return float(-np.polyfit(np.log(energy), np.log(photo), 1)[0])


def _beside_edges() -> np.ndarray:
    """Energies just below and above the edges that the figure shows."""
    import xraylib

    shells = [*((z, shell) for _, z, shell, _ in EDGES), (48, "K_SHELL"), (52, "K_SHELL"), (82, "L2_SHELL")]
    edges = np.array([xraylib.EdgeEnergy(z, getattr(xraylib, shell)) for z, shell in shells])
    return np.concatenate([edges * (1 - 1e-4), edges * (1 + 1e-4)])


def _spans(energy: np.ndarray, holds: np.ndarray) -> str:
    """Ranges of energy in which something holds, in words."""
    change = np.flatnonzero(np.diff(holds.astype(np.int8)))
    bounds = np.concatenate([[0], change + 1, [energy.size]])
    spans = [f"{energy[a]:.3g} to {energy[b - 1]:.3g}" for a, b in pairwise(bounds) if holds[a]]
    return ", ".join(spans)
