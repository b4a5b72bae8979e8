"""Fig. 2g and h: current through a film of 10 um between gold electrodes, with and without X-rays."""

from __future__ import annotations

import numpy as np

from radiography.beam.attenuation import material
from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam
from radiography.figures.paper.parts import Making, Number, PaperFigure, judge, sheet, status_of
from radiography.interaction.absorption import cached_layer_response
from radiography.interaction.beam_absorption import energy_left_keV_per_mm2
from radiography.panel.photoconductor import dark_current_A, hecht, photoconductive_gain, photocurrent_A

THICKNESS_UM = 10.0  # of the paper
KERMA_RATE_UGY_PER_S = 278.0  # the largest of the paper's tube   # assumed for this experiment, at its 30 cm
PAIR_ENERGY_EV = 5.3  # assumed: used for CsPbBr3 detectors
HIGHEST_PAIR_ENERGY_EV = 5.8  # 2.5 times the gap of 2.3 eV
MOBILITY_LIFETIMES = (1e-6, 1e-5, 1e-4)  # cm2/V, assumed: the range of reports for films and crystals
CONDUCTIVITY_S_PER_CM = 1e-12  # assumed: resistivities of 1e10 to 1e13 ohm cm are reported
CONDUCTIVITIES_S_PER_CM = (1e-13, 1e-10)  # of those
AT_V = 10.0  # where the two currents are compared   # chosen: half of the range that is drawn
VOLTAGE_V = np.linspace(-20.0, 20.0, 161)


def film_energy_keV_per_s_mm2(making: Making) -> float:
    """Energy that X-rays of the gold tube leave in a square mm of the film. [keV/s]"""
    spectrum = beam_spectrum(load_beam("gold_end_window"), KERMA_RATE_UGY_PER_S, 0.5, making.cache_folder)
    solid = material("CsPbBr3")
    response = cached_layer_response(
        solid, 1e-3 * THICKNESS_UM, spectrum.energy_keV, making.histories(50_000), cache_folder=making.cache_folder
    )
    return energy_left_keV_per_mm2(response, spectrum)


def photoconductor(making: Making) -> PaperFigure:
    """Photocurrent by Hecht with both carriers over the ohmic dark current.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    energy = film_energy_keV_per_s_mm2(making)
    dark = dark_current_A(VOLTAGE_V, THICKNESS_UM, 1.0, CONDUCTIVITY_S_PER_CM)
    curves = {"voltage_V": VOLTAGE_V, "dark_A_per_mm2": dark}
    drawing, (axes,) = sheet()
    half_V = []
    for each in MOBILITY_LIFETIMES:
        current = photocurrent_A(
            VOLTAGE_V,
            energy_keV_per_s=energy,
            pair_energy_eV=PAIR_ENERGY_EV,
            thickness_um=THICKNESS_UM,
            mobility_lifetimes_cm2_per_V=(each, each),
        )
        curves[f"photocurrent_A_per_mm2_{each:g}"] = current
        axes.plot(VOLTAGE_V, 1e12 * current, label=f"X-rays, µτ {each:.0e} cm²/V")
        fine = np.geomspace(1e-4, 1e3, 4001)
        half_V.append(float(np.interp(0.9, 2 * hecht(fine, THICKNESS_UM, each), fine)))
    axes.plot(VOLTAGE_V, 1e12 * dark, "k--", label=f"dark, {CONDUCTIVITY_S_PER_CM:g} S/cm")
    axes.set(xlabel="voltage (V)", ylabel="current (pA/mm²)", yscale="symlog")
    axes.legend(fontsize=7, loc="lower right")
    light_at, dark_at = (
        float(np.interp(AT_V, VOLTAGE_V, each))
        for each in (curves[f"photocurrent_A_per_mm2_{MOBILITY_LIFETIMES[1]:g}"], dark)
    )
    ratio = light_at / dark_at * CONDUCTIVITY_S_PER_CM
    over_dark = Number(
        f"photocurrent without gain over the dark current, {AT_V:g} V",
        "1",
        light_at / dark_at,
        None,
        "computed",
        (ratio / max(CONDUCTIVITIES_S_PER_CM), ratio / min(CONDUCTIVITIES_S_PER_CM)),
        "band: resistivities of 1e10 to 1e13 ohm cm",
    )
    judged = judge(over_dark, 1.0, np.inf)
    most = float(curves[f"photocurrent_A_per_mm2_{MOBILITY_LIFETIMES[-1]:g}"][-1])
    numbers = [
        Number(
            "photocurrent when all charge is collected",
            "A/mm2",
            most,
            None,
            "computed",
            (most * PAIR_ENERGY_EV / HIGHEST_PAIR_ENERGY_EV, most),
            "without gain; band: 5.8 to 5.3 eV a pair; in proportion to the dose rate, which is assumed",
        ),
        over_dark,
        Number(
            "voltage at which 9 of 10 carriers are collected",
            "V",
            half_V[1],
            None,
            "computed",
            (half_V[2], half_V[0]),
            "band: mobility times lifetime of 1e-6 to 1e-4 cm2/V",
        ),
        Number(
            "lifetime over transit time at 10 V, 1e-5 cm2/V",
            "1",
            photoconductive_gain(AT_V, THICKNESS_UM, 1.0, MOBILITY_LIFETIMES[1]),
            None,
            "computed",
            (
                photoconductive_gain(AT_V, THICKNESS_UM, 1.0, MOBILITY_LIFETIMES[0]),
                photoconductive_gain(AT_V, THICKNESS_UM, 1.0, MOBILITY_LIFETIMES[2]),
            ),
            "the gain of electrodes that replace what they take; band: 1e-6 to 1e-4 cm2/V",
        ),
    ]
    return PaperFigure(
        title="Photoconductor: current over voltage",
        status=status_of(judged),
        verdict=f"A film of 10 µm collects 9 of 10 carriers at {half_V[2]:.1g} to {half_V[0]:.1g} V, so that a "
        "photocurrent which keeps rising over tens of volts is injection: a photoconductive gain, lifetime over "
        "transit time, and no property of the scintillator. "
        + {
            "supported": "Even without gain the photocurrent exceeds the dark one, as the paper draws it. ",
            "depends": "Whether the photocurrent exceeds the dark one without gain depends on the film's resistivity. ",
            "not supported": "Without gain the photocurrent stays below the dark one, and the paper's lies above. ",
        }[judged]
        + "The paper names neither the area nor the dose rate, so no current of it can be held to this.",
        numbers=numbers,
        curves=curves,
        drawing=drawing,
        notes=(
            "Gold tube, 50 kV, 278 µGy/s (assumed: the largest of the paper's), 5.3 eV a pair, 1e-12 S/cm, mobility "
            "times lifetime 1e-6 to 1e-4 cm²/V: all assumed.",
        ),
        decided_by=f"The photocurrent without gain is above the dark current at {AT_V:g} V over the whole range of "
        "resistivities.",
        wrong_if="the photocurrent of 10 µm, divided by the pairs that its dose makes, stays at or below 1 and still "
        "rises beyond 10 V.",
    )
