"""One exposure of film and camera: the object's shadow as light in the plate, electrons of the sensor, the raw picture.

X-ray quanta make noise first, and spread as the signal does; each of the few light photons that reach the sensor then
makes noise of its own. Scattered X-rays, the lens's own blur and the sensor's fixed pattern are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from radiography.camera.camera import COLOURS, Camera, efficiency_of
from radiography.camera.film_light import FilmLight, transfer_between, transfer_of_beam
from radiography.camera.mosaic import colour_numbers, demosaic
from radiography.light.spread import plan_light_spread, spread_light
from radiography.noise import draw_portions
from radiography.projection.geometry import Geometry
from radiography.projection.project import project

SAMPLES = 2  # per pixel and axis   # chosen

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]


def film_shadow(
    phantom: Phantom | None,
    geometry: Geometry,
    light: FilmLight,
    fluence_per_mm2: npt.ArrayLike,
    rays_per_sample: int = 2,
) -> Picture:
    """X-ray quanta and their light in each sample of the film behind an object.

    Parameters
    ----------
    phantom : Phantom or None
        What stands in the beam. [mm]
    geometry : Geometry
        Source and film, with the pixels of the camera as they lie on the film. [mm]
    light : FilmLight
        At the energies of the beam.
    fluence_per_mm2 : (E,) float64
        Photons at the film without object. [1/mm2]
    rays_per_sample : int
        Per axis. [1]

    Returns
    -------
    shadow : (3, H * S, W * S) float32
        Mean quanta that are absorbed, mean of their light in the plate, and of its square, with S of `SAMPLES`. [1]

    Raises
    ------
    ValueError
        As `projection.project`.
    """
    sample_mm2 = (geometry.pitch_mm / SAMPLES) ** 2
    weights = sample_mm2 * np.asarray(fluence_per_mm2) * np.stack([light.quanta, light.light, light.light_square])
    return project(
        phantom,
        geometry,
        light.energy_keV,
        weights,
        samples_per_pixel=SAMPLES,
        rays_per_sample=rays_per_sample,
    )


def expose_film(
    shadow: Picture,
    geometry: Geometry,
    transfer_at: Callable[[FloatArray], FloatArray],
    rng: np.random.Generator | None = None,
) -> Picture:
    """Light that each pixel of the camera sees in the plate during one exposure.

    Parameters
    ----------
    shadow : (3, H * S, W * S) float32
        Of `film_shadow`.
    geometry : Geometry
        That of the shadow.
    transfer_at : callable
        Frequencies (F,) [1/mm] to the modulation transfer of film and plate (F,), of `blur_at`. [1]
    rng : numpy.random.Generator, optional
        Draws the X-ray quanta; without one the mean is given. Same state, same picture, for any number of threads.

    Returns
    -------
    light : (H, W) float32
        Photons that enter the plate from the area of a pixel, for the first time. [1]
    """
    quanta, total, square = shadow
    drawn = total if rng is None else draw_portions(quanta, total, square, rng)
    plan = plan_light_spread(geometry.rows, geometry.cols, geometry.pitch_mm, geometry.pitch_mm, transfer_at, SAMPLES)
    # what a narrow peak rings by is no light
    return np.asarray(np.maximum(spread_light(drawn, plan), 0.0), dtype=np.float32)


def blur_at(
    light: FilmLight,
    fluence_per_mm2: npt.ArrayLike,
    halo_at: Callable[[FloatArray], FloatArray] | None = None,
    pixel_mm: float = 0.0,
) -> Callable[[FloatArray], FloatArray]:
    """Modulation transfer of film, plate and pixels for a beam.

    Parameters
    ----------
    light : FilmLight
        At the energies of the beam.
    fluence_per_mm2 : (E,) float64
        Photons of each energy, on any scale. [1]
    halo_at : callable, optional
        Transfer of the plate's halo, of `lens.plate_halo`.
    pixel_mm : float
        Side of a pixel on the film; 0 leaves pixels out, as `expose_film` needs it. [mm]

    Returns
    -------
    transfer_at : callable
        Frequencies along an axis (F,) [1/mm] to the transfer (F,). [1]
    """
    transfer = transfer_of_beam(light, fluence_per_mm2)

    def transfer_at(frequency: FloatArray) -> FloatArray:
        film = transfer_between(frequency, light.frequency_per_mm, transfer) * np.sinc(frequency * pixel_mm)
        return film if halo_at is None else film * halo_at(frequency)

    return transfer_at


def sensor_electrons(
    light: Picture, share: npt.ArrayLike, camera: Camera, wavelength_nm: npt.ArrayLike, emission: npt.ArrayLike
) -> FloatArray:
    """Mean electrons that light in the plate makes in each pixel of the sensor.

    Parameters
    ----------
    light : (H, W) float32
        Photons in the plate. [1]
    share : (H, W) float64 or float
        Of them that pass the lens. [1]
    camera : Camera
    wavelength_nm, emission : (L,) float64
        Of the light. [nm, 1]

    Returns
    -------
    electrons : (H, W) float64
        [electrons]
    """
    if camera.sensor.mosaic == "grey":
        efficiency: npt.NDArray[np.float64] | float = efficiency_of(camera, "grey", wavelength_nm, emission)
    else:
        by_colour = np.array([efficiency_of(camera, colour, wavelength_nm, emission) for colour in COLOURS])
        efficiency = by_colour[colour_numbers(*light.shape)]
    return np.asarray(light * np.asarray(share) * efficiency, dtype=np.float64)


def read_sensor(
    electrons: npt.ArrayLike, camera: Camera, exposure_s: float, rng: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """Raw picture of a camera.

    Parameters
    ----------
    electrons : (H, W) float64
        Mean electrons by light. [electrons]
    camera : Camera
    exposure_s : float
        Time that dark current is collected. [s]
    rng : numpy.random.Generator
        Draws electrons and read noise.

    Returns
    -------
    raw_dn : (H, W) uint16
        [DN]

    Raises
    ------
    ValueError
        If the electrons or the time are negative.
    """
    mean = np.asarray(electrons, dtype=np.float64)
    if not (mean >= 0).all():
        raise ValueError(f"electrons of a sensor must be zero or positive, got {mean.min()} as the lowest")
    if not (np.isfinite(exposure_s) and exposure_s >= 0):
        raise ValueError(f"exposure_s must be zero or a positive time, got {exposure_s}")
    sensor = camera.sensor
    collected = rng.poisson(mean + sensor.dark_electrons_per_s * exposure_s).astype(np.float64)
    held = np.minimum(collected, sensor.full_well_electrons)
    read = held + sensor.read_noise_electrons * rng.standard_normal(mean.shape)
    dn = np.rint(read / sensor.electrons_per_dn + sensor.black_dn)
    return np.clip(dn, 0, 2**sensor.bits - 1).astype(np.uint16)


def green_signal(raw_dn: npt.ArrayLike, camera: Camera) -> FloatArray:
    """Electrons of each pixel from a raw picture: the green of a mosaic at every pixel, or all of a grey sensor.

    Parameters
    ----------
    raw_dn : (H, W) uint16
        [DN]
    camera : Camera

    Returns
    -------
    electrons : (H, W) float64
        Without the black level, with dark current. [electrons]
    """
    signal = (np.asarray(raw_dn, dtype=np.float64) - camera.sensor.black_dn) * camera.sensor.electrons_per_dn
    return signal if camera.sensor.mosaic == "grey" else np.asarray(demosaic(signal)[..., 1])
