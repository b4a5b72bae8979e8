"""Cross sections, scattering functions and fluorescence lines of one material, tabulated for the Monte Carlo.

Everything comes from xraylib 4. The tables are plain arrays in a named tuple, because compiled kernels read them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material, linear_attenuation_per_mm, mass_attenuation_cm2_per_g

MIN_TRACKED_KEV = 1.0  # softer photons are absorbed where they start (range in solids: below 3 um)
KEV_ANGSTROM = 12.398419843320026  # h c, exact by the SI of 2019 [keV Angstrom]
EDGE_BRACKET = 2e-4  # grids touch an edge on both sides at this relative distance: tables jump within 4 eV of it

_GRID_STEP = 0.01  # of the logarithm of the energy; log-log interpolation is then good to 1e-4
_MOMENTUM_STEP = 0.01  # of the momentum transfer [1/Angstrom]
_LOWEST_MOMENTUM = 1e-3  # SF_Compt of xraylib starts here [1/Angstrom]
_SHELLS = (0, 1, 2, 3)  # K_SHELL, L1_SHELL, L2_SHELL, L3_SHELL of xraylib
_SHELL_NAMES = ("K", "L1", "L2", "L3")
_EDGE_SHELLS = (*_SHELLS, 4, 5, 6, 7, 8)  # and M1_SHELL to M5_SHELL

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class PhotonTables(NamedTuple):
    """Tables of one material with N elements.

    Channels are numbered process by process: N photoelectric, N Compton, N Rayleigh. Shells are K, L1, L2, L3.
    """

    log_energy: FloatArray  # (G,) logarithm of the energy grid [log keV]
    log_attenuation: FloatArray  # (G,) logarithm of the total linear attenuation coefficient [log 1/mm]
    channel_probability: FloatArray  # (G, 3 N) cumulative over the channels [1]
    edge_keV: FloatArray  # (N, 4) binding energies, infinite where the shell is not tabulated [keV]
    shell_probability: FloatArray  # (N, 4) fraction of a shell among itself and the shells outside it [1]
    fluorescence_yield: FloatArray  # (N, 4) [1]
    coster_kronig: FloatArray  # (N, 3) probabilities L1 to L2, L1 to L3, L2 to L3 [1]
    line_start: IntArray  # (N, 5) first line of each shell in the next three, and the end of the last
    line_keV: FloatArray  # (lines,) [keV]
    line_probability: FloatArray  # (lines,) cumulative within a shell [1]
    line_shell: IntArray  # (lines,) shell that the line leaves a vacancy in, -1 where that is not followed
    incoherent: FloatArray  # (N, Q) S(x) over its largest value, x = 0, 0.01, ... per Angstrom [1]
    coherent_integral: FloatArray  # (N, Q) integral of F(x)^2 over x^2 from 0 [1/Angstrom2]


def absorption_edges_keV(material: Material) -> FloatArray:
    """Energies of all K, L and M edges of a material's elements, rising, (edges,) float64. [keV]"""
    import xraylib

    edges = []
    for z, _ in material.mass_fractions:
        for shell in _EDGE_SHELLS:
            try:
                edges.append(float(xraylib.EdgeEnergy(z, shell)))
            except ValueError:  # a light element does not have the shell
                continue
    return np.unique(edges)


def _or_zero(function: object, *arguments: int) -> float:
    """A property of xraylib, 0 where the library has none for this element."""
    try:
        return float(function(*arguments))  # type: ignore[operator]
    except ValueError:
        return 0.0


def _energy_grid(material: Material, highest_keV: float) -> FloatArray:
    lowest, highest = np.log(0.99 * MIN_TRACKED_KEV), np.log(1.001 * highest_keV)
    regular = np.exp(np.linspace(lowest, highest, int(np.ceil((highest - lowest) / _GRID_STEP)) + 1))
    edges = absorption_edges_keV(material)
    edges = edges[(edges > 1.01 * regular[0]) & (edges < 0.99 * regular[-1])]
    return np.unique(np.concatenate([regular, edges * (1 - EDGE_BRACKET), edges * (1 + EDGE_BRACKET)]))


def _lines_of_shell(z: int, shell_name: str) -> list[tuple[float, float, int]]:
    """Energy [keV], radiative rate [1] and shell of the new vacancy of all lines that fill one shell."""
    import xraylib

    lines = []
    for name in dir(xraylib):
        # single lines are KL2_LINE, L1M2_LINE, ...; the groups KA, KB, LA, LB are sums of them
        if not (name.endswith("_LINE") and name.startswith(shell_name)):
            continue
        outer = name[len(shell_name) : -len("_LINE")]
        if not (len(outer) == 2 and outer[0] in "LMNOPQ" and outer[1].isdigit()):
            continue
        line = getattr(xraylib, name)
        rate, energy = _or_zero(xraylib.RadRate, z, line), _or_zero(xraylib.LineEnergy, z, line)
        if rate > 0 and energy > 0:
            target = _SHELL_NAMES.index(outer) if outer in _SHELL_NAMES and shell_name == "K" else -1
            lines.append((energy, rate, target))
    return sorted(lines, key=lambda entry: -entry[1])


