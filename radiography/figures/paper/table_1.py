"""Extended Data Table 1: five scintillators, the paper's numbers beside published and computed ones."""

from __future__ import annotations

import numpy as np

from radiography.figures.paper.figure_1d import brightnesses
from radiography.figures.paper.parts import Making, Number, PaperFigure, paper_table

KVP = 50.0


def scintillators(making: Making) -> PaperFigure:
    """Emission, thickness and decay as printed, what others publish, and the energy that each thickness keeps.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    entries = paper_table("scintillators")["scintillators"]
    kept = [each.kept for each in brightnesses(making, KVP)]
    numbers, slips = [], []
    for entry in entries:
        paper, known = entry["paper"], entry["known"]
        decay, others = (float(np.sqrt(np.prod(each["decay_ns"]))) for each in (paper, known))
        numbers.append(
            Number(
                f"decay of {entry['name']}, published elsewhere",
                "ns",
                others,
                decay,
                "quoted",
                tuple(known["decay_ns"]),
                entry["note"],
            )
        )
        numbers.append(
            Number(f"peak of {entry['name']}, published elsewhere", "nm", known["peak_nm"], paper["peak_nm"], "quoted")
        )
        low, high = paper["decay_ns"]
        if high < known["decay_ns"][0] or low > known["decay_ns"][1]:
            slips.append(entry["name"])
    numbers += [
        Number(
            f"energy kept by {entry['paper']['thickness_mm']:g} mm of {entry['name']}, gold tube of 50 kV",
            "1",
            part,
            None,
            "computed",
        )
        for entry, part in zip(entries, kept, strict=True)
    ]
    return PaperFigure(
        title="Table 1: scintillators",
        status="quoted",
        verdict=f"Decays that no other source has: {', '.join(slips)}. For the film that is a matter of words, an "
        "effective decay time against a lifetime; for the two crystals the printed range lies above every data sheet. "
        f"Thicknesses differ fiftyfold, yet all keep most of the energy of a gold tube of 50 kV, {min(kept):.2f} to "
        f"{max(kept):.2f}: thickness is no reason for a brightness many times higher or lower.",
        numbers=numbers,
        curves={
            "scintillator": [entry["name"] for entry in entries],
            "peak_nm_paper": [entry["paper"]["peak_nm"] for entry in entries],
            "peak_nm_elsewhere": [entry["known"]["peak_nm"] for entry in entries],
            "thickness_mm": [entry["paper"]["thickness_mm"] for entry in entries],
            "decay_ns_paper_low": [entry["paper"]["decay_ns"][0] for entry in entries],
            "decay_ns_paper_high": [entry["paper"]["decay_ns"][1] for entry in entries],
            "decay_ns_elsewhere_low": [entry["known"]["decay_ns"][0] for entry in entries],
            "decay_ns_elsewhere_high": [entry["known"]["decay_ns"][1] for entry in entries],
            "energy_kept_50kV": kept,
        },
        notes=("Elsewhere: data sheets of crystal growers and the Review of Particle Physics.",),
    )
