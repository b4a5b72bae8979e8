"""Fig. 3b: decay of the light after pulses of 661 keV."""

from __future__ import annotations

import numpy as np

from radiography.config import load_panel, load_scintillator
from radiography.figures.paper.parts import Making, Number, PaperFigure, judge, sheet, status_of
from radiography.light.luminescence import reabsorbed_part
from radiography.light.optics import TurbidLayer
from radiography.light.pulse import effective_decay_ns, pulse
from radiography.study.frame_residual import study_residual

EFFECTIVE_NS = 44.6  # of the paper
OTHER_SPLIT = ((0.5, 0.5), (12.0, 77.2))  # the same effective decay time   # chosen
NEAR_NS = 4.46  # a tenth of that   # chosen
LIFETIMES_NS = (5.0, 15.0)  # of photoluminescence, RSC Adv. 7, 10391 (2017)
QUANTUM_YIELDS = (0.4, 0.8)  # range of the film's file
FRAMES_PER_S = 30.0  # of fluoroscopy   # chosen
RISE_NS = 2.0  # of an instrument   # assumed
TIME_NS = np.linspace(0.0, 600.0, 601)


def decay(making: Making) -> PaperFigure:
    """Two splits with one effective decay time, what a rise adds, and what light absorbed again can.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    film = load_scintillator("CsPbBr3_75um")
    assert isinstance(film.transport, TurbidLayer) and film.transport.self_absorption is not None
    shipped, csi = (
        (tuple(part.amplitude_fraction for part in layer.decay), tuple(part.time_ns for part in layer.decay))
        for layer in (film, load_scintillator("CsI_Tl_500um"))
    )
    fastest = min(shipped[1])
    quantum_yield = film.transport.self_absorption.quantum_yield
    again = reabsorbed_part(
        film.transport, film.thickness_um, photons=making.histories(400_000), cache_folder=making.cache_folder
    )
    by_reabsorption = Number(
        "effective decay by light absorbed again, without traps",
        "ns",
        fastest / (1.0 - quantum_yield * again),
        EFFECTIVE_NS,
        "computed",
        (
            LIFETIMES_NS[0] / (1.0 - QUANTUM_YIELDS[0] * again),
            LIFETIMES_NS[1] / (1.0 - QUANTUM_YIELDS[1] * again),
        ),
        "lifetime times the mean number of emissions of a photon; band: lifetimes of 5 to 15 ns, quantum yields of .4 "
        "to .8",
    )
    judged = judge(by_reabsorption, EFFECTIVE_NS - NEAR_NS, EFFECTIVE_NS + NEAR_NS)
    panel = load_panel("fully_coated")
    left = {
        name: study_residual(load_scintillator(name), panel, [FRAMES_PER_S], "pulsed").after_one
        for name in ("CsPbBr3_75um", "CsI_Tl_500um")
    }
    of_film, of_csi = (float(each.total[0]) for each in left.values())
    lag = float(left["CsPbBr3_75um"].panel_lag[0])
    curves = {"time_ns": TIME_NS}
    drawing, (axes,) = sheet()
    for name, split in (("shipped", shipped), ("other", OTHER_SPLIT), ("CsI", csi)):
        curves[name] = pulse(TIME_NS, *split)
        words = ", ".join(f"{a:g} × {t:g} ns" for a, t in zip(*split, strict=True))
        axes.semilogy(TIME_NS, curves[name], label=("CsI:Tl, " if name == "CsI" else "") + words)
    curves["shipped_behind_rise"] = pulse(TIME_NS, *shipped, RISE_NS)
    axes.semilogy(
        TIME_NS, np.maximum(curves["shipped_behind_rise"], 1e-4), ":", color="C0", label="behind a rise of 2 ns"
    )
    axes.set(xlabel="time (ns)", ylabel="light, 1 at once", ylim=(2e-3, 1.2), xlim=(-10, 600))
    axes.legend(fontsize=7, loc="upper right", bbox_to_anchor=(1.0, 0.85))  # between CsI:Tl and the film
    apart = float(pulse(300.0, *shipped) / pulse(300.0, *OTHER_SPLIT))
    risen = effective_decay_ns(*shipped, RISE_NS)
    numbers = [
        Number(
            "effective decay time",
            "ns",
            effective_decay_ns(*shipped),
            EFFECTIVE_NS,
            "fitted",
            note="the slow part was chosen for it",
        ),
        Number(
            "effective decay time of another split",
            "ns",
            effective_decay_ns(*OTHER_SPLIT),
            EFFECTIVE_NS,
            "fitted",
            note="chosen for it too",
        ),
        Number(
            "the same behind a rise of 2 ns",
            "ns",
            risen,
            EFFECTIVE_NS,
            "computed",
            (effective_decay_ns(*shipped), risen),
            "band: from no rise",
        ),
        Number("12 ns behind a rise of 2 ns", "ns", effective_decay_ns([1.0], [12.0], RISE_NS), None, "computed"),
        Number("part of the light that the film absorbs again", "1", again, None, "computed"),
        by_reabsorption,
        Number(
            "left of a frame by the decay, film, 30 frames/s",
            "1",
            float(left["CsPbBr3_75um"].prompt[0]),
            None,
            "computed",
        ),
        Number(
            "left of a frame by the decay, CsI:Tl, 30 frames/s",
            "1",
            float(left["CsI_Tl_500um"].prompt[0]),
            None,
            "computed",
        ),
        Number("left of a frame by the panel's traps, 30 frames/s", "1", lag, None, "computed"),
        Number(
            "left of a frame in all, film over CsI:Tl",
            "1",
            of_film / of_csi,
            None,
            "computed",
            note="30 frames/s, one exposed frame; the panel's traps are the same for both",
        ),
        Number(
            "CsI:Tl, effective decay time", "ns", effective_decay_ns(*csi), 1000.0, "fitted", note="of the layer's file"
        ),
    ]
    return PaperFigure(
        title="Decay of the light",
        status=status_of(judged),
        verdict="44.6 ns is an area over a height and does not say what the light does: two splits with it differ "
        f"{apart:.1f}-fold at 300 ns. A rise of 2 ns alone makes {risen:.0f} of 44.6 ns. Light that the film absorbs "
        f"and emits again makes {by_reabsorption.ours:.0f} ns of 12, "
        + {
            "supported": "which is the paper's value without traps. ",
            "depends": "and reaches 44.6 ns only with the longest lifetime and the highest quantum yield; otherwise "
            "the slow part must come from traps. ",
            "not supported": "and 44.6 ns at no lifetime and quantum yield that is reported: the rest must come from "
            "traps. ",
        }[judged]
        + f"At 30 frames/s neither decay leaves anything: the panel's traps leave {100 * lag:.1f} % behind either "
        f"layer, and the film's panel has {of_film / of_csi:.2f} of the remainder of that with CsI:Tl.",
        numbers=numbers,
        curves=curves,
        drawing=drawing,
        decided_by=f"Reported lifetimes, and light absorbed again, come to 44.6 ns within {NEAR_NS:g} ns.",
        wrong_if="a thin film or a dilute solution under the same pulses decays with the same 44.6 ns: then light "
        "absorbed again has no part in it.",
        notes=(
            "Split 0.8 × 12 ns + 0.2 × 175 ns: assumed.",
            "661 keV means Compton electrons, which leave little of their energy in a thin film.",
        ),
    )