def photon_tables(material: Material, highest_keV: float) -> PhotonTables:
    """Tables for photons in a material from 1 keV up to an energy.

    Parameters
    ----------
    material : Material
        Composition and density; not vacuum.
    highest_keV : float
        Highest photon energy to be followed. [keV]

    Returns
    -------
    tables : PhotonTables
        See there.

    Raises
    ------
    ValueError
        If the material holds no atom.

    Notes
    -----
    Shells are chosen by jump ratio, 1 - 1/J, taken as constant above the edge. Fluorescence yields, Coster-Kronig
    probabilities, line energies and relative rates, form factors and incoherent scattering functions are xraylib's.
    Vacancies are followed from K to L by lines, and within L; those left by Auger electrons and those in M and further
    out are taken to end where they are (lead M lines have 2.4 keV and a range of 1 um).
    """
    import xraylib

    if not material.mass_fractions or material.density_g_per_cm3 == 0:
        raise ValueError(f"'{material.name}' holds no atom that a photon could meet")
    elements = [z for z, _ in material.mass_fractions]
    energy = _energy_grid(material, highest_keV)
    channels = []
    for process in ("photoelectric", "compton", "rayleigh"):
        for z, fraction in material.mass_fractions:
            alone = Material(f"Z={z}", ((z, 1.0),), 1.0, material.source)
            channels.append(fraction * mass_attenuation_cm2_per_g(alone, energy, process))
    cumulative = np.cumsum(np.array(channels).T, axis=1)

    edge = np.full((len(elements), 4), np.inf)
    shell_probability, fluorescence_yield = np.zeros((len(elements), 4)), np.zeros((len(elements), 4))
    coster_kronig = np.zeros((len(elements), 3))
    line_start, lines = np.zeros((len(elements), 5), dtype=np.int64), []
    for index, z in enumerate(elements):
        for shell, shell_name in enumerate(_SHELL_NAMES):
            shell_edge, jump = (_or_zero(f, z, _SHELLS[shell]) for f in (xraylib.EdgeEnergy, xraylib.JumpFactor))
            if shell_edge > 0 and jump > 1:
                edge[index, shell], shell_probability[index, shell] = shell_edge, 1 - 1 / jump
            of_shell = _lines_of_shell(z, shell_name)
            if of_shell:
                fluorescence_yield[index, shell] = _or_zero(xraylib.FluorYield, z, _SHELLS[shell])
            rates = np.cumsum([rate for _, rate, _ in of_shell])
            lines += [
                (line_energy, total / rates[-1], target)
                for (line_energy, _, target), total in zip(of_shell, rates, strict=True)
            ]
            line_start[index, shell + 1] = len(lines)
        if index + 1 < len(elements):
            line_start[index + 1, 0] = len(lines)
        transitions = (xraylib.FL12_TRANS, xraylib.FL13_TRANS, xraylib.FL23_TRANS)
        coster_kronig[index] = [_or_zero(xraylib.CosKronTransProb, z, transition) for transition in transitions]

    momentum = _MOMENTUM_STEP * np.arange(int(np.ceil(1.001 * highest_keV / KEV_ANGSTROM / _MOMENTUM_STEP)) + 2)
    incoherent, form_factor = np.zeros((len(elements), momentum.size)), np.zeros((len(elements), momentum.size))
    for index, z in enumerate(elements):
        for place, x in enumerate(momentum.tolist()):
            incoherent[index, place] = xraylib.SF_Compt(z, x) if x > _LOWEST_MOMENTUM else 0.0
            form_factor[index, place] = xraylib.FF_Rayl(z, x)
    weight = form_factor**2
    steps = 0.5 * (weight[:, 1:] + weight[:, :-1]) * np.diff(momentum**2)
    coherent_integral = np.concatenate([np.zeros((len(elements), 1)), np.cumsum(steps, axis=1)], axis=1)
    return PhotonTables(
        log_energy=np.log(energy),
        log_attenuation=np.log(linear_attenuation_per_mm(material, energy)),
        channel_probability=np.ascontiguousarray(cumulative / cumulative[:, -1:]),
        edge_keV=edge,
        shell_probability=shell_probability,
        fluorescence_yield=fluorescence_yield,
        coster_kronig=coster_kronig,
        line_start=line_start,
        line_keV=np.array([line[0] for line in lines], dtype=np.float64),
        line_probability=np.array([line[1] for line in lines], dtype=np.float64),
        line_shell=np.array([line[2] for line in lines], dtype=np.int64),
        incoherent=incoherent / incoherent.max(axis=1, keepdims=True),
        coherent_integral=coherent_integral,
    )
