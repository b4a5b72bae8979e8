"""Fig. 4f: a phone on coated and on bare photodiodes of one panel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calibration.correct import correct_frame
from phantoms.phone.outline import LENGTH_MM
from phantoms.solids import rotation_matrix
from radiography.acquire import Acquisition, Exposure, acquire_sequence, expose
from radiography.analysis.detector_qc.snr import median_snr
from radiography.analysis.patterns import detail_left
from radiography.config import DATA_FOLDER, load_scene
from radiography.figures.paper.panel_pictures import learned
from radiography.figures.paper.parts import Making, Number, PaperFigure, judge, status_of
from radiography.panel.direct_detection import STACK_HISTORIES
from radiography.panel.panel import Panel
from radiography.parts import load_parts
from radiography.plan import plan_parts
from radiography.study.pixel_charge import BAND_HISTORIES, pixel_snr, planned_pixel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILM = "CsPbBr3_75um"
PANEL = "paper_prototype"
PIXELS, QUICK_PIXELS = 574, 384  # side of the part that is looked at: all of the coating, 80 mm   # chosen
COATINGS_MM = {"coated": 80.0, "bare": 1e-3}  # side of the coating; the second lies between the pixels' centres
TURN_DEG = 2.0  # of the phone, so that its edges do not run along the pixels   # chosen
DARKS, FLATS = 8, 8  # frames without a beam, and in the open beam   # chosen
BRIGHTER = 10.0  # dose of the flats that the panel is learnt from: bare diodes see too little at 15 uGy   # chosen
SEED = 4
NITRIDE_UM = (0.0, 0.3, 1.0, 3.0, 10.0)  # range of the panel's passivation, and within
FAINT = 0.5  # of the coated side: what is called fainter and noisier   # chosen
CLOSE_MM = (13.0, 11.0)  # half of the enlarged part along rows and columns   # chosen
CLOSE_AT_MM = (-57.5, -15.0)  # its middle on the phone, y and x: a camera and the board   # chosen
DARKEST, BRIGHTEST = 0.035, 1.15  # window of the pictures, relative to the open field
DETAIL_PER_MM, COARSE_PER_MM = (1.8, 2.2), (0.3, 0.6)  # rings of frequencies that are compared

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Side:
    """Part of a panel, coated or bare: its flat exposure as planned, and what it makes of flats and of the phone.

    ``flats`` (N, H, W) are less their dark mean [DN]; ``phone`` (H, W) is one frame corrected by what brighter flats
    and darks tell of the panel [DN], and ``mean_electrons`` (H, W) the charge of its exposure, without noise.
    """

    flat: Acquisition
    flats: Array
    phone: Array
    mean_electrons: Array

    @property
    def picture(self) -> Array:
        """First frame of the phone, relative to the open field. [1]"""
        return np.asarray(self.phone / np.median(self.flats), dtype=np.float32)


def planned_side(scene_name: str, coating_mm: float, pixels: int, rays: int = 2) -> Acquisition:
    """A shipped scene on the middle of the prototype, with the film on so much of it.

    Parameters
    ----------
    scene_name : str
        "phone", which is turned and moved until its upper half is seen, "flat" or "dark".
    coating_mm : float
        Side of the coating. [mm]
    pixels : int
        Side of the part that is looked at. [1]
    rays : int
        Per sample and axis. [1]

    Returns
    -------
    acquisition : Acquisition
    """
    scene = load_scene(scene_name)
    sampling = replace(scene.sampling, rays_per_sample=rays)
    scene = replace(scene, scintillator=FILM, panel=PANEL, sampling=sampling)
    if scene.phantom is not None:
        _, height = scene.phantom.position_mm[1:]
        place = (0.0, _down_mm(), height)
        scene = replace(scene, phantom=replace(scene.phantom, position_mm=place, rotation_deg=(0.0, 0.0, TURN_DEG)))
    changes = {
        "pixels.rows": pixels,
        "pixels.cols": pixels,
        "coating.rows_mm": coating_mm,
        "coating.cols_mm": coating_mm,
    }
    return plan_parts(load_parts(scene, DATA_FOLDER / "scenes", {"panel": changes}))


def _down_mm() -> float:
    """How far the phone is moved down, for its upper edge to be seen. [mm]"""
    return 0.5 * LENGTH_MM - 36.0


def exposed_side(side: str, making: Making) -> Side:
    """Frames of a part of the prototype, with the phone and without.

    Parameters
    ----------
    side : str
        "coated" or "bare".
    making : Making

    Returns
    -------
    side : Side
    """
    pixels, rays = (QUICK_PIXELS, 1) if making.quick else (PIXELS, 2)
    rng = np.random.default_rng([SEED, list(COATINGS_MM).index(side)])
    coating_mm = COATINGS_MM[side]
    dark, flat, phone = (planned_side(name, coating_mm, pixels, rays) for name in ("dark", "flat", "phone"))
    darks = _frames(dark, None, DARKS, rng)
    open_beam = expose(flat)
    flats, bright = (_frames(flat, open_beam, FLATS, rng, times) for times in (1.0, BRIGHTER))
    exposure = expose(phone)
    assert exposure is not None
    (frame,) = _frames(phone, exposure, 1, rng)
    diode, per_photon = flat.panel.photodiode, phone.quantum_efficiency * phone.panel.photodiode.fill_factor
    electrons = per_photon * exposure.spread_light + exposure.diode_energy_keV * (1e3 / diode.energy_per_electron_eV)
    return Side(
        flat=flat,
        flats=np.stack(flats) - np.mean(darks, axis=0, dtype=np.float32),
        phone=np.asarray(correct_frame(frame, learned(flat, darks, bright)).corrected_dn),
        mean_electrons=electrons.astype(np.float32),
    )


def _frames(
    acquisition: Acquisition, exposure: Exposure | None, count: int, rng: np.random.Generator, times: float = 1.0
) -> list[npt.NDArray[np.uint16]]:
    """Single raw frames (H, W) of so many times the exposure, each of a panel long read in the dark. [DN]"""
    return [next(iter(acquire_sequence(acquisition, exposure, 1, rng, [times]))) for _ in range(count)]


def with_nitride(panel: Panel, thickness_um: float) -> Panel:
    """The panel with another passivation; 0 for none. [um]

    Parameters
    ----------
    panel : Panel
        Whose stack begins with silicon nitride.
    thickness_um : float
        [um]

    Returns
    -------
    panel : Panel
    """
    first, *rest = panel.stack
    assert first.material == "silicon_nitride"
    above = (replace(first, thickness_um=thickness_um),) if thickness_um > 0 else ()
    return replace(panel, stack=(*above, *rest))


def phone_on_both(making: Making) -> PaperFigure:
    """One exposure of 15 uGy of the upper half of a phone on the coated and on a bare part of the prototype.

    Parameters
    ----------
    making : Making

    Returns
    -------
    figure : PaperFigure
    """
    coated, bare = (exposed_side(side, making) for side in COATINGS_MM)
    flat = coated.flat
    dose, pitch = flat.scene.beam.air_kerma_uGy, flat.panel.pixels.pitch_mm
    given = flat.panel.stack[0].thickness_um
    thicknesses = NITRIDE_UM[::2] if making.quick else NITRIDE_UM
    nominal = thicknesses.index(given)
    # those of the panel as it is are in the cache already, from planning it
    counts = [STACK_HISTORIES if t == given else making.histories(BAND_HISTORIES) for t in thicknesses]
    pixels = {
        t: tuple(
            planned_pixel(flat, with_nitride(flat.panel, t), covered=covered, histories=count)
            for covered in (True, False)
        )
        for t, count in zip(thicknesses, counts, strict=True)
    }
    means = np.array([under.signal for _, under in pixels.values()]) / [over.signal for over, _ in pixels.values()]
    snrs = np.array([[pixel_snr(each, dose) for each in pair] for pair in pixels.values()])
    shares = np.array([over.from_diode / over.signal for over, _ in pixels.values()])
    ratio = float(np.median(bare.flats.mean(axis=0)) / np.median(coated.flats.mean(axis=0)))
    snr = [median_snr(side.flats) for side in (coated, bare)]
    over, under = pixels[given]
    low_yield, high_yield = flat.scintillator.light.yield_range_per_keV or (1.0, 1.0)
    by_yield = [
        under.signal / (over.from_diode + over.from_light * y / flat.scintillator.light.yield_per_keV)
        for y in (high_yield, low_yield)
    ]
    stack = ", ".join(f"{s.thickness_um:g} µm {s.material.replace('_', ' ')}" for s in flat.panel.stack[:4])
    ranged = "band: 0 to 10 um of silicon nitride"

    def banded(name: str, ours: float, computed: FloatArray, note: str = ranged) -> Number:
        scaled = computed * (ours / computed[nominal])
        return Number(name, "1", ours, None, "computed", (float(scaled.min()), float(scaled.max())), note)

    scale = ratio / float(means[nominal])
    numbers = [
        banded("mean of bare diodes over coated ones, 15 uGy", ratio, means),
        Number(
            "the same, over light yields",
            "1",
            ratio,
            None,
            "computed",
            (by_yield[0] * scale, by_yield[1] * scale),
            f"band: {low_yield:g} to {high_yield:g} photons per keV",
        ),
        banded("SNR of bare diodes over coated ones, 15 uGy", snr[1] / snr[0], snrs[:, 1] / snrs[:, 0]),
        banded("SNR of a pixel, coated", snr[0], snrs[:, 0]),
        banded("SNR of a pixel, bare", snr[1], snrs[:, 1]),
        banded("share of a coated pixel's charge that X-rays free in the diode", float(shares[nominal]), shares),
        Number(
            "X-rays that a bare diode sees",
            "1",
            float(bare.flat.bare_diode_weights[0].sum()),
            None,
            "computed",
            None,
            f"of {over.quanta * dose:.0f} on the pixel",
        ),
        Number(
            "detail at 2 /mm on coated over bare pixels",
            "1",
            detail_left(coated.mean_electrons, bare.mean_electrons, pitch, DETAIL_PER_MM, COARSE_PER_MM),
            None,
            "computed",
            None,
            "of the phone, before noise",
        ),
    ]
    fainter, noisier = judge(numbers[0], 0.0, FAINT), judge(numbers[2], 0.0, FAINT)
    return PaperFigure(
        title="A phone on coated and on bare photodiodes",
        status=status_of(fainter, noisier, judge(numbers[-1], 0.0, 1.0)),
        verdict="Bare diodes give a picture too, sharp, faint and noisy, as the paper shows: electrons that X-rays "
        f"free in contact, cover and glass end in them. It has {ratio:.0%} of the signal and {snr[1] / snr[0]:.0%} of "
        "the SNR; the paper gives no number.",
        numbers=numbers,
        curves={
            "nitride_um": np.array(thicknesses),
            "bare_over_coated_mean": means,
            "bare_over_coated_snr": snrs[:, 1] / snrs[:, 0],
            "coated_snr": snrs[:, 0],
            "bare_snr": snrs[:, 1],
            "direct_share": shares,
        },
        drawing=_drawing({"coated": coated.picture, "bare": bare.picture}, ratio, snr, pitch),
        notes=(
            f"Between film and glass: {stack}, then contact and glass: assumed.",
            "Simulated phone after common ones, 71 mm x 147 mm: assumed. Its upper half on the coating, and where "
            "there is none; the same place, tube and dose.",
            "Each picture over its own flat field: the bare one is shown so many times brighter.",
        ),
        decided_by=f"Bare diodes have less than {FAINT:g} times the mean and the SNR of coated ones over all nitrides, "
        "and keep more of the detail at 2 /mm.",
        wrong_if="the same panel without a film gives more than a quarter of the signal of a coated part, or a picture "
        "that is as soft.",
    )


def _drawing(pictures: dict[str, Array], ratio: float, snr: list[float], pitch_mm: float) -> Figure:
    """Both pictures side by side, and a part of each enlarged."""
    from radiography.figures.paper.parts import sheet

    figure, axes = sheet(2, 2)
    figure.set_size_inches(11.2, 11.0)
    titles = (f"coated, SNR {snr[0]:.1f}", f"bare diodes, SNR {snr[1]:.1f}, shown {1.0 / ratio:.1f} times as bright")
    for number, (picture, title) in enumerate(zip(pictures.values(), titles, strict=True)):
        size = len(picture)
        x, y, _ = rotation_matrix((0.0, 0.0, TURN_DEG)) @ np.array([CLOSE_AT_MM[1], CLOSE_AT_MM[0], 0.0])
        middle = [min(max(0.5 * size + at / pitch_mm, 0.0), size) for at in (y + _down_mm(), x)]
        rows, cols = (
            slice(max(0, round(at - half / pitch_mm)), min(size, round(at + half / pitch_mm)))
            for at, half in zip(middle, CLOSE_MM, strict=True)
        )
        _show(axes[number], picture, title)
        _show(axes[2 + number], picture[rows, cols], "enlarged")
    return figure


def _show(axes: Axes, picture: Array, title: str) -> None:
    shown = np.log(np.maximum(picture, 0.5 * DARKEST))  # negative noise has no logarithm
    axes.imshow(shown, cmap="gray", vmin=np.log(DARKEST), vmax=np.log(BRIGHTEST), interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize=11, loc="left")
