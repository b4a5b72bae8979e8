"""Plan of an acquisition: what a scene fixes before the first frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from radiography.beam.attenuation import Material
from radiography.beam.heel import HeelEffect, heel_effect
from radiography.beam.spectrum import Spectrum, beam_spectrum
from radiography.beam.tube import Beam
from radiography.field import depth_nodes, largest_path_ratio
from radiography.light.layer_light import HISTORIES, BeamSpread, LayerLight, layer_light, spread_of_beam
from radiography.light.scintillator import Scintillator, layer_material
from radiography.light.slant import SLANTED_DEG, DepthSpread, depth_spread
from radiography.light.spread import LightSpread, plan_light_spread
from radiography.panel.direct_detection import PORTIONS, LitLayer, diode_portions
from radiography.panel.maps import PanelMaps
from radiography.panel.measured_maps import panel_maps
from radiography.panel.panel import (
    Panel,
    coated,
    cover_transmission,
    dark_current_factor,
    emission_weighted_quantum_efficiency,
)
from radiography.parts import SceneParts, back_parts, load_parts
from radiography.projection.geometry import Geometry
from radiography.scatter.between_layers import (
    Neighbours,
    back_neighbours,
    front_neighbours,
    scattered_between,
    with_scattered,
)
from radiography.scatter.dose import ObjectDose, doses_of
from radiography.scatter.grid import grid_shape, primary_transmission, strip_shadow
from radiography.scatter.kernels import GridShape
from radiography.scatter.response import panel_portions
from radiography.scatter.scene_scatter import scatter_experiment
from radiography.scatter.tables import ENERGY_STEP_KEV
from radiography.scatter.transport import Experiment
from radiography.scene import Scene

BIN_KEV = 1.0  # width of the energy bins of a spectrum
SLANTED_HISTORIES = HISTORIES // 4  # X-rays per energy at slanted incidence: only the ratio to normal incidence counts

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Acquisition:
    """What a scene fixes before the first frame.

    Attributes
    ----------
    scene, panel, scintillator, beam, geometry : Scene, Panel, Scintillator, Beam, Geometry
        Descriptions.
    phantom, materials : Phantom or None, mapping of str to Material
        What stands in the beam, and the scene's own materials.
    spectrum : Spectrum
        Where the central ray meets the panel, object absent, in E bins.
    heel : HeelEffect or None
        How that changes over the panel; None for a beam that is the same in all directions.
    grid : GridShape
        The anti-scatter grid on the panel; its ratio is 0 where the scene has none.
    grid_transmission : (E,) float64
        Of the grid for the central ray. [1]
    light : LayerLight
        Light of the layer at the energies of the spectrum, for X-rays at normal incidence.
    slanted_light : LayerLight
        The same at `SLANTED_DEG`.
    layer_weights : (4, E) float64
        What each energy bin gives a sample of the layer at the central ray behind the grid, object absent: quanta that
        the layer absorbs, their light at the diodes, the sum of its squares over the quanta, and the light that spreads
        as the departure from the mean spread. [1]
    coated_diode_weights, bare_diode_weights : (4, E) float64
        What each energy bin gives the photodiode of a pixel itself, below the layer and where there is none: electron
        tracks [1], their energy [keV], the sum of its squares [keV2], and that of its products with the light. [keV]
    quantum_efficiency : float
        Of the photodiodes for this light. [1]
    light_depth_mm : float
        Mean depth below the entrance of the layer where quanta meet it. [mm]
    depth_offset_mm : tuple of float
        Depths from there that stand for all that the light comes from; only one where no blur by slanted X-rays would
        be seen: near the axis, or in the open beam. [mm]
    mean_spread : tuple of LightSpread
        Plans for the mean light, one for each of these depths.
    departure_spread, noise_spread : LightSpread
        Plans for what departs with the X-ray energy, and for the noise, which is known by pixel.
    maps : PanelMaps
        With the dark current at the scene's temperature.
    back : Acquisition or None
        The back layer of a dual-layer panel, exposed by what passes this one; its scene and panel are those of
        `back_parts`.
    """

    scene: Scene
    panel: Panel
    scintillator: Scintillator
    beam: Beam
    geometry: Geometry
    phantom: Phantom | None
    materials: Mapping[str, Material]
    spectrum: Spectrum
    heel: HeelEffect | None
    grid: GridShape
    grid_transmission: FloatArray
    light: LayerLight
    slanted_light: LayerLight
    layer_weights: FloatArray
    coated_diode_weights: FloatArray
    bare_diode_weights: FloatArray
    quantum_efficiency: float
    light_depth_mm: float
    depth_offset_mm: tuple[float, ...]
    mean_spread: tuple[LightSpread, ...]
    departure_spread: LightSpread
    noise_spread: LightSpread
    maps: PanelMaps
    back: Acquisition | None = None


def plan_acquisition(scene: Scene, folder: Path, progress: Callable[[float], None] | None = None) -> Acquisition:
    """Everything that all frames of a scene share.

    Parameters
    ----------
    scene : Scene
        What to simulate.
    folder : Path
        Where the scene's relative paths start.
    progress : callable, optional
        Called with the fraction done of what is not in the cache yet, light transport and electrons, 0 to 1.

    Returns
    -------
    acquisition : Acquisition

    Raises
    ------
    ValueError
        If a description contradicts itself or names something unknown.
    OSError
        If a file that the scene names cannot be read.
    """
    return plan_parts(load_parts(scene, folder), progress)


def plan_parts(parts: SceneParts, progress: Callable[[float], None] | None = None) -> Acquisition:
    """What `plan_acquisition` computes, of a scene whose parts are loaded.

    Parameters
    ----------
    parts : SceneParts
        Everything that the scene names.
    progress : callable, optional
        As there.

    Returns
    -------
    acquisition : Acquisition
    """
    if parts.back_scintillator is not None:
        both = (
            (lambda done: progress(0.5 * done), lambda done: progress(0.5 + 0.5 * done)) if progress else (None, None)
        )
        front = _plan_layer(parts, front_neighbours(parts), both[0])
        return replace(front, back=_plan_layer(back_parts(parts), back_neighbours(parts), both[1]))
    return _plan_layer(parts, None, progress)


def _plan_layer(
    parts: SceneParts, neighbours: Neighbours | None, progress: Callable[[float], None] | None
) -> Acquisition:
    """Plan of one layer: of the panel, or of one of the two of a dual-layer panel."""
    # Descriptions: panel, layer, tube, and what stands in the beam.
    scene, panel, scintillator, beam = parts.scene, parts.panel, parts.scintillator, parts.beam
    geometry = parts.geometry
    # Beam: photons of each energy on a pixel behind the cover.
    spectrum = beam_spectrum(beam, scene.beam.air_kerma_uGy, BIN_KEV)
    direction = scene.beam.anode_direction
    heel = None if direction is None else heel_effect(beam, spectrum, BIN_KEV, direction)
    energy_keV = spectrum.energy_keV
    # Grid: what of the central ray passes it; the air kerma is that before it.
    grid = grid_shape(scene.grid, float(energy_keV[-1]), parts.materials)
    passing = primary_transmission(grid, geometry.source_to_detector_mm, 0.0, 0.0, energy_keV)
    on_pixel = spectrum.fluence_per_mm2 * panel.pixels.pitch_mm**2 * passing
    incident = on_pixel * cover_transmission(panel, energy_keV)
    # Layer: light of a photon of each energy, and how far it spreads; in the dark that of any beam serves.
    report = None if progress is None else lambda done, total: progress(0.5 * done / total)
    light = layer_light(scintillator, energy_keV, progress=report)
    slanted_light = layer_light(scintillator, energy_keV, histories=SLANTED_HISTORIES, incidence_deg=SLANTED_DEG)
    on_diode, diode_panel = on_pixel, panel
    if neighbours is not None:  # the rest of a dual-layer panel: the diodes see it before their own cover
        scattered = scattered_between(neighbours, panel, scintillator, (light, slanted_light))
        light, slanted_light = (with_scattered(each, scattered) for each in (light, slanted_light))
        others = replace(panel, cover=panel.cover[: neighbours.others])
        diode_panel = replace(panel, cover=panel.cover[neighbours.others :])
        on_diode = on_pixel * cover_transmission(others, energy_keV) * (1.0 + scattered.light)
    lit = spectrum.fluence_per_mm2 if scene.beam.air_kerma_uGy > 0 else np.ones_like(energy_keV)
    spread = spread_of_beam(light, lit)
    by_depth = depth_spread(scintillator, light, lit, largest_path_ratio(geometry))
    if (nodes := depth_nodes(geometry, by_depth.rms_depth_mm)) > 3:
        by_depth = depth_spread(scintillator, light, lit, largest_path_ratio(geometry), nodes)
    blurred = nodes > 1 and (parts.phantom is not None or not coated(panel).all())
    mean_spread, departure_spread, noise_spread = _plan_spreads(panel, scene, spread, by_depth if blurred else None)
    # Photodiodes: what X-rays leave in them, below the layer and where they are bare, and how it goes with the light.
    in_coated_diode = in_bare_diode = np.zeros((PORTIONS, energy_keV.size))
    if scene.beam.air_kerma_uGy > 0:
        later = None if progress is None else lambda done, total: progress(0.5 + 0.5 * done / total)
        layer = LitLayer(layer_material(scintillator), scintillator.thickness_um, light.light_per_keV)
        in_coated_diode = on_diode * diode_portions(diode_panel, layer, energy_keV, progress=later)
        if not coated(panel).all():
            in_bare_diode = on_pixel * diode_portions(panel, None, energy_keV)
    return Acquisition(
        scene=scene,
        panel=panel,
        scintillator=scintillator,
        beam=beam,
        geometry=geometry,
        phantom=parts.phantom,
        materials=parts.materials,
        spectrum=spectrum,
        heel=heel,
        grid=grid,
        grid_transmission=passing,
        light=light,
        slanted_light=slanted_light,
        layer_weights=_layer_portions(light, spread) * (incident / scene.sampling.samples_per_pixel**2),
        coated_diode_weights=in_coated_diode,
        bare_diode_weights=in_bare_diode,
        quantum_efficiency=emission_weighted_quantum_efficiency(panel, light.wavelength_nm, light.emission),
        light_depth_mm=by_depth.mean_depth_mm,
        depth_offset_mm=tuple(by_depth.offset_mm[: len(mean_spread)].tolist()),
        mean_spread=mean_spread,
        departure_spread=departure_spread,
        noise_spread=noise_spread,
        maps=_maps_at(panel, scene.temperature_C),
    )


def experiment_of(acquisition: Acquisition) -> Experiment:
    """Histories of photons that give the scatter of a scene, with what each gives layer and diodes.

    Parameters
    ----------
    acquisition : Acquisition
        Of a scene with the beam on.

    Returns
    -------
    experiment : Experiment
        For `scatter.scene_scatter.scatter_map`; the portions are those of `response.panel_portions`.
    """
    panel, spectrum = acquisition.panel, acquisition.spectrum
    on_pixel = spectrum.fluence_per_mm2 * panel.pixels.pitch_mm**2 * acquisition.grid_transmission
    lit = on_pixel > 0
    diodes = [
        np.divide(weights, on_pixel, out=np.zeros_like(weights), where=lit)
        for weights in (acquisition.coated_diode_weights, acquisition.bare_diode_weights)
    ]
    portions = panel_portions(
        panel,
        acquisition.scintillator,
        (acquisition.light, acquisition.slanted_light),
        diodes[0],
        None if coated(panel).all() else diodes[1],
        int(np.ceil(spectrum.energy_keV[-1] / ENERGY_STEP_KEV)) + 2,
    )
    return scatter_experiment(
        acquisition.phantom,
        acquisition.geometry,
        spectrum,
        acquisition.heel,
        portions,
        acquisition.grid,
        materials=acquisition.materials,
    )


def object_dose(
    acquisition: Acquisition, histories: int = 4_000_000, progress: Callable[[float], None] | None = None
) -> ObjectDose:
    """Doses that one exposure of a scene leaves in its object, from histories of photons.

    Parameters
    ----------
    acquisition : Acquisition
        Of a scene with an object, and with the beam on.
    histories : int
        Photons to be followed. [1]
    progress : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    doses : ObjectDose
        Entrance air kerma with backscatter, dose-area product, and absorbed dose of each solid and volume.

    Raises
    ------
    ValueError
        If there is no object, or no beam.
    """
    if acquisition.phantom is None:
        raise ValueError("object_dose needs an object in the beam, but the scene has none")
    return doses_of(
        acquisition.phantom,
        acquisition.geometry,
        acquisition.spectrum,
        acquisition.heel,
        materials=acquisition.materials,
        histories=histories,
        progress=progress,
    )


def strip_shadow_of(acquisition: Acquisition, samples: int) -> Picture | None:
    """Shadow of a grid that stands still, by sample, (1, W * S) or (H * S, 1) float32; None where there is none. [1]

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`.
    samples : int
        S, per pixel. [1]

    Returns
    -------
    shadow : (1, W * S) or (H * S, 1) float32, or None
        What the primary behind the mean transmission is multiplied by. [1]
    """
    choice, geometry = acquisition.scene.grid, acquisition.geometry
    if choice is None or not choice.lines:
        return None
    across = acquisition.grid.across
    pixels, shift_mm = (geometry.rows, geometry.cols)[1 - across], geometry.panel_shift_mm[1 - across]
    edge_mm = shift_mm + geometry.pitch_mm * (np.arange(pixels * samples + 1) / samples - 0.5 * pixels)
    light = acquisition.layer_weights[1] / np.maximum(acquisition.grid_transmission, 1e-300)
    energy_keV = acquisition.spectrum.energy_keV
    shadow = strip_shadow(acquisition.grid, geometry.source_to_detector_mm, edge_mm, light, energy_keV)
    line: Picture = shadow.astype(np.float32)
    return line[:, None] if across else line[None]


def _plan_spreads(
    panel: Panel, scene: Scene, spread: BeamSpread, by_depth: DepthSpread | None
) -> tuple[tuple[LightSpread, ...], LightSpread, LightSpread]:
    """Plans for mean, departure and noise: see `Acquisition`.

    The mean exposure was averaged over the rays of each sample, which its plans undo. The noise was not, and is drawn
    by pixels: it is white, so that no finer samples are needed for the power that folds from beyond their frequencies.
    """

    def plan(
        transfer_at: Callable[[FloatArray], FloatArray], samples: int, rays: int, *, white_noise: bool = False
    ) -> LightSpread:
        return plan_light_spread(
            panel.pixels.rows,
            panel.pixels.cols,
            panel.pixels.pitch_mm,
            panel.pixels.aperture_mm,
            transfer_at=transfer_at,
            samples_per_pixel=samples,
            rays_per_sample=rays,
            white_noise=white_noise,
        )

    sampling = (scene.sampling.samples_per_pixel, scene.sampling.rays_per_sample)
    means = (spread.mean_at,) if by_depth is None else by_depth.transfer_at
    mean = tuple(plan(transfer_at, *sampling) for transfer_at in means)
    return mean, plan(spread.departure_at, *sampling), plan(spread.noise_at, 1, 1, white_noise=True)


def _layer_portions(light: LayerLight, spread: BeamSpread) -> FloatArray:
    """What the layer makes of one photon of each energy, (4, E), in the order of `Acquisition.layer_weights`."""
    return np.stack([light.quanta, light.light, light.light_square, light.light * spread.departure_weight])


def _maps_at(panel: Panel, temperature_C: float | None) -> PanelMaps:
    """The panel's maps with the dark current of a temperature; None for the panel's reference temperature."""
    maps = panel_maps(panel)
    if temperature_C is None:
        return maps
    factor = np.float32(dark_current_factor(panel, temperature_C))
    return replace(maps, dark_electrons_per_s=maps.dark_electrons_per_s * factor)
