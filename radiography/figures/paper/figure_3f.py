"""Fig. 3d to f: a beetle with a needle by film and digital camera, and whether its contrast is of phase."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phantoms.beetle import NEEDLE_END, NEEDLE_TIP, beetle
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.camera.accounting import QuantaAccount
from radiography.camera.exposure import blur_at
from radiography.figures.paper.camera_pictures import (
    EXPOSURE_S,
    MOST_FILTER_MM,
    OBJECT_TO_FILM_MM,
    ROSE,
    SOURCE_MM,
    SOURCE_TO_OBJECT_MM,
    FilmAndCamera,
    contrast_along,
    film_and_camera,
    number_behind,
    over_exposures,
    over_noise_of_1mm,
    photographs,
    quanta_band,
    quanta_of,
)
from radiography.figures.paper.parts import Making, Number, PaperFigure, judge, sheet, status_of
from radiography.projection.phase import EdgeFringe, Propagation, blur_fringe, rod_fringe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEEDLE_MM = 0.4  # diameter   # assumed: .3 to .5
LIMB_MM, FEELER_MM = 1.0, 0.1  # diameters of what chitin there is to make fringes   # assumed
SOURCES_MM = (0.005, 1.0)  # assumed: microfocus to miniature tubes
DISTANCES_MM = (5.0, 50.0)  # from the object to the film   # assumed
FAR_MM = 500.0  # of a set-up made for phase contrast
LINE_MM = 4.0  # that holds the blur
INSIDE_MM = 9.0  # of the needle, from its tip, that lie inside the beetle
PHASE_NUMBER = "fringe over absorption at the edge of a limb"  # decides whether there is phase contrast
PHASE_OVER_ABSORPTION = 1.0  # from which on a picture is one of phase   # chosen, with the result in view
LENSES_NOTE = "f/4 at 0.05 to f/1.4 at 0.5 of life size: assumed"
STAGES = ("incident", "absorbed", "light made", "in the disk", "in the lens", "electrons")


@dataclass(frozen=True, eq=False)
class Fringes:
    """Fringes of a limb and of the needle: sharp, and behind all blur; the band of contrasts and of their ratio."""

    limb: tuple[EdgeFringe, EdgeFringe]
    needle: tuple[EdgeFringe, EdgeFringe]
    contrasts: tuple[float, float]
    ratios: tuple[float, float]
    far_ratio: float


def fringes(setup: FilmAndCamera, making: Making) -> Fringes:
    """Waves behind a limb of chitin and the needle, for the light that each energy makes in the film.

    Parameters
    ----------
    setup : FilmAndCamera
    making : Making

    Returns
    -------
    fringes : Fringes
        Bands are over source, distance to the film, filter of the tube, and a limb or a feeler.
    """
    bare = setup.fluence_per_mm2 * setup.light.light
    filtered = np.exp(-MOST_FILTER_MM * linear_attenuation_per_mm(material("Al"), setup.light.energy_keV))
    transfer_at = blur_at(setup.light, setup.fluence_per_mm2, setup.halo_at, setup.camera.pitch_mm)

    def sharp(name: str, diameter_mm: float, far_mm: float, *, hard: bool = False) -> EdgeFringe:
        return rod_fringe(
            material(name),
            diameter_mm,
            setup.light.energy_keV,
            bare * filtered if hard else bare,
            Propagation(SOURCE_TO_OBJECT_MM, far_mm),
            length_mm=LINE_MM,
            samples=2**16 if making.quick else 2**17,
        )

    def blurred(fringe: EdgeFringe, far_mm: float, source_mm: float) -> EdgeFringe:
        return blur_fringe(fringe, Propagation(SOURCE_TO_OBJECT_MM, far_mm, source_mm), transfer_at)

    waves = {
        (d, far, hard): sharp("chitin", d, far, hard=hard)
        for d in (LIMB_MM, FEELER_MM)
        for far, hard in ((DISTANCES_MM[0], False), (DISTANCES_MM[1], False), (DISTANCES_MM[1], True))
    }
    seen = [blurred(wave, far, source) for (_, far, _), wave in waves.items() for source in (*SOURCES_MM, SOURCE_MM)]
    contrasts = [fringe.contrast for fringe in seen]
    ratios = [fringe.contrast / np.ptp(fringe.rays) for fringe in seen]
    limb, needle = waves[LIMB_MM, OBJECT_TO_FILM_MM, False], sharp("steel", NEEDLE_MM, OBJECT_TO_FILM_MM)
    apart = blurred(sharp("chitin", LIMB_MM, FAR_MM), FAR_MM, SOURCES_MM[0])
    return Fringes(
        limb=(limb, blurred(limb, OBJECT_TO_FILM_MM, SOURCE_MM)),
        needle=(needle, blurred(needle, OBJECT_TO_FILM_MM, SOURCE_MM)),
        contrasts=(min(contrasts), max(contrasts)),
        ratios=(float(min(ratios)), float(max(ratios))),
        far_ratio=float(apart.contrast / np.ptp(apart.rays)),
    )


def phase_number(found: Fringes) -> Number:
    """The number that decides on phase contrast: what the wave adds over what absorption makes. [1]

    Parameters
    ----------
    found : Fringes

    Returns
    -------
    number : Number
        Its band is over what is assumed of source, distance and limb.
    """
    limb = found.limb[1]
    return Number(
        PHASE_NUMBER,
        "1",
        float(limb.contrast / np.ptp(limb.rays)),
        None,
        "computed",
        found.ratios,
        "sources of 5 um to 1 mm, 5 to 50 mm to the film, 0 to 0.5 mm of aluminium, limbs of 0.1 to 1 mm: assumed",
    )


def beetle_with_needle(making: Making) -> PaperFigure:
    """A photograph, the fringes, and the quanta from X-ray to electron.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    setup, grey = film_and_camera(making), film_and_camera(making, "grey_camera")
    pictures = photographs(setup, beetle(NEEDLE_MM), making, upright=True)
    found = fringes(setup, making)
    tip, end = np.asarray(NEEDLE_TIP), np.asarray(NEEDLE_END)
    along = (end - tip) / np.linalg.norm(end - tip)
    first, last = (tuple((tip + part * along).tolist()) for part in (2.0, INSIDE_MM))
    contrast, noise = contrast_along(pictures, setup.camera.pitch_mm, (first, last), 0.1, (0.4, 0.8))
    green, without = quanta_of(setup, "green"), quanta_of(grey, "grey")
    dark, bright = quanta_band(setup, "green")
    phase = phase_number(found)
    verdict = judge(phase, PHASE_OVER_ABSORPTION, inf)
    needle = over_noise_of_1mm("the needle in the beetle", contrast / noise, NEEDLE_MM, setup.camera.pitch_mm)
    limb = found.limb[1]
    incident = float(setup.fluence_per_mm2.sum()) * setup.camera.pitch_mm**2
    numbers = [
        Number("contrast of the needle in the beetle", "1", contrast, None, "computed"),
        over_exposures("noise of a pixel", noise, noise=True),
        over_exposures("contrast of the needle over the noise of a pixel", contrast / noise),
        needle,
        number_behind(setup, "1 mm of chitin", "chitin", 1.0),
        number_behind(setup, "3 mm of chitin", "chitin", 3.0),
        number_behind(setup, "0.4 mm of steel", "steel", NEEDLE_MM),
        Number("fringe of a limb before any blur", "1", found.limb[0].contrast, None, "computed"),
        Number("fringe of a limb in the picture", "1", limb.contrast, None, "computed", found.contrasts),
        phase,
        Number("fringe of the needle in the picture", "1", found.needle[1].contrast, None, "computed"),
        Number(
            "fringe of a limb in the picture over the noise of a pixel", "1", limb.contrast / noise, None, "computed"
        ),
        Number(
            "the same over absorption, 500 mm to the film, source 5 um",
            "1",
            found.far_ratio,
            None,
            "computed",
            note="a set-up made for phase contrast",
        ),
        Number(
            "electrons for an absorbed X-ray photon",
            "1",
            green.electrons_per_absorbed,
            None,
            "computed",
            (dark.electrons_per_absorbed, bright.electrons_per_absorbed),
            LENSES_NOTE,
        ),
        Number(
            "DQE at zero frequency of a green pixel",
            "1",
            green.dqe,
            None,
            "computed",
            (dark.dqe, bright.dqe),
            LENSES_NOTE,
        ),
        Number("electrons of a green pixel in the open field", "1", incident * green.electrons, None, "computed"),
        Number("DQE at zero frequency without colour filters", "1", without.dqe, None, "computed"),
        Number("absorbed, over the incident X-ray photons", "1", green.absorbed, None, "computed"),
    ]
    seen = judge(needle, ROSE, inf)
    return PaperFigure(
        title="A beetle with a needle, by film and camera",
        status=status_of(seen, verdict),
        verdict=f"The needle {'is seen' if seen == 'supported' else 'is not surely seen'} within the beetle, with "
        f"{contrast:.2f} of contrast over {noise:.2f} of noise. At the edge of a limb a wave makes {limb.contrast:.1g} "
        f"of the open field behind the blur of source, film and pixels: {phase.ours:.2g} of what absorption makes "
        f"there, and {found.ratios[1]:.2g} at most over what is assumed, so that phase contrast is {verdict}. Through "
        f"the lens {green.electrons_per_absorbed:.2g} electrons are left of an absorbed X-ray photon, and the DQE of a "
        f"green pixel is {green.dqe:.2g}.",
        numbers=numbers,
        curves=_columns(found),
        drawing=_drawn(pictures[0], found, {"colour filters": green, "grey": without}),
        notes=(
            f"Film of 120 µm on a disk of 2 mm PMMA, {EXPOSURE_S:g} s of 278 µGy/s at 50 kV, a camera of f/2.8 at a "
            "tenth of life size with 6 µm pixels, source of 50 µm 300 mm before the beetle and 50 mm from there to the "
            "film: assumed; the paper names none of them. Scattered X-rays are left out.",
        ),
        decided_by=f"A millimetre of the needle has at least {ROSE:g} times its noise (Rose) at every exposure, and a "
        "wave makes more contrast at a limb's edge than absorption.",
        wrong_if="the bright rim of the needle is wider in a picture with the beetle 500 mm from the film than close "
        "to it: that is phase, and absorption only blurs.",
    )


