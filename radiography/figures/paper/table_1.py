"""Extended Data Table 1: five scintillators, the paper's numbers beside published and computed ones."""

from __future__ import annotations

import numpy as np

from radiography.figures.paper.figure_1d import brightnesses
from radiography.figures.paper.parts import Making, Number, PaperFigure, paper_table, sheet

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
    thicknesses = [entry["paper"]["thickness_mm"] for entry in entries]
    thinnest, thickest = min(thicknesses), max(thicknesses)
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
    drawing, (axes,) = sheet()
    for place, entry in enumerate(entries):
        for offset, given, colour, words in ((-0.15, "paper", "C3", "printed"), (0.15, "known", "C0", "elsewhere")):
            low, high = entry[given]["decay_ns"]
            label = words if place == 0 else None
            axes.plot([low, high], [place + offset] * 2, "|-", color=colour, linewidth=2.0, markersize=9, label=label)
    axes.set_yticks(range(len(entries)), [entry["name"].replace(" ", "\n") for entry in entries], fontsize=8)
    axes.set(xscale="log", xlabel="decay time (ns)", xlim=(1, 3e4), ylim=(len(entries) - 0.5, -0.5))
    axes.legend(fontsize=8)
    return PaperFigure(
        title="Table 1: scintillators",
        status="differs" if slips else "quoted",
        verdict=(
            f"Decays that no other source has: {', '.join(slips)}. " if slips else "Decays are those of other sources. "
        )
        + " ".join(entry["note"] for entry in entries if entry["name"] in slips)
        + f" Thicknesses differ {thickest / thinnest:.0f}-fold, yet all keep {min(kept):.2f} to {max(kept):.2f} of the "
        "energy of a gold tube of 50 kV"
        + (": thickness is no reason for a brightness many times higher or lower." if min(kept) > 0.5 else "."),
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
        decided_by="Each printed decay meets the range that other sources give.",
        wrong_if="a pulsed source finds YAlO3:Ce or PbWO4 of the paper's make slower than 100 ns.",
        drawing=drawing,
        notes=("Elsewhere: data sheets of crystal growers and the Review of Particle Physics.",),
    )
