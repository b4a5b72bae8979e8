"""The columns of `column_kernels` once more, slow and plain: all photons step together, in numpy alone.

Written to share nothing with the kernels but the physics of the layer: properties are looked up between the given
pairs at each wall, absorption is a chance along each way by a sum over its middle points, facets are drawn until one
is met, by the share of its area that the photon sees, and Fresnel goes by angles.
"""

from __future__ import annotations

import numpy as np

from tests.light.film_reference import fresnel, unit_vectors

POINTS = 8  # along one way in a column, for its absorption


def value_at(given, depth):
    """A property of the columns at depths, as a fraction of the thickness."""
    if isinstance(given, float | int):
        return np.full(depth.shape, float(given))
    depths, values = np.transpose(given)
    return np.interp(depth, depths, values)


def absorption_at(given, depth):
    """Absorption per um, whose value is what is linear between pairs."""
    if isinstance(given, float | int):
        return np.full(depth.shape, 1.0 / given)
    depths, lengths = np.transpose(given)
    return np.interp(depth, depths, 1.0 / np.array(lengths))


def facets(direction, normal, roughness, rng):
    """Normals of facets that the photons meet on walls of given normals."""
    found = normal.copy()
    open_ = np.flatnonzero(roughness > 0)
    while open_.size:
        tilted = normal[open_] + roughness[open_, None] * unit_vectors(open_.size, rng)
        length = np.linalg.norm(tilted, axis=1, keepdims=True)
        tilted /= length
        seen = -(direction[open_] * tilted).sum(axis=1)
        along = (tilted * normal[open_]).sum(axis=1)
        # area that a facet shows for each part of the wall that it covers; its largest value bounds the draw
        largest = 1.0 / np.sqrt(1.0 - roughness[open_] ** 2)
        met = rng.random(open_.size) * largest < seen / along
        found[open_[met]] = tilted[met]
        open_ = open_[~met]
    return found


def cross_walls(direction, normal, indices, roughness, rng):
    """New directions of photons at walls, and which of them passed."""
    here, there = indices
    new, passed = direction.copy(), np.zeros(len(direction), bool)
    open_ = np.arange(len(direction))
    while open_.size:
        old, wall = direction[open_], normal[open_]
        facet = facets(old, wall, roughness[open_], rng)
        cosine = -(old * facet).sum(axis=1)
        back = rng.random(open_.size) < fresnel(here, there, cosine)
        mirrored = old + 2 * cosine[:, None] * facet
        ratio = here / there
        inner = np.sqrt(np.maximum(1 - ratio**2 * (1 - cosine**2), 0.0))
        bent = ratio * old + (ratio * cosine - inner)[:, None] * facet
        out = np.where(back[:, None], mirrored, bent)
        side = (out * wall).sum(axis=1)
        right = np.where(back, side > 0, side < 0)
        new[open_[right]], passed[open_[right]] = out[right], ~back[right]
        open_ = open_[~right]
    return new, passed


def met_walls(direction, rng):
    """Normals of the columns that photons meet, at any distance from the axis alike."""
    heading = np.arctan2(direction[:, 1], direction[:, 0])
    turned = heading + np.pi + np.arcsin(rng.uniform(-1.0, 1.0, len(direction)))
    return np.stack([np.cos(turned), np.sin(turned), np.zeros(len(direction))], axis=1)


def trace_reference(layer, thickness_um, depth_um, rng):
    """Radii of the detected photons [um], and how many were absorbed in the layer and lost at the top."""
    count = len(depth_um)
    place = np.stack([np.zeros(count), np.zeros(count), depth_um], axis=1)
    radius = layer.column_radius_um * np.sqrt(rng.random(count))
    angle = rng.uniform(0, 2 * np.pi, count)
    axis = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)  # place from the axis of the column
    direction, inside = unit_vectors(count, rng), np.ones(count, bool)
    detected, absorbed, lost = [], 0, 0
    while len(place):
        slant = np.hypot(direction[:, 0], direction[:, 1])
        b = (axis * direction[:, :2]).sum(axis=1) / slant
        chord = np.sqrt(np.maximum(b**2 + layer.column_radius_um**2 - (axis**2).sum(axis=1), 0.0)) - b
        wall = np.where(inside, chord, rng.exponential(layer.gap_um, len(place))) / slant
        down = direction[:, 2] > 0
        reach = np.where(down, thickness_um - place[:, 2], place[:, 2]) / np.abs(direction[:, 2])
        way = np.minimum(wall, reach)
        middles = place[:, 2, None] + (np.arange(POINTS) + 0.5) / POINTS * (way * direction[:, 2])[:, None]
        taken = absorption_at(layer.absorption_length_um, middles / thickness_um).mean(axis=1) * way
        gone = inside & (rng.random(len(place)) < -np.expm1(-taken))
        absorbed += int(gone.sum())
        place += way[:, None] * direction
        axis += way[:, None] * direction[:, :2]
        at_face = ~gone & (reach <= wall)
        at_sensor, at_top = at_face & down, at_face & ~down
        place[at_sensor, 2], place[at_top, 2] = thickness_um, 0.0
        out = at_sensor & (rng.random(len(place)) >= layer.sensor_reflectivity)
        detected.append(np.hypot(place[out, 0], place[out, 1]))
        away = at_top & (rng.random(len(place)) >= layer.top_reflectivity)
        lost += int(away.sum())
        direction[at_sensor, 2] *= -1
        diffuse = np.flatnonzero(at_top & ~away)
        lambert = unit_vectors(diffuse.size, rng) + np.array([0.0, 0.0, 1.0])
        direction[diffuse] = lambert / np.linalg.norm(lambert, axis=1, keepdims=True)

        depth = place[:, 2] / thickness_um
        at_wall = ~gone & ~at_face
        touching = at_wall & inside & (rng.random(len(place)) < value_at(layer.crosstalk, depth))
        leaving, entering = np.flatnonzero(at_wall & inside & ~touching), np.flatnonzero(at_wall & ~inside)
        now = np.flatnonzero(touching)
        axis[now] = layer.column_radius_um * met_walls(direction[now], rng)[:, :2]
        rough = value_at(layer.roughness, depth)
        normal = np.zeros((leaving.size, 3))
        normal[:, :2] = -axis[leaving] / np.linalg.norm(axis[leaving], axis=1, keepdims=True)
        indices = (layer.refractive_index, layer.gap_index)
        direction[leaving], passed = cross_walls(direction[leaving], normal, indices, rough[leaving], rng)
        inside[leaving] = ~passed
        normal = met_walls(direction[entering], rng)
        axis[entering] = layer.column_radius_um * normal[:, :2]
        direction[entering], passed = cross_walls(direction[entering], normal, indices[::-1], rough[entering], rng)
        inside[entering] = passed
        left = ~(gone | out | away)
        place, axis, direction, inside = place[left], axis[left], direction[left], inside[left]
    return np.concatenate(detected), absorbed, lost
