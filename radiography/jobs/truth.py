"""The truth behind simulated frames: its layers, drawn from the same chain as the frames, and where they are written.

Layers that all frames share come first, then those of each frame beside it: nothing but one frame's planes is in
memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from radiography.acquire import Acquisition, Exposure, acquire_frame, dose_scale, scaled, traps_in_the_dark
from radiography.dose_history import diode_gain, gains_of_sequence, layer_gain, remembers
from radiography.files.truth_store import CHUNK, LayerPlace
from radiography.jobs.inputs import Report
from radiography.light.decay import emit_light, lasting_prompt_light, prompt_fraction_emitted
from radiography.projection.geometry import Geometry, at_depth
from radiography.projection.project import VACUUM, areal_mass_strips, path_length_strips
from radiography.projection.voxel_world import basis_materials
from radiography.truth.layers import (
    MASK,
    MASS,
    THICKNESS,
    Constants,
    exact_noise,
    held_charge,
    kind_of,
    layer_name,
    noiseless_frame,
)

if TYPE_CHECKING:
    from radiography.parts import SceneParts
    from radiography.sweep.samples import DescribedSample

MASKS_TOGETHER = 16  # objects whose masks are found in one pass, in strips of some 100 MB   # chosen
THINNEST_MM = 1e-6  # path above which a ray has met a solid: faces that touch leave 1e-14 of rounding   # chosen
DENSER_THAN_AIR_G_PER_CM3 = 0.1  # chosen: five times a noise of 20 HU over the air of a CT, and below lung
MARK_G_PER_CM3 = 10.0  # of a mixture whose areal mass in g/cm2 is its path in mm
OTHERS = "others"  # material, for the time, of all that is no object of the pass

Array = npt.NDArray[np.float32]
Afterglow = tuple[Array, ...]


class MaskedObject(NamedTuple):
    """An object with a mask: its name, and which solids of the phantom it is made of."""

    name: str
    solids: slice


def masked_objects(phantom: Phantom | None, own_solids: int) -> tuple[MaskedObject, ...]:
    """Objects as `check` names them: the ready phantom as one, and each of the scene's own solids.

    Parameters
    ----------
    phantom : Phantom or None
        All solids of the scene, its own the last.
    own_solids : int
        Solids that the scene has of its own. [1]

    Returns
    -------
    objects : tuple of MaskedObject
    """
    if phantom is None:
        return ()
    first = len(phantom.solids) - own_solids
    ready = (MaskedObject("phantom", slice(0, first)),) if first > 0 else ()
    return ready + tuple(MaskedObject(f"solids[{n}]", slice(first + n, first + n + 1)) for n in range(own_solids))


def check_layer_names(phantom: Phantom | None) -> None:
    """Complain before the work starts about materials whose layers could have no name.

    Raises
    ------
    ValueError
        If a name is too long.
    """
    if phantom is None:
        return
    for material in dict.fromkeys(solid.material for solid in phantom.solids):
        layer_name(THICKNESS, material)
    for material in basis_materials(phantom.volumes):
        layer_name(MASS, material)


def truth_constants(acquisition: Acquisition) -> Constants:
    """Numbers that the layers recombine with."""
    panel = acquisition.panel
    return Constants(
        integration_time_s=acquisition.scene.timing.integration_time_s,
        full_well_electrons=panel.photodiode.full_well_electrons,
        electrons_per_dn=panel.readout.electrons_per_dn,
        highest_dn=2**panel.readout.bits - 1,
    )


def primary_and_scatter(acquisition: Acquisition, exposure: Exposure) -> tuple[Array, Array]:
    """Mean charge of an exposure by X-rays that came straight, and by scattered ones.

    This is the one place where scatter enters the truth: `whole` is all that the exposure holds; where it holds what
    the object scattered, `scatter` is that, by the same conversion, and `primary` the rest.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`.
    exposure : Exposure
        From `expose`.

    Returns
    -------
    primary, scatter : (H, W) float32
        In pixels of response 1. [electrons]  Their sum is the whole exposure.
    """
    per_photon, per_keV = _conversions(acquisition)
    whole = exposure.spread_light * np.float32(per_photon)
    whole += exposure.diode_energy_keV * np.float32(per_keV)
    if exposure.scatter is None or exposure.scatter_diode_keV is None:
        return whole, np.zeros_like(whole)
    scatter = exposure.scatter * np.float32(per_photon)
    scatter += exposure.scatter_diode_keV * np.float32(per_keV)
    return whole - scatter, scatter


def write_shared_layers(
    store: LayerPlace,
    acquisition: Acquisition,
    exposure: Exposure | None,
    pattern: Sequence[float],
    report: Report,
) -> dict[str, Any]:
    """Write the layers that all frames of a scene share.

    Parameters
    ----------
    store : LayerPlace
        Where to.
    acquisition : Acquisition
        From `plan_acquisition`.
    exposure : Exposure or None
        From `expose`.
    pattern : sequence of float
        Relative exposure of each frame. [1]
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    layers : dict
        What is said of each layer, by its name.
    """
    maps, said = acquisition.maps, {}
    planes: dict[str, npt.NDArray[Any]] = {
        "offset_dn": maps.offset_dn,
        "response": maps.response,
        "dark_electrons_per_s": maps.dark_electrons_per_s,
        "noise_factor": maps.noise_factor,
        "defects": maps.defects,
        "relative_exposure": np.array(pattern),
    }
    for name, plane in (("nonlinearity", maps.nonlinearity), ("lag_factor", maps.lag_factor)):
        if plane is not None:
            planes[name] = plane
    if exposure is None:
        planes["primary"] = planes["scatter"] = np.zeros(maps.response.shape, np.float32)
    else:
        planes["quanta"], planes["light"], planes["light_spread"] = (
            exposure.quanta,
            exposure.light,
            exposure.spread_light,
        )
        planes["primary"], planes["scatter"] = primary_and_scatter(acquisition, exposure)
    layer, panel, interval_s = acquisition.scintillator, acquisition.panel, acquisition.scene.timing.frame_interval_s
    if remembers(layer, panel):
        light = None if exposure is None else exposure.spread_light
        gain, means = gains_of_sequence(layer, panel, light, dose_scale(acquisition), interval_s, pattern)
        planes["gain_of_last_frame"], planes["mean_gain"] = gain, means
    report("writing the truth", 0.0)
    for name, plane in planes.items():
        said[name] = _about(name, plane.shape, plane.dtype)
        store.create(name, plane.shape, plane.dtype, said[name])[...] = plane
    said |= _write_thicknesses(store, acquisition, report)
    said |= _write_masses(store, acquisition, report)
    said |= _write_masks(store, acquisition, report)
    return said | _write_volume_masks(store, acquisition, report)


def truthful_sequence(
    store: LayerPlace,
    acquisition: Acquisition,
    exposure: Exposure | None,
    rng: np.random.Generator,
    pattern: Sequence[float],
    said: dict[str, Any],
) -> Iterator[npt.NDArray[np.uint16]]:
    """The frames of `acquire_sequence`, from the same random numbers, with their layers written as they come.

    Parameters
    ----------
    store : LayerPlace
        Where to.
    acquisition, exposure, rng, pattern
        As for `acquire_sequence`.
    said : dict
        What is said of each layer, by its name; those of the frames are added.

    Yields
    ------
    raw_dn : (H, W) uint16
        [DN]
    """
    shape = acquisition.maps.response.shape
    constants, shared = truth_constants(acquisition), _shared_planes(acquisition, exposure)
    glows = has_late_light(acquisition)
    names = ["mean_electrons", "noiseless_dn", "lag_dn", "noise_dn", "raw_dn"] + ["afterglow_electrons"] * glows
    kinds = {name: np.dtype(np.uint16 if name == "raw_dn" else np.float32) for name in names}
    arrays = {}
    for name, dtype in kinds.items():
        whole = (len(pattern), *shape) if store.frames_axis else shape
        said[name] = _about(name, whole, dtype)
        arrays[name] = store.create(name, whole, dtype, said[name])
    state, afterglow, analog_dn = None, None, np.empty(shape)
    for number, strength in enumerate(pattern):
        exposed = scaled(exposure, strength)
        charge = None
        if glows:
            charge, afterglow = _charge_in_time(acquisition, exposed, state.gain_change if state else None, afterglow)
        before = state.trapped if state else traps_in_the_dark(acquisition)
        raw_dn, state = acquire_frame(acquisition, exposed, rng, state, analog_dn)
        for top in range(0, shape[0], CHUNK):
            rows = slice(top, top + CHUNK)
            planes: dict[str, Any] = {name: plane[rows] for name, plane in shared.items()}
            if charge is not None:
                at_once = (
                    np.float64(np.float32(strength)) * (planes["primary"] + planes["scatter"]) * planes["response"]
                )
                planes["afterglow_electrons"] = (charge[rows] - at_once).astype(np.float32)
            mean = held_charge(planes, strength, constants)
            level = noiseless_frame(mean, planes["offset_dn"], constants)
            lag_dn = _released(before, state.trapped, rows, constants)
            noise_dn = exact_noise(analog_dn[rows], (level, lag_dn), raw_dn[rows], constants)
            found = {"mean_electrons": mean, "noiseless_dn": level, "lag_dn": lag_dn, "noise_dn": noise_dn,
                     "raw_dn": raw_dn[rows], "afterglow_electrons": planes.get("afterglow_electrons")}  # fmt: skip
            for name, array in arrays.items():
                array[(number, rows) if store.frames_axis else rows] = found[name]
        yield raw_dn


def has_late_light(described: Acquisition | SceneParts | DescribedSample) -> bool:
    """Whether light of a frame comes in a later one, or earlier doses change the gain."""
    layer, timing = described.scintillator, described.scene.timing
    prompt = prompt_fraction_emitted(layer, timing.integration_time_s, timing.exposure_time_s)
    late = lasting_prompt_light(layer, timing.frame_interval_s, timing.exposure_time_s)
    return bool(layer.afterglow or late or remembers(layer, described.panel) or np.float32(prompt) != 1.0)


def _charge_in_time(
    acquisition: Acquisition, exposed: Exposure | None, change: Array | None, afterglow: Afterglow | None
) -> tuple[Array, Afterglow]:
    """Charge without noise by the light of this integration and by X-rays in the diodes, and light still to come."""
    layer, timing, response = acquisition.scintillator, acquisition.scene.timing, acquisition.maps.response
    light = np.zeros_like(response) if exposed is None else exposed.spread_light
    if change is not None:
        light = light * layer_gain(layer, change)
        response = response * diode_gain(layer, change)
    times = (timing.integration_time_s, timing.frame_interval_s, timing.exposure_time_s)
    emitted, afterglow = emit_light(light, afterglow, layer, *times)
    per_photon, per_keV = _conversions(acquisition)
    emitted *= np.float32(per_photon)
    if exposed is not None:
        emitted += exposed.diode_energy_keV * np.float32(per_keV)
    emitted *= response
    return emitted, afterglow


def _conversions(acquisition: Acquisition) -> tuple[float, float]:
    """Electrons for a photon at a pixel [1], and for a keV in its diode. [1/keV]"""
    diode = acquisition.panel.photodiode
    return diode.fill_factor * acquisition.quantum_efficiency, 1000.0 / diode.energy_per_electron_eV


def _shared_planes(acquisition: Acquisition, exposure: Exposure | None) -> dict[str, Array]:
    """What frames are made of that is the same for all."""
    maps = acquisition.maps
    planes = {
        "response": maps.response,
        "dark_electrons_per_s": maps.dark_electrons_per_s,
        "offset_dn": maps.offset_dn,
    }
    if maps.nonlinearity is not None:
        planes["nonlinearity"] = maps.nonlinearity
    if exposure is None:
        planes["primary"] = planes["scatter"] = np.zeros_like(maps.response)
    else:
        planes["primary"], planes["scatter"] = primary_and_scatter(acquisition, exposure)
    return planes


def _released(before: Array, after: Array, rows: slice, constants: Constants) -> Array:
    """What the traps held before a frame less what they hold after it, (T, H, W) each, as a signal. [DN]"""
    electrons = before[:, rows].sum(axis=0, dtype=np.float64) - after[:, rows].sum(axis=0, dtype=np.float64)
    return np.asarray(electrons / constants.electrons_per_dn, dtype=np.float32)


def _about(name: str, shape: tuple[int, ...], dtype: npt.DTypeLike, **more: str) -> dict[str, Any]:
    """What is said of a layer: unit, axes, meaning."""
    unit, axes, what = kind_of(name)
    held = axes[-len(shape) :]
    return {"unit": unit, "axes": list(held), "shape": list(shape), "dtype": np.dtype(dtype).name, "what": what} | more


def _write_thicknesses(store: LayerPlace, acquisition: Acquisition, report: Report) -> dict[str, Any]:
    """Write the mean paths of the rays of each pixel, and say what they are."""
    phantom, geometry, sampling = acquisition.phantom, acquisition.geometry, acquisition.scene.sampling
    materials = list(dict.fromkeys(solid.material for solid in phantom.solids)) if phantom else []
    materials = [name for name in materials if name != VACUUM]  # nothing has no thickness
    if phantom is None or not materials:
        return {}
    shape, said, arrays = (geometry.rows, geometry.cols), {}, []
    for material in materials:
        name = layer_name(THICKNESS, material)
        said[name] = _about(name, shape, np.float32, material=material)
        arrays.append(store.create(name, shape, np.float32, said[name]))
    strips = path_length_strips(
        phantom,
        at_depth(geometry, acquisition.light_depth_mm),
        materials,
        rays_per_sample=sampling.samples_per_pixel * sampling.rays_per_sample,
        progress=lambda done: report("thickness of the materials", done),
    )
    _fill(arrays, strips, as_mask=False)
    return said


def _write_masses(store: LayerPlace, acquisition: Acquisition, report: Report) -> dict[str, Any]:
    """Write the mean areal masses of the rays of each pixel through volumes, and say what they are."""
    phantom, geometry, sampling = acquisition.phantom, acquisition.geometry, acquisition.scene.sampling
    if phantom is None or not phantom.volumes:
        return {}
    shape, said, arrays = (geometry.rows, geometry.cols), {}, []
    for material in basis_materials(phantom.volumes):
        name = layer_name(MASS, material)
        said[name] = _about(name, shape, np.float32, material=material)
        arrays.append(store.create(name, shape, np.float32, said[name]))
    strips = areal_mass_strips(
        phantom,
        at_depth(geometry, acquisition.light_depth_mm),
        rays_per_sample=sampling.samples_per_pixel * sampling.rays_per_sample,
        progress=lambda done: report("mass of the volumes", done),
    )
    # between coarse rays the voxels that a solid replaces may weigh a little more than all
    _fill(arrays, ((top, np.maximum(masses, 0.0)) for top, masses in strips), as_mask=False)
    return said


def _write_volume_masks(store: LayerPlace, acquisition: Acquisition, report: Report) -> dict[str, Any]:
    """Write where each volume is met by rays from the middle of the focal spot, and say what it is."""
    phantom = acquisition.phantom
    if phantom is None or not phantom.volumes:
        return {}
    seen = _from_a_point(acquisition)
    shape, said, arrays, marked = (seen.rows, seen.cols), {}, [], []
    for number, volume in enumerate(phantom.volumes):
        one = f"volume[{number}]"
        name = layer_name(MASK, one)
        said[name] = _about(name, shape, np.bool_, object=one, materials=", ".join(dict.fromkeys(volume.materials)))
        arrays.append(store.create(name, shape, np.bool_, said[name]))
        dense = volume.partial_g_per_cm3.sum(axis=1, keepdims=True) > DENSER_THAN_AIR_G_PER_CM3
        marked.append(replace(volume, partial_g_per_cm3=MARK_G_PER_CM3 * dense, materials=(one,)))
    marks = Phantom(phantom.name, phantom.solids, tuple(marked))
    strips = areal_mass_strips(marks, seen, exact=True, progress=lambda done: report("masks of the volumes", done))
    _fill(arrays, strips, as_mask=True)
    return said


def _from_a_point(acquisition: Acquisition) -> Geometry:
    """The geometry of the panel with a focal spot that is a point."""
    return replace(
        at_depth(acquisition.geometry, acquisition.light_depth_mm),
        focal_spot_mm=0.0,
        focal_spot_samples=None,
        focal_spot_shape="square",
        focal_spot_height_mm=None,
        focal_spot_image=None,
    )


def _write_masks(store: LayerPlace, acquisition: Acquisition, report: Report) -> dict[str, Any]:
    """Write where each object is met, and say what it is."""
    phantom, scene = acquisition.phantom, acquisition.scene
    if phantom is None:
        return {}
    seen = _from_a_point(acquisition)
    shape, said = (seen.rows, seen.cols), {}
    objects = masked_objects(phantom, len(scene.solids))
    for first in range(0, len(objects), MASKS_TOGETHER):
        group = objects[first : first + MASKS_TOGETHER]
        arrays = []
        for one in group:
            name, held = layer_name(MASK, one.name), phantom.solids[one.solids]
            of = ", ".join(dict.fromkeys(solid.material for solid in held))
            said[name] = _about(name, shape, np.bool_, object=one.name, materials=of)
            arrays.append(store.create(name, shape, np.bool_, said[name]))
        owner = {number: one.name for one in group for number in range(*one.solids.indices(len(phantom.solids)))}
        marked = [replace(solid, material=owner.get(n, OTHERS)) for n, solid in enumerate(phantom.solids)]
        names = [one.name for one in group]
        _fill(
            arrays, path_length_strips(Phantom(phantom.name, tuple(marked), phantom.volumes), seen, names), as_mask=True
        )
        report("masks of the objects", (first + len(group)) / len(objects))
    return said


def _fill(arrays: Sequence[Any], strips: Iterator[tuple[int, Array]], *, as_mask: bool) -> None:
    """Write paths, strip by strip, to one array for each; several strips at once, so that chunks are whole."""
    held: list[Array] = []
    first = 0
    for _, paths in strips:
        held.append(paths)
        if sum(part.shape[1] for part in held) >= CHUNK:
            first = _write_rows(arrays, held, first, as_mask)
    if held:
        _write_rows(arrays, held, first, as_mask)


def _write_rows(arrays: Sequence[Any], held: list[Array], first: int, as_mask: bool) -> int:
    """Write the strips that are held, from a row on, and forget them; the row after them."""
    stop: int = first + sum(part.shape[1] for part in held)
    for number, array in enumerate(arrays):
        path_mm = np.concatenate([part[number] for part in held])
        array[first:stop] = path_mm > THINNEST_MM if as_mask else path_mm
    held.clear()
    return stop
