"""Check of a scene before it runs: what it holds, and the memory and time that it will take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radiography.acquire import Acquisition, mean_electrons, plan_acquisition
from radiography.beam.spectrum import half_value_layer_mm_al, mean_energy_keV, quanta_per_pixel
from radiography.config import load_scene, scene_folder
from radiography.jobs.inputs import Report, no_report

# Measured on 2 cores at 3,072 x 3,072 with 2 x 2 samples per pixel; other machines differ.
_SECONDS_PER_MEGASAMPLE = 0.035
_SECONDS_PER_MEGARAY = 0.25
_BYTES_PER_SAMPLE = 32


@dataclass(frozen=True)
class OpenField:
    """What a pixel sees where no object is.

    Attributes
    ----------
    half_value_layer_mm_al : float
        Of the beam, in aluminium. [mm]
    mean_energy_keV : float
        Of the photons at the panel. [keV]
    quanta, absorbed : float
        Photons per pixel and frame that arrive, and that interact in the layer. [1]
    electrons, signal_dn : float
        Charge on the pixel, and what it adds to the offset. [1, DN]
    """

    half_value_layer_mm_al: float
    mean_energy_keV: float
    quanta: float
    absorbed: float
    electrons: float
    signal_dn: float


@dataclass(frozen=True, eq=False)
class SceneCheck:
    """A valid scene, and what it will take.

    Attributes
    ----------
    acquisition : Acquisition
        Scene, panel, scintillator and beam as they will run.
    open_field : OpenField or None
        None where the beam is off.
    solids : int
        Bodies of the object. [1]
    memory_bytes : float
        At the most. [byte]
    frame_s, object_s : float
        Time for each frame, and once for an object that covers the whole panel, on 2 cores. [s]
    """

    acquisition: Acquisition
    open_field: OpenField | None
    solids: int
    memory_bytes: float
    frame_s: float
    object_s: float


def check_scene(scene: str | Path, *, report: Report = no_report) -> SceneCheck:
    """A scene, after everything in it was found valid, with the memory and time to expect.

    Parameters
    ----------
    scene : str or Path
        Scene file, or the name of a shipped scene.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    check : SceneCheck

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the scene is wrong.
    """
    described = load_scene(scene)
    acquisition = plan_acquisition(described, scene_folder(scene), lambda done: report("following light", done))
    pixels, sampling = acquisition.panel.pixels, described.sampling
    solids = len(acquisition.phantom.solids) if acquisition.phantom else 0
    samples = pixels.rows * pixels.cols * sampling.samples_per_pixel**2 / 1e6
    rays = samples * sampling.rays_per_sample**2 * described.geometry.focal_spot_samples**2 if solids else 0.0
    return SceneCheck(
        acquisition=acquisition,
        open_field=_open_field(acquisition) if described.beam.air_kerma_uGy > 0 else None,
        solids=solids,
        memory_bytes=samples * 1e6 * _BYTES_PER_SAMPLE,
        frame_s=samples * _SECONDS_PER_MEGASAMPLE,
        object_s=rays * _SECONDS_PER_MEGARAY,
    )


def _open_field(acquisition: Acquisition) -> OpenField:
    spectrum, panel = acquisition.spectrum, acquisition.panel
    electrons = mean_electrons(acquisition)
    return OpenField(
        half_value_layer_mm_al=half_value_layer_mm_al(spectrum),
        mean_energy_keV=mean_energy_keV(spectrum),
        quanta=quanta_per_pixel(spectrum, panel.pixels.pitch_mm),
        absorbed=acquisition.layer_weights[0].sum() * acquisition.scene.sampling.samples_per_pixel**2,
        electrons=electrons,
        signal_dn=electrons / panel.readout.electrons_per_dn,
    )
