"""Slow, plain Monte Carlo of X-rays in a stack of slabs, to judge the panel's by: numpy and xraylib, nothing shared.

Photoelectric absorption with K fluorescence, Compton and Rayleigh scattering; what is set free otherwise stays. All
photons of a batch go one step together. Directions are by their cosine to the normal only: slabs have no sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xraylib

ELECTRON_KEV = 510.99895
KEV_ANGSTROM = 12.39841984
LINES = ("KL3", "KL2", "KM3", "KM2", "KN3", "KN2")
LOWEST_KEV = 1.5


@dataclass(frozen=True)
class Table:
    """Cross sections of a material by energy: (G,) energies, attenuation [1/mm], shares (G, 3 N) of each process."""

    elements: list[int]
    energy_keV: np.ndarray
    mu_per_mm: np.ndarray
    share: np.ndarray


def table(mass_fractions: list[tuple[int, float]], density: float, highest_keV: float) -> Table:
    edges = [xraylib.EdgeEnergy(z, xraylib.K_SHELL) for z, _ in mass_fractions]
    both = [edge * way for edge in edges for way in (1 - 1e-6, 1 + 1e-6) if LOWEST_KEV < edge < highest_keV]
    energy = np.unique([*np.geomspace(LOWEST_KEV, highest_keV * 1.001, 500), *both])
    calls = (xraylib.CS_Photo, xraylib.CS_Compt, xraylib.CS_Rayl)
    parts = np.array([[f * call(z, float(e)) for call in calls for z, f in mass_fractions] for e in energy])
    mu = parts.sum(axis=1)
    return Table([z for z, _ in mass_fractions], energy, mu * density * 0.1, np.cumsum(parts, axis=1) / mu[:, None])


class Angles:
    """Momentum transfers of bound electrons: incoherent function and squared form factor of one element."""

    def __init__(self, z: int) -> None:
        self.q = np.linspace(0.0, 15.0, 3001)
        self.incoherent = np.array([0.0, *(xraylib.SF_Compt(z, float(q)) for q in self.q[1:])]) / z
        squared = np.array([float(z), *(xraylib.FF_Rayl(z, float(q)) for q in self.q[1:])]) ** 2
        steps = 0.5 * (squared[1:] + squared[:-1]) * np.diff(self.q**2)
        self.coherent = np.concatenate([[0.0], np.cumsum(steps)])

    def rayleigh(self, energy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        largest = energy / KEV_ANGSTROM
        found, open_ones = np.empty_like(energy), np.arange(energy.size)
        while open_ones.size:
            top = np.interp(largest[open_ones] ** 2, self.q**2, self.coherent)
            squared = np.interp(rng.random(open_ones.size) * top, self.coherent, self.q**2)
            cosine = 1.0 - 2.0 * squared / largest[open_ones] ** 2
            good = rng.random(open_ones.size) < 0.5 * (1.0 + cosine**2)
            found[open_ones[good]] = cosine[good]
            open_ones = open_ones[~good]
        return found

    def compton(self, energy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        found, open_ones = np.empty_like(energy), np.arange(energy.size)
        while open_ones.size:
            e = energy[open_ones]
            cosine = rng.uniform(-1.0, 1.0, open_ones.size)
            ratio = 1.0 / (1.0 + e / ELECTRON_KEV * (1.0 - cosine))
            cross = 0.5 * ratio**2 * (ratio + 1.0 / ratio - 1.0 + cosine**2)  # of Klein and Nishina, at most 1
            q = e / KEV_ANGSTROM * np.sqrt(0.5 * (1.0 - cosine))
            good = rng.random(open_ones.size) < cross * np.interp(q, self.q, self.incoherent)
            found[open_ones[good]] = cosine[good]
            open_ones = open_ones[~good]
        return found


def absorbed_keV(
    slabs: list[tuple[list[tuple[int, float]], float, float]], energy_keV: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Energy that each photon leaves in each slab, (S, N), at normal incidence on the first.

    ``slabs``: mass fractions by atomic number, density [g/cm3] and thickness [mm] of each.
    """
    highest = float(energy_keV.max())
    tables = [table(fractions, density, highest) for fractions, density, _ in slabs]
    face = np.concatenate([[0.0], np.cumsum([thickness for _, _, thickness in slabs])])
    angles = {z: Angles(z) for one in tables for z in one.elements}
    left = np.zeros((len(slabs), energy_keV.size))
    owner, energy = np.arange(energy_keV.size), energy_keV.astype(np.float64)
    place, cosine, slab = np.zeros_like(energy), np.ones_like(energy), np.zeros(energy.size, np.int64)
    while owner.size:
        # One step: to the next interaction, or to the next face.
        mu = np.empty_like(energy)
        for number, one in enumerate(tables):
            here = slab == number
            mu[here] = np.exp(np.interp(np.log(energy[here]), np.log(one.energy_keV), np.log(one.mu_per_mm)))
        way = rng.exponential(size=energy.size) / mu
        to_face = (np.where(cosine > 0, face[slab + 1], face[slab]) - place) / np.where(cosine == 0, 1e-12, cosine)
        crosses = way >= to_face
        place = np.where(crosses, np.where(cosine > 0, face[slab + 1], face[slab]), place + way * cosine)
        slab = slab + np.where(crosses, np.where(cosine > 0, 1, -1), 0)
        ends = (slab < 0) | (slab >= len(slabs))
        for number, one in enumerate(tables):
            met = np.flatnonzero(~crosses & (slab == number))
            if not met.size:
                continue
            draw, count = rng.random(met.size), len(one.elements)
            rows = np.searchsorted(one.energy_keV, energy[met]).clip(0, one.energy_keV.size - 1)
            channel = (draw[:, None] > one.share[rows]).sum(axis=1)
            for which in np.unique(channel):
                hit, z = met[channel == which], one.elements[which % count]
                process, e = which // count, energy[hit]
                if process == 0:
                    line = _k_line(z, e, rng)
                    left[number] += np.bincount(owner[hit], e - line, minlength=energy_keV.size)
                    energy[hit], cosine[hit] = line, rng.uniform(-1.0, 1.0, hit.size)
                    ends[hit[line == 0]] = True
                    continue
                turn = (angles[z].compton if process == 1 else angles[z].rayleigh)(e, rng)
                if process == 1:
                    after = e / (1.0 + e / ELECTRON_KEV * (1.0 - turn))
                    low = after < LOWEST_KEV
                    left[number] += np.bincount(owner[hit], e - np.where(low, 0.0, after), minlength=energy_keV.size)
                    energy[hit] = after
                    ends[hit[low]] = True
                around = np.cos(2.0 * np.pi * rng.random(hit.size))
                flat = np.sqrt(np.maximum((1.0 - cosine[hit] ** 2) * (1.0 - turn**2), 0.0))
                cosine[hit] = np.clip(cosine[hit] * turn + flat * around, -1.0, 1.0)
        goes_on = ~ends
        owner, energy, place, cosine, slab = (each[goes_on] for each in (owner, energy, place, cosine, slab))
    return left


def _k_line(z: int, energy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Energy of the K photon that an atom sends out, 0 where it sends none. [keV]"""
    line = np.zeros_like(energy)
    try:
        edge, jump = xraylib.EdgeEnergy(z, xraylib.K_SHELL), xraylib.JumpFactor(z, xraylib.K_SHELL)
        chance = xraylib.FluorYield(z, xraylib.K_SHELL) * (1.0 - 1.0 / jump)
    except ValueError:
        return line
    energies, rates = [], []
    for name in LINES:
        number = getattr(xraylib, f"{name}_LINE")
        try:
            energies.append(xraylib.LineEnergy(z, number))
            rates.append(xraylib.RadRate(z, number))
        except ValueError:
            continue
    if not energies or max(energies) < LOWEST_KEV:
        return line
    emits = (energy > edge) & (rng.random(energy.size) < chance)
    line[emits] = rng.choice(energies, size=int(emits.sum()), p=np.array(rates) / np.sum(rates))
    return line
