"""Fig. 3c: photostability under 50 kV, and in cycles of 30 kV."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam, load_scintillator
from radiography.figures.paper.parts import Making, Number, PaperFigure, sheet
from radiography.interaction.absorption import cached_layer_response
from radiography.light.scintillator import layer_material

FILM, THICKNESS_UM = "CsPbBr3_75um", 120.0
SCATTER = (0.01, 0.02, 0.05)  # of readings, relative   # assumed: the paper's curves are flat within their line
KEV_J = 1.602176634e-16


def film_dose_ratio(kvp: float, making: Making) -> float:
    """Dose in a film of 120 um over air kerma, for the gold tube at a voltage. [Gy/Gy]

    Parameters
    ----------
    kvp : float
        [kV]
    making : Making

    Returns
    -------
    ratio : float
        Energy that the film keeps over its mass, over the air kerma in front of it. [1]
    """
    film = layer_material(replace(load_scintillator(FILM), thickness_um=THICKNESS_UM))
    spectrum = beam_spectrum(replace(load_beam("gold_end_window"), kvp=kvp), 1.0, 0.5, making.cache_folder)
    response = cached_layer_response(
        film, 1e-3 * THICKNESS_UM, spectrum.energy_keV, making.histories(50_000), cache_folder=making.cache_folder
    )
    kept_keV = float(spectrum.fluence_per_mm2 @ (response.interaction_fraction * response.mean_energy_keV))
    mass_kg = film.density_g_per_cm3 * 1e-6 * 1e-3 * THICKNESS_UM  # under a square mm
    return kept_keV * KEV_J / mass_kg / 1e-6


def photostability(making: Making) -> PaperFigure:
    """Bounds on a dose that would wear the film out, by the scatter of a flat curve, and the film's dose.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    ratios = {kvp: film_dose_ratio(kvp, making) for kvp in (30.0, 50.0)}
    doses = np.linspace(0.0, 1.0, 101)
    curves = {"dose_over_delivered": doses}
    drawing, (axes,) = sheet()
    bounds = {scatter: -1.0 / np.log1p(-scatter) for scatter in SCATTER}
    for scatter, bound in bounds.items():
        curves[f"light_at_bound_{scatter:g}"] = np.exp(-doses / bound)
        axes.plot(
            doses, curves[f"light_at_bound_{scatter:g}"], label=f"scatter {100 * scatter:g} %: Ds > {bound:.0f} D"
        )
    axes.set(xlabel="dose over all that was delivered, D", ylabel="light", ylim=(0.9, 1.01))
    axes.legend(fontsize=8)
    numbers = [
        *(
            Number(f"dose in the film over air kerma, {kvp:g} kV", "Gy/Gy", ratio, None, "computed")
            for kvp, ratio in ratios.items()
        ),
        *(
            Number(
                f"lower bound of the wearing dose, scatter {100 * scatter:g} %",
                "1",
                bound,
                None,
                "computed",
                note="in units of the dose delivered",
            )
            for scatter, bound in bounds.items()
        ),
    ]
    return PaperFigure(
        title="Photostability",
        status="quoted",
        verdict="The paper's curves are flat, so that no constant of degradation can be had from them, only a bound: a "
        "film that loses less than 2 % has a wearing dose of more than 50 times what it got. That dose is "
        f"{ratios[50.0]:.0f} times the air kerma at 50 kV, since lead, caesium and bromine absorb what air does not.",
        numbers=numbers,
        curves=curves,
        drawing=drawing,
        notes=("Gold tube with a beryllium window, packing .52 and scatter of the readings: assumed; film of 120 µm.",),
    )
