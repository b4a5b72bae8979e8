"""Fig. 3c: photostability under 50 kV, and in cycles of 30 kV."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam, load_scintillator
from radiography.figures.paper.figure_3a import HIGHEST
from radiography.figures.paper.parts import (
    Making,
    Number,
    PaperFigure,
    columns,
    judge,
    sheet,
    status_of,
)
from radiography.interaction.absorption import cached_layer_response
from radiography.interaction.beam_absorption import layer_dose_Gy
from radiography.light.scintillator import layer_material
from radiography.light.wear import cycled_light, light_after

FILM, THICKNESS_UM = "CsPbBr3_75um", 120.0
SCATTER = (0.01, 0.02, 0.05)  # of readings, relative   # assumed: the paper's curves are flat within their line
LEAST_BOUND = 49.0  # times the dose: less than 2 % lost   # chosen
HALF_CYCLE_S = 30.0  # of the paper: cycles 30 s apart, taken to be as long on as off   # assumed


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
    return layer_dose_Gy(response, spectrum) / 1e-6


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
    hourly_Gy = {kvp: 1e-6 * HIGHEST * 3600.0 * ratio for kvp, ratio in ratios.items()}
    bounds = {scatter: -1.0 / np.log1p(-scatter) for scatter in SCATTER}
    doses = np.linspace(0.0, hourly_Gy[50.0], 101)
    time_s = np.arange(0.0, 20 * HALF_CYCLE_S, 1.0)
    curves: dict[str, Any] = {"dose_Gy": doses}
    drawing, (axes, cycles) = sheet(2)
    for scatter, bound in bounds.items():
        curves[f"light_at_bound_{scatter:g}"] = light_after(doses, bound * hourly_Gy[50.0])
        axes.plot(
            doses,
            curves[f"light_at_bound_{scatter:g}"],
            label=f"scatter {100 * scatter:g} %: Ds > {float(f'{bound * hourly_Gy[50.0]:.1g}'):g} Gy",
        )
    axes.set(xlabel="dose in the film (Gy): an hour at 50 kV, 278 µGy/s", ylabel="least light that looks flat")
    axes.set_ylim(0.9, 1.01)
    axes.legend(fontsize=8, loc="lower left")
    loss_per_s = -np.log1p(-SCATTER[1]) / (0.5 * time_s[-1])
    for recovery_s, words in ((np.inf, "no recovery"), (300.0, "recovery in 300 s"), (30.0, "recovery in 30 s")):
        cycles.plot(time_s, cycled_light(time_s, loss_per_s, recovery_s, HALF_CYCLE_S), linewidth=1.0, label=words)
    cycles.axhspan(1 - SCATTER[1], 1 + SCATTER[1], color="0.9", zorder=0, label="readings that scatter by 2 %")
    cycles.set(xlabel="time (s), 30 kV on for 30 s and off for 30 s", ylabel="light of the X-rays", ylim=(0.95, 1.03))
    cycles.legend(fontsize=8)
    wearing = Number(
        "lower bound of the wearing dose, scatter 2 %",
        "1",
        bounds[SCATTER[1]],
        None,
        "computed",
        (bounds[SCATTER[2]], bounds[SCATTER[0]]),
        "in units of the dose delivered; band: scatter of 5 to 1 %",
    )
    numbers = [
        *(
            Number(f"dose in the film over air kerma, {kvp:g} kV", "Gy/Gy", ratio, None, "computed")
            for kvp, ratio in ratios.items()
        ),
        *(
            Number(
                f"dose in the film of an hour at 278 uGy/s, {kvp:g} kV{', half of it on' if part < 1 else ''}",
                "Gy",
                part * hourly_Gy[kvp],
                None,
                "computed",
                note="the largest dose rate of Fig. 3a; the paper gives neither rate nor time for this figure",
            )
            for kvp, part in ((50.0, 1.0), (30.0, 0.5))
        ),
        wearing,
    ]
    judged = judge(wearing, LEAST_BOUND, np.inf)
    return PaperFigure(
        title="Photostability",
        status=status_of(judged),
        verdict="The paper's curves are flat, so that no constant of degradation can be had from them, only a bound: a "
        f"film that loses less than 2 % has a wearing dose of more than {bounds[SCATTER[1]]:.0f} times what it got. "
        + {
            "supported": "That holds for all scatters of the readings. ",
            "depends": "A scatter of 5 % would hide a loss of a dose 20 times as large. ",
            "not supported": "The readings scatter too much to show that. ",
        }[judged]
        + f"The film's dose is {ratios[50.0]:.0f} times the air kerma at 50 kV, since lead, caesium and bromine absorb "
        f"what air does not: an hour at the largest dose rate of Fig. 3a is {hourly_Gy[50.0]:.0f} Gy. In cycles a loss "
        "that recovers within 30 s looks like none.",
        numbers=numbers,
        curves=columns(
            curves, {"cycle_time_s": time_s, "cycled_light": cycled_light(time_s, loss_per_s, np.inf, HALF_CYCLE_S)}
        ),
        drawing=drawing,
        notes=(
            "Gold tube with a beryllium window, packing .52, scatter of the readings, an hour of X-rays: assumed; film "
            "of 120 µm, cycles 30 s apart.",
        ),
        decided_by=f"For every scatter of readings the wearing dose is more than {LEAST_BOUND:g} times what was "
        "delivered.",
        wrong_if="the light of a film falls by more than the readings scatter within a dose of the size that is named.",
    )
