"""Fig. 3b: decay of the light after pulses of 661 keV."""

from __future__ import annotations

import numpy as np

from radiography.config import load_scintillator
from radiography.figures.paper.parts import Making, Number, PaperFigure, sheet
from radiography.light.optics import TurbidLayer
from radiography.light.pulse import effective_decay_ns, pulse

EFFECTIVE_NS = 44.6  # of the paper
OTHER_SPLIT = ((0.5, 0.5), (12.0, 77.2))  # the same effective decay time   # chosen
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
    most = 1.0 / (1.0 - film.transport.self_absorption.quantum_yield)
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
    axes.set(xlabel="time (ns)", ylabel="light", ylim=(2e-3, 1.2))
    axes.legend(fontsize=7)
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
        Number("the same behind a rise of 2 ns", "ns", risen, EFFECTIVE_NS, "computed"),
        Number("12 ns behind a rise of 2 ns", "ns", effective_decay_ns([1.0], [12.0], RISE_NS), None, "computed"),
        Number(
            "longest effective decay by light absorbed again",
            "ns",
            most * fastest,
            EFFECTIVE_NS,
            "computed",
            note="every photon absorbed and emitted until it is lost: lifetime / (1 - quantum yield)",
        ),
        Number(
            "CsI:Tl, effective decay time", "ns", effective_decay_ns(*csi), 1000.0, "fitted", note="of the layer's file"
        ),
    ]
    return PaperFigure(
        title="Decay of the light",
        status="quoted",
        verdict="44.6 ns is an area over a height and does not say what the light does: two splits with it differ "
        f"{apart:.1f}-fold at 300 ns. A rise of 2 ns alone makes {risen:.1f} of 44.6 ns. Light absorbed and emitted "
        f"again makes {most * fastest:.0f} ns of 12 at most, so the slow part must come from traps.",
        numbers=numbers,
        curves=curves,
        drawing=drawing,
        notes=(
            "Split 0.8 × 12 ns + 0.2 × 175 ns: assumed.",
            "661 keV means Compton electrons, which leave little of their energy in a thin film.",
        ),
    )
