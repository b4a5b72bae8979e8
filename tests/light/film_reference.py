"""The film of `light_transport` once more, slow and plain: all photons step together, in numpy alone.

Written to share nothing with the kernels: distances to scattering and absorption are drawn apart, scattering angles
come from the integrated Henyey-Greenstein function, turns from cross products, Fresnel from angles, colours from the
normal distribution itself.
"""

from __future__ import annotations

import numpy as np

EV_NM = 1239.841984


def unit_vectors(count, rng):
    vectors = rng.normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def fresnel(index, other, cosine):
    """Unpolarised reflectance from the angles of incidence and refraction."""
    first = np.arccos(np.clip(cosine, 0.0, 1.0))
    sine = index / other * np.sin(first)
    second = np.arcsin(np.clip(sine, -1.0, 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        s = (np.sin(first - second) / np.sin(first + second)) ** 2
        p = (np.tan(first - second) / np.tan(first + second)) ** 2
    both = np.where(first < 1e-6, ((index - other) / (index + other)) ** 2, 0.5 * (s + p))
    return np.where(sine >= 1.0, 1.0, both)


def absorption_per_um(layer, wavelength_nm):
    own = layer.self_absorption
    if own is None:
        return np.zeros_like(wavelength_nm)
    below_eV = EV_NM / own.edge_nm - EV_NM / wavelength_nm
    return own.edge_per_um * np.where(below_eV > 0, np.exp(-below_eV / (own.urbach_meV / 1000)), 1.0)


def cross_face(face, index, place, direction, rng):
    """Photons at a face, outward along +z: moves and turns them in place (inward is -z), and says who was taken."""
    outer = index if face.refractive_index is None else face.refractive_index
    taken = np.zeros(len(place), bool)
    in_gap = np.zeros(len(place), bool)
    outward = np.ones(len(place), bool)
    while outward.any():
        now = np.flatnonzero(outward)
        at_film = now[~in_gap[now]]
        bounced = np.zeros(at_film.size, bool)
        if outer != index:
            bounced = rng.random(at_film.size) < fresnel(index, outer, direction[at_film, 2])
        direction[at_film[bounced], 2] *= -1
        outward[at_film[bounced]] = False
        through = at_film[~bounced]
        direction[through, :2] *= index / outer
        direction[through, 2] = np.sqrt(np.maximum(1 - (direction[through, :2] ** 2).sum(axis=1), 1e-30))
        in_gap[through] = True
        now = now[in_gap[now] & outward[now]]
        place[now] += face.gap_um * direction[now, :2] / direction[now, 2:]
        gone = rng.random(now.size) >= face.reflectivity
        taken[now[gone]] = True
        outward[now[gone]] = False
        now = now[~gone]
        diffuse = now[rng.random(now.size) < face.diffuse_fraction]
        lambert = unit_vectors(diffuse.size, rng) + np.array([0.0, 0.0, 1.0])
        direction[diffuse] = lambert / np.linalg.norm(lambert, axis=1, keepdims=True)
        place[now] += face.gap_um * direction[now, :2] / np.abs(direction[now, 2:])
        back = np.ones(now.size, bool)
        if outer != index:
            back = rng.random(now.size) >= fresnel(outer, index, np.abs(direction[now, 2]))
        home = now[back]
        direction[home, :2] *= outer / index
        direction[home, 2] = -np.sqrt(np.maximum(1 - (direction[home, :2] ** 2).sum(axis=1), 1e-30))
        outward[home] = False
        direction[now, 2] = np.where(back, direction[now, 2], np.abs(direction[now, 2]))
    return taken


def trace_reference(layer, thickness_um, depth_um, rng):
    """Radii [um] and wavelengths [nm] of the detected photons, and how many were absorbed and lost at the cover."""
    count = len(depth_um)
    grid = np.linspace(-1.0, 1.0, 20001)
    g = layer.anisotropy
    phase = np.cumsum((1 - g * g) / (1 + g * g - 2 * g * grid) ** 1.5)
    scatter_um = layer.transport_length_um * (1 - g)
    sigma_nm = layer.emission.fwhm_nm / 2.3548200450309493
    place, depth = np.zeros((count, 2)), np.array(depth_um, dtype=float)
    direction = unit_vectors(count, rng)
    colour = rng.normal(layer.emission.peak_nm, sigma_nm, count)
    radii, colours, absorbed, covered = [], [], 0, 0
    while depth.size:
        free = rng.exponential(size=(3, depth.size))
        own = absorption_per_um(layer, colour)
        with np.errstate(divide="ignore"):
            event_um = np.stack(
                [
                    free[0] * scatter_um,
                    free[1] * layer.absorption_length_um,
                    free[2] / own,
                    np.where(direction[:, 2] > 0, thickness_um - depth, -depth) / direction[:, 2],
                ]
            )
        event, step = event_um.argmin(axis=0), event_um.min(axis=0)
        place += step[:, None] * direction[:, :2]
        depth += step * direction[:, 2]
        alive = np.ones(depth.size, bool)

        turned = np.flatnonzero(event == 0)
        cosine = np.interp(rng.random(turned.size), phase / phase[-1], grid)[:, None]
        side = np.cross(direction[turned], unit_vectors(turned.size, rng))
        side /= np.linalg.norm(side, axis=1, keepdims=True)
        direction[turned] = cosine * direction[turned] + np.sqrt(1 - cosine**2) * side

        again = event == 2
        quantum_yield = layer.self_absorption.quantum_yield if layer.self_absorption is not None else 0.0
        emitted = again & (rng.random(depth.size) < quantum_yield)
        direction[emitted] = unit_vectors(emitted.sum(), rng)
        colour[emitted] = rng.normal(layer.emission.peak_nm, sigma_nm, emitted.sum())
        ended = (event == 1) | (again & ~emitted)
        absorbed += ended.sum()
        alive[ended] = False

        for face, at_face, sign in (
            (layer.sensor, (event == 3) & (direction[:, 2] > 0), 1.0),
            (layer.cover, (event == 3) & (direction[:, 2] < 0), -1.0),
        ):
            who = np.flatnonzero(at_face)
            here, there = place[who], direction[who] * [1.0, 1.0, sign]
            taken = cross_face(face, layer.refractive_index, here, there, rng)
            place[who], direction[who] = here, there * [1.0, 1.0, sign]
            depth[who] = thickness_um if sign > 0 else 0.0
            alive[who[taken]] = False
            if sign > 0:
                radii.append(np.linalg.norm(here[taken], axis=1))
                colours.append(colour[who[taken]])
            else:
                covered += taken.sum()
        place, depth, direction, colour = place[alive], depth[alive], direction[alive], colour[alive]
    return np.concatenate(radii), np.concatenate(colours), int(absorbed), int(covered)
