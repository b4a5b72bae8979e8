"""Pictures of a film on a disk by a digital camera, for Fig. 3d to f and Extended Data Fig. 11."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom, Vector, move_phantom
from radiography.analysis.patterns import contrast_of_strip
from radiography.beam.attenuation import material
from radiography.beam.spectrum import beam_spectrum
from radiography.camera.accounting import QuantaAccount, account_for_quanta
from radiography.camera.camera import Camera, efficiency_of
from radiography.camera.exposure import (
    blur_at,
    expose_film,
    film_shadow,
    green_signal,
    read_sensor,
    sensor_electrons,
)
from radiography.camera.film_light import FilmLight, film_light, light_behind
from radiography.camera.lens import lens_share, plate_halo, plate_share, share_map
from radiography.config import load_beam, load_camera, load_scintillator
from radiography.figures.paper.parts import Making, Number
from radiography.projection.geometry import Geometry

FILM = "CsPbBr3_75um"
THICKNESS_UM = 120.0  # assumed: that of the paper's sensing detector
PLATE_INDEX, PLATE_MM = 1.49, 2.0  # of PMMA; thickness assumed
FILM_REFLECTANCE = 0.4  # of light that the disk sends back   # assumed: .2 to .6
RATE_UGY_PER_S = 278.0  # the highest of the paper's sensing detector
EXPOSURE_S = 60.0  # assumed: the paper names no exposure
EXPOSURES_S = (10.0, 300.0)  # assumed: the band
LENSES = ((4.0, 0.05), (1.4, 0.5))  # f-number and magnification of the band's ends   # assumed
MOST_FILTER_MM = 0.5  # of aluminium; the paper names none   # assumed
SOURCE_TO_OBJECT_MM, OBJECT_TO_FILM_MM = 300.0, 50.0  # assumed
SOURCE_MM = 0.05  # assumed: small, in favour of fringes
ROWS, COLS = 480, 640  # part of the sensor that is shown   # chosen
SEED = 2018
ROSE = 5.0  # contrast over noise that is surely seen: Rose, J. Opt. Soc. Am. 38, 196 (1948)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FilmAndCamera:
    """What all pictures share: light of the film, beam on it, camera, and what the disk does to the light."""

    light: FilmLight
    fluence_per_mm2: FloatArray
    emission: FloatArray
    camera: Camera
    halo_at: Callable[[FloatArray], FloatArray]
    halo_gain: float


@functools.lru_cache(maxsize=2)
def _film(histories: int, photons: int, cache_folder: Path | None) -> tuple[FilmLight, FloatArray]:
    """Light of the film at the energies of the beam, and the photons of an exposure. [1/mm2]"""
    kerma = RATE_UGY_PER_S * EXPOSURE_S
    spectrum = beam_spectrum(load_beam("gold_end_window"), kerma, 1.0, cache_folder)
    used = spectrum.energy_keV >= 1.0
    light = film_light(
        load_scintillator(FILM),
        THICKNESS_UM,
        spectrum.energy_keV[used],
        plate_index=PLATE_INDEX,
        histories=histories,
        photons=photons,
        cache_folder=cache_folder,
    )
    return light, spectrum.fluence_per_mm2[used]


def film_and_camera(making: Making, camera_name: str = "still_camera") -> FilmAndCamera:
    """Film on its disk under the gold tube at 50 kV, and a shipped camera.

    Parameters
    ----------
    making : Making
    camera_name : str

    Returns
    -------
    setup : FilmAndCamera
    """
    light, fluence = _film(making.histories(20_000), making.histories(200_000), making.cache_folder)
    emission = (fluence * light.light) @ light.emission
    halo_at, gain = plate_halo(PLATE_INDEX, PLATE_MM, FILM_REFLECTANCE)
    return FilmAndCamera(light, fluence, emission, load_camera(camera_name), halo_at, gain)


def quanta_of(setup: FilmAndCamera, colour: str) -> QuantaAccount:
    """Quanta from X-ray to electron in pixels of a colour on the axis.

    Parameters
    ----------
    setup : FilmAndCamera
    colour : str
        As for `efficiency_of`.

    Returns
    -------
    account : QuantaAccount
    """
    share = setup.halo_gain * plate_share(PLATE_INDEX) * float(lens_share(setup.camera.lens))
    efficiency = efficiency_of(setup.camera, colour, setup.light.wavelength_nm, setup.emission)
    return account_for_quanta(setup.light, setup.fluence_per_mm2, share, efficiency)


def quanta_band(setup: FilmAndCamera, colour: str) -> tuple[QuantaAccount, QuantaAccount]:
    """`quanta_of` the darkest and of the brightest lens of those assumed, `LENSES`.

    Parameters
    ----------
    setup : FilmAndCamera
    colour : str

    Returns
    -------
    darkest, brightest : QuantaAccount
    """
    lens = setup.camera.lens
    darkest, brightest = (
        quanta_of(
            replace(setup, camera=replace(setup.camera, lens=replace(lens, f_number=f, magnification=size))), colour
        )
        for f, size in LENSES
    )
    return darkest, brightest


def camera_geometry(setup: FilmAndCamera, rows: int, cols: int) -> Geometry:
    """Source and film, with the camera's pixels on it.

    Parameters
    ----------
    setup : FilmAndCamera
    rows, cols : int
        [1]

    Returns
    -------
    geometry : Geometry
    """
    distance = SOURCE_TO_OBJECT_MM + OBJECT_TO_FILM_MM
    return Geometry(distance, rows, cols, setup.camera.pitch_mm, focal_spot_mm=SOURCE_MM, focal_spot_shape="gaussian")


def photographs(setup: FilmAndCamera, phantom: Phantom, making: Making, *, upright: bool = False) -> list[FloatArray]:
    """Two exposures of an object, (H, W) float64 each: the green of every pixel over that of the open field. [1]

    Parameters
    ----------
    setup : FilmAndCamera
    phantom : Phantom
        In its own coordinates; it is placed between source and film. [mm]
    making : Making
    upright : bool
        Whether the picture is higher than wide.

    Returns
    -------
    pictures : list of (H, W) float64
        [1]
    """
    rows, cols = (COLS, ROWS) if upright else (ROWS, COLS)
    geometry, camera = camera_geometry(setup, rows, cols), setup.camera
    placed = move_phantom(phantom, (0.0, 0.0, OBJECT_TO_FILM_MM))
    shadow = film_shadow(placed, geometry, setup.light, setup.fluence_per_mm2, 1 if making.quick else 2)
    transfer_at = blur_at(setup.light, setup.fluence_per_mm2, setup.halo_at)
    share = setup.halo_gain * plate_share(PLATE_INDEX) * share_map(camera.lens, rows, cols, camera.pitch_mm)
    unattenuated = float(setup.fluence_per_mm2 @ setup.light.light) * camera.pitch_mm**2
    line = (setup.light.wavelength_nm, setup.emission)
    level = unattenuated * share * efficiency_of(camera, "grey" if camera.sensor.mosaic == "grey" else "green", *line)
    dark = camera.sensor.dark_electrons_per_s * EXPOSURE_S
    pictures = []
    for number in range(2):
        rng = np.random.default_rng([SEED, number])
        electrons = sensor_electrons(expose_film(shadow, geometry, transfer_at, rng), share, camera, *line)
        signal = green_signal(read_sensor(electrons, camera, EXPOSURE_S, rng), camera)
        pictures.append((signal - dark) / level)
    return pictures


def contrast_along(
    pictures: list[FloatArray],
    pitch_mm: float,
    ends_mm: tuple[Vector, Vector],
    inside_mm: float,
    beside_mm: tuple[float, float],
) -> tuple[float, float]:
    """`contrast_of_strip` of two photographs, its lengths in the object, z of a few mm left out.

    Parameters
    ----------
    pictures : list of (H, W) float64
        Two exposures alike. [1]
    pitch_mm : float
        Of the pixels on the film. [mm]
    ends_mm, inside_mm, beside_mm
        As there, in the object's coordinates. [mm]

    Returns
    -------
    contrast, noise : float
        [1]
    """
    size = (SOURCE_TO_OBJECT_MM + OBJECT_TO_FILM_MM) / SOURCE_TO_OBJECT_MM  # on the film
    first, last = ((end[0], end[1]) for end in ends_mm)
    return contrast_of_strip(pictures[0], pictures[1], pitch_mm / size, (first, last), inside_mm, beside_mm)


def number_behind(setup: FilmAndCamera, words: str, name: str, thickness_mm: float) -> Number:
    """`camera.film_light.light_behind` as a number of a figure, its band over the filter of the tube.

    Parameters
    ----------
    setup : FilmAndCamera
    words : str
        Of what.
    name, thickness_mm
        Material and thickness. [mm]

    Returns
    -------
    number : Number
    """
    shadow, beam = material(name), setup.fluence_per_mm2
    bare, hard = (light_behind(setup.light, beam, shadow, thickness_mm, each) for each in (0.0, MOST_FILTER_MM))
    note = f"0 to {MOST_FILTER_MM:g} mm of aluminium before the tube: assumed"
    return Number(f"light left behind {words}", "1", bare, None, "computed", (bare, hard), note)


def over_noise_of_1mm(part: str, of_pixel: float, width_mm: float, pitch_mm: float) -> Number:
    """Contrast over the noise of the mean of a millimetre of a long part, as its pixels make it.

    Parameters
    ----------
    part : str
        What is long.
    of_pixel : float
        Contrast over the noise of a pixel. [1]
    width_mm, pitch_mm : float
        Of the part, and of pixels, both at the film; noise of single electrons knows no neighbours. [mm]

    Returns
    -------
    number : Number
    """
    return over_exposures(
        f"contrast of {part} over the noise of 1 mm of it", of_pixel * (width_mm * 1.0) ** 0.5 / pitch_mm
    )


def over_exposures(name: str, ours: float, *, noise: bool = False) -> Number:
    """A number whose band is that of the exposures assumed, where electrons make the noise.

    Parameters
    ----------
    name : str
        Of what.
    ours : float
        A contrast over the noise, which grows as the root of the exposure, or the noise itself. [1]
    noise : bool
        Whether it is the noise, which falls as the root.

    Returns
    -------
    number : Number
    """
    longer = [(seconds / EXPOSURE_S) ** 0.5 for seconds in EXPOSURES_S]
    ends = [ours / each if noise else ours * each for each in longer]
    words = " to ".join(f"{seconds:g}" for seconds in EXPOSURES_S)
    return Number(name, "1", ours, None, "computed", (min(ends), max(ends)), f"exposures of {words} s: assumed")