def _columns(found: Fringes) -> dict[str, npt.NDArray[np.float64]]:
    """Fringes near an edge, 601 places to 0.3 mm either side of it."""
    around = np.linspace(-0.3, 0.3, 601)
    columns = {"from_edge_mm": around}
    for name, (sharp, blurred), diameter in (("limb", found.limb, LIMB_MM), ("needle", found.needle, NEEDLE_MM)):
        for kind, fringe in (("sharp", sharp), ("blurred", blurred)):
            for what in ("rays", "wave"):
                line = np.interp(around + 0.5 * diameter, fringe.x_mm, getattr(fringe, what))
                columns[f"{name}_{kind}_{what}"] = np.asarray(line)
    return columns


def _drawn(picture: npt.NDArray[np.float64], found: Fringes, accounts: dict[str, QuantaAccount]) -> Figure:
    figure, (whole, near, edge, quanta) = sheet(2, 2)
    whole.imshow(picture, cmap="gray", vmin=0, vmax=1.1 * float(np.percentile(picture, 98)))
    rows, cols = picture.shape
    part = (slice(rows // 4, rows // 4 + rows // 3), slice(cols // 4, cols // 4 + rows // 3))
    near.imshow(picture[part], cmap="gray", vmin=0, vmax=float(np.percentile(picture[part], 99)))
    for axes in (whole, near):
        axes.set_axis_off()
    around = np.linspace(-0.3, 0.3, 601)
    for (sharp, blurred), diameter, colour, name in (
        (found.limb, LIMB_MM, "C0", "1 mm of chitin"),
        (found.needle, NEEDLE_MM, "C1", "0.4 mm of steel"),
    ):
        at = around + 0.5 * diameter
        edge.plot(1e3 * around, np.interp(at, sharp.x_mm, sharp.wave), color=colour, linewidth=0.6, alpha=0.6)
        edge.plot(
            1e3 * around, np.interp(at, blurred.x_mm, blurred.wave), color=colour, label=f"{name}, in the picture"
        )
        edge.plot(1e3 * around, np.interp(at, blurred.x_mm, blurred.rays), "k:", linewidth=1.0)
    edge.plot([], [], "k:", label="absorption alone")
    edge.plot([], [], "0.4", linewidth=0.6, label="thin: before any blur")
    edge.set(xlabel="from the edge (µm)", ylabel="over the open field")
    edge.legend(fontsize=8)
    for name, one in accounts.items():
        counts = (1.0, one.absorbed, one.made, one.in_plate, one.in_lens, one.electrons)
        quanta.semilogy(range(len(STAGES)), counts, "o-", label=name)
    quanta.set_xticks(range(len(STAGES)), STAGES, rotation=25, fontsize=8)
    quanta.axhline(1.0, color="0.6", linewidth=0.8)
    quanta.set(ylabel="quanta for one X-ray photon")
    quanta.legend(fontsize=8)
    return figure
