"""The picture of an imported scene as its own, ideal detector has it: grey values that are linear in energy.

All energy that arrives counts, or what a scintillator of the scenario absorbs of it; grey values run from imin without
beam to imax at the brightest place of the open beam. Noise goes with the square root of the signal; unsharpness is a
Gaussian beside the aperture of the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import beam_spectrum, filtered
from radiography.beam.tube import Beam
from radiography.interaction.absorption import cached_layer_response
from radiography.interaction.beam_absorption import frame_weights
from radiography.interaction.photon_tables import MIN_TRACKED_KEV
from radiography.projection.geometry import Geometry
from radiography.projection.project import project
from radiography.scenarios.imported import ForeignTube, ImportedScene
from radiography.scenarios.write import foreign_phantom, own_layer, own_materials

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]
DIP = 0.2  # ASTM E2002 and E2698: the wire pair that is just resolved dips by 20 %
_SAMPLES = 4  # per pixel and axis   # chosen: a step edge then errs by less than 1e-3 of its height
_HISTORIES = 20_000  # photons traced through a layer at each energy   # chosen: 0.5 % of the energy left
_RAYS = 8  # per sample and axis, where a surface crosses it   # chosen
_SHARP_RAYS = 16  # of a point source, whose edges no spot smooths: 64 x 64 in a pixel that one crosses   # chosen


@dataclass(frozen=True, eq=False)
class IdealPictures:
    """Object and open beam as an ideal detector has them, (rows, cols) uint16 grey values."""

    projection: npt.NDArray[np.uint16]
    flat: npt.NDArray[np.uint16]


def ideal_pictures(scene: ImportedScene, seed: int = 1) -> IdealPictures:
    """Pictures of an imported scene by its own ideal detector.

    Parameters
    ----------
    scene : ImportedScene
        As it was understood.
    seed : int
        Of the noise. [1]

    Returns
    -------
    pictures : IdealPictures
        The flat has no noise where the scenario says that its flat field is ideal.

    Raises
    ------
    ValueError, OSError
        If a mesh or a spectrum cannot be read.
    """
    detector, tube = scene.detector, scene.tube
    energy_keV, photons = tube_spectrum(tube, 0.0 if scene.vacuum else scene.view.source_to_detector_mm)
    weights = (counted_keV(scene, energy_keV) * photons)[np.newaxis]
    geometry = Geometry(
        source_to_detector_mm=scene.view.source_to_detector_mm,
        rows=detector.rows,
        cols=detector.cols,
        pitch_mm=detector.pitch_mm,
        panel_shift_mm=scene.view.panel_shift_mm,
        focal_spot_mm=tube.spot_mm[0],
        focal_spot_shape=tube.spot_shape,
        focal_spot_height_mm=tube.spot_mm[1] if tube.spot_mm[1] > 0 else None,
        medium="vacuum" if scene.vacuum else "air",
    )
    phantom = foreign_phantom(scene)
    rays = _SHARP_RAYS if max(tube.spot_mm) == 0.0 else _RAYS
    open_beam = project(None, geometry, energy_keV, weights, samples_per_pixel=1, rays_per_sample=rays)[0]
    arrived = open_beam
    if phantom is not None:
        sums = project(
            phantom,
            geometry,
            energy_keV,
            weights,
            samples_per_pixel=_SAMPLES,
            rays_per_sample=rays,
            materials=own_materials(scene),
        )[0]
        arrived = sums.reshape(detector.rows, _SAMPLES, detector.cols, _SAMPLES).mean(axis=(1, 3), dtype=np.float32)
    if detector.basic_resolution_mm is not None:
        from scipy.ndimage import gaussian_filter

        sigma_px = gaussian_sigma_mm(detector.basic_resolution_mm, detector.pitch_mm) / detector.pitch_mm
        if sigma_px > 0:
            arrived, open_beam = (gaussian_filter(each, sigma_px, mode="nearest") for each in (arrived, open_beam))
    brightest = float(open_beam.max())
    rng = np.random.default_rng(seed)
    snr = detector.snr
    flat_snr = None if scene.flat_is_ideal else snr
    limit = 2**detector.bits - 1
    return IdealPictures(
        _grey(arrived / brightest, detector.grey, snr, limit, rng),
        _grey(open_beam / brightest, detector.grey, flat_snr, limit, rng),
    )


def counted_keV(scene: ImportedScene, energy_keV: FloatArray) -> FloatArray:
    """Energy that counts of one photon of each energy, (E,) float64. [keV]

    Parameters
    ----------
    scene : ImportedScene
        Whose detector is ideal, or has a scintillator.
    energy_keV : (E,) float64
        Photon energies. [keV]

    Returns
    -------
    counted_keV : (E,) float64
        All of it, or the mean that the layer absorbs: fluorescence and scatter that leave it are lost. [keV]

    Raises
    ------
    ValueError
        If the layer's material is not known, or an energy is above those that are traced.
    """
    layer, made_of = scene.detector.layer, own_layer(scene)
    if layer is None or made_of is None:
        return energy_keV
    traced_keV = np.unique(np.maximum(energy_keV, MIN_TRACKED_KEV))
    response = cached_layer_response(made_of, layer[1], traced_keV, _HISTORIES)
    absorbed_keV = frame_weights(response, np.maximum(energy_keV, MIN_TRACKED_KEV))[1]
    return np.asarray(np.minimum(absorbed_keV, energy_keV))


def _grey(
    relative: Picture, grey: tuple[float, float], snr: float | None, limit: int, rng: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """Whole grey values of a signal that is 1 at the brightest place of the open beam."""
    signal = relative.astype(np.float64)
    if snr is not None:
        # At imax the standard deviation is imax / SNR, elsewhere that of quanta.
        signal = signal + np.sqrt(signal) / snr * rng.standard_normal(signal.shape)
    values = grey[0] + (grey[1] - grey[0]) * signal
    return np.clip(np.rint(values), 0, limit).astype(np.uint16)


def tube_spectrum(tube: ForeignTube, air_path_mm: float) -> tuple[FloatArray, FloatArray]:
    """Energies (E,) [keV] and photons (E,) [any unit] of an imported tube behind its filters.

    Parameters
    ----------
    tube : ForeignTube
        A single line, a spectrum from a file, or what is computed from its voltage.
    air_path_mm : float
        Air that is computed, too, where there is no file. [mm]

    Returns
    -------
    energy_keV, photons : (E,) float64, (E,) float64

    Raises
    ------
    ValueError
        If the file holds no spectrum.
    """
    from radiography.beam.spectrum import Spectrum

    if tube.single_keV is not None:
        return np.array([tube.single_keV]), np.ones(1)
    if tube.spectrum_file is None:
        beam = Beam(
            "imported", tube.kvp, tube.filters, "scenario", tube.anode, tube.anode_angle_deg, air_path_mm=air_path_mm
        )
        spectrum = beam_spectrum(beam, 1.0)
        return spectrum.energy_keV, spectrum.fluence_per_mm2
    try:
        text = tube.spectrum_file.read_text(encoding="utf-8-sig").replace(";", " ").replace(",", " ")
        lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        table = np.array([[float(word) for word in line[:2]] for line in lines], dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != 2:
            raise ValueError("two columns are wanted, energy in keV and photons")
        spectrum = Spectrum(table[:, 0], table[:, 1])
        if not spectrum.fluence_per_mm2.any():
            raise ValueError("it holds no photon")
    except ValueError as error:
        raise ValueError(f"{tube.spectrum_file} is no spectrum: {error}") from error
    for name, thickness_mm in tube.later_filters:
        spectrum = filtered(spectrum, name, thickness_mm)
    return spectrum.energy_keV, spectrum.fluence_per_mm2


def gaussian_sigma_mm(resolution_mm: float, pitch_mm: float) -> float:
    """Gaussian that gives a detector its basic spatial resolution, beside the aperture of its pixels.

    Two round wires of diameter d, d apart, dip by 20 % between them where d is the basic spatial resolution [1]_. The
    wires are taken as faint, so that their shadow goes with the chord.

    Parameters
    ----------
    resolution_mm, pitch_mm : float
        Basic spatial resolution of the detector, side of its square pixels. [mm]

    Returns
    -------
    sigma_mm : float
        Standard deviation; 0 where the pixel alone is as wide. [mm]

    References
    ----------
    .. [1] ASTM E2002, "Practice for determining image unsharpness and basic spatial resolution".
    """
    low, high = 0.0, 2.0 * resolution_mm
    if _dip(low, resolution_mm, pitch_mm) <= DIP:
        return 0.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _dip(middle, resolution_mm, pitch_mm) > DIP else (low, middle)
    return 0.5 * (low + high)


def _dip(sigma_mm: float, wire_mm: float, pitch_mm: float) -> float:
    """Dip between two faint wires, relative to the mean depth of both. [1]"""
    step_mm = wire_mm / 100.0
    size = 4096
    x_mm = (np.arange(size) - size // 2) * step_mm
    chord = sum(np.sqrt(np.maximum(0.0, (wire_mm / 2) ** 2 - (x_mm - side * wire_mm) ** 2)) for side in (-1.0, 1.0))
    frequency = np.fft.rfftfreq(size, step_mm)
    transfer = np.sinc(frequency * pitch_mm) * np.exp(-2.0 * (np.pi * frequency * sigma_mm) ** 2)
    depth = np.fft.irfft(np.fft.rfft(chord) * transfer, size)
    return float(1.0 - depth[size // 2] / depth.max())
