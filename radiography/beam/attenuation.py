"""Materials: their composition, and how strongly they attenuate X-rays.

Cross sections come from xraylib (Elam-type tables, within 0.1 % of NIST XCOM at its nodes), added over the elements of
a material by mass fraction. Two families of xraylib functions are not used because they are wrong: ``CS_Energy``
(mass energy absorption, up to a third low in light elements between 15 and 40 keV) and the Kissel photoelectric
functions (``CS_Total_Kissel``, ``CS_Photo_Total``: the partial tables end early for Z of 20 and less).
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

MIN_ENERGY_KEV = 0.1  # lower end of CS_Total, xraylib 4.3
MAX_ENERGY_KEV = 800.0  # upper end of CS_Total, xraylib 4.3
MAX_ATOMIC_NUMBER = 92  # the tables end with uranium
_MM_PER_CM = 10.0

# Function of xraylib for each process; the library is loaded where a cross section is asked for.
_CROSS_SECTIONS = {"total": "CS_Total", "photoelectric": "CS_Photo", "compton": "CS_Compt", "rayleigh": "CS_Rayl"}


@dataclass(frozen=True)
class Material:
    """Composition and density of one material.

    Attributes
    ----------
    name : str
        Name for messages and records.
    mass_fractions : tuple of (int, float)
        Atomic number and fraction of the mass of each element; the fractions sum to 1. Empty for vacuum. [1]
    density_g_per_cm3 : float
        Mass density; 0 for vacuum. [g/cm3]
    source : str
        Where composition and density come from.
    """

    name: str
    mass_fractions: tuple[tuple[int, float], ...]
    density_g_per_cm3: float
    source: str

    def __post_init__(self) -> None:
        if not (np.isfinite(self.density_g_per_cm3) and self.density_g_per_cm3 >= 0):
            raise ValueError(
                f"density of '{self.name}' must be zero or a positive number of g/cm3, got {self.density_g_per_cm3}"
            )
        for atomic_number, fraction in self.mass_fractions:
            if not 1 <= atomic_number <= MAX_ATOMIC_NUMBER:
                raise ValueError(f"'{self.name}' holds atomic number {atomic_number}, allowed are 1 to 92")
            if not (np.isfinite(fraction) and fraction >= 0):
                raise ValueError(f"'{self.name}' holds mass fraction {fraction} of Z={atomic_number}, must be 0 to 1")
        total = sum(fraction for _, fraction in self.mass_fractions)
        if self.mass_fractions and abs(total - 1.0) > 1e-6:
            raise ValueError(f"mass fractions of '{self.name}' sum to {total:.7g}, must be 1")
        if not self.mass_fractions and self.density_g_per_cm3 > 0:
            raise ValueError(f"'{self.name}' weighs {self.density_g_per_cm3} g/cm3 but holds no element")


def _material_from_masses(name: str, mass_by_element: Mapping[int, float], density: float, source: str) -> Material:
    """Material from the masses of its elements, on any scale."""
    total = sum(mass_by_element.values())
    fractions = tuple((z, mass / total) for z, mass in sorted(mass_by_element.items()) if mass != 0)
    return Material(name, fractions, density, source)


def _formula_masses(formula: str) -> dict[int, float]:
    """Mass fraction of each element (by atomic number) of a chemical formula."""
    import xraylib

    try:
        parsed = xraylib.CompoundParser(formula)
    except ValueError as error:
        raise ValueError(f"'{formula}' is not a chemical formula ({error})") from error
    return dict(zip(parsed["Elements"], parsed["massFractions"], strict=True))


def _atomic_number(symbol: str) -> int | None:
    """Atomic number of an element symbol from H to U, None for any other text."""
    import xraylib

    try:
        z = int(xraylib.SymbolToAtomicNumber(symbol))
    except ValueError:
        return None
    return z if 1 <= z <= MAX_ATOMIC_NUMBER else None


@functools.cache
def _material_table() -> dict[str, dict[str, Any]]:
    """Entries of data/materials.toml as they stand."""
    return tomllib.loads((files("radiography") / "data" / "materials.toml").read_text(encoding="utf-8"))


def _material_from_table(name: str, entry: Mapping[str, Any]) -> Material:
    import xraylib

    masses: dict[int, float] = {}
    if "formula" in entry:
        masses = _formula_masses(entry["formula"])
    for symbol, fraction in entry.get("mass_fractions", {}).items():
        masses[xraylib.SymbolToAtomicNumber(symbol)] = fraction
    for part in entry.get("parts", ()):
        for z, fraction in material(part["material"]).mass_fractions:
            masses[z] = masses.get(z, 0.0) + fraction * part["mass_fraction"]
    return _material_from_masses(name, masses, entry["density_g_per_cm3"], entry["source"])


@functools.lru_cache(maxsize=1024)
def _known_material(name: str) -> Material | None:
    """Material of the table, element, or NAME@DENSITY / FORMULA@DENSITY; None when the name is none of these."""
    import xraylib

    table = _material_table()
    if name in table:
        return _material_from_table(name, table[name])
    base, at, density_text = name.partition("@")
    if at:
        try:
            density = float(density_text)
        except ValueError:
            raise ValueError(
                f"'{name}' must end in a density in g/cm3 after the '@', as in 'CsBr@4.44', got '{density_text}'"
            ) from None
        if not density > 0:
            raise ValueError(f"the density in '{name}' must be a positive number of g/cm3, got {density_text}")
        if base in table and table[base]["density_g_per_cm3"] > 0:
            known = _material_from_table(base, table[base])
            return Material(name, known.mass_fractions, density, f"{known.source}; density given by the user")
        masses = _formula_masses(base)
        return _material_from_masses(name, masses, density, "formula and density given by the user")
    z = _atomic_number(name)
    if z is not None:
        return Material(name, ((z, 1.0),), float(xraylib.ElementDensity(z)), "element, density of xraylib")
    return None


def known_materials() -> tuple[str, ...]:
    """Names in the table of materials, in alphabetical order; element symbols and FORMULA@DENSITY come besides."""
    return tuple(sorted(_material_table(), key=str.lower))


def material(name: str, extra: Mapping[str, Material] | None = None) -> Material:
    """Composition and density of a material by name.

    Names are case-sensitive: an entry of ``extra``, one of `known_materials`, an element symbol H to U (density of the
    element as xraylib has it, so bromine is a gas), or a name or chemical formula followed by ``@`` and a density in
    g/cm3, as in ``"CsBr@4.44"`` or ``"CsI@3.4"``.

    Parameters
    ----------
    name : str
        Name of the material.
    extra : mapping of str to Material, optional
        Materials of the user's own, looked at first.

    Returns
    -------
    material : Material
        Mass fractions [1] and density [g/cm3].

    Raises
    ------
    ValueError
        If the name is not known; the message gives the nearest known name and all of them.
    """
    import xraylib

    if extra is not None and name in extra:
        return extra[name]
    found = _known_material(name)
    if found is not None:
        return found
    symbols = [xraylib.AtomicNumberToSymbol(z) for z in range(1, MAX_ATOMIC_NUMBER + 1)]
    known = [*(extra or ()), *known_materials()]
    same_but_for_case = [candidate for candidate in [*known, *symbols] if candidate.lower() == name.lower()]
    nearest = same_but_for_case or difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
    raise ValueError(
        f"no attenuation data for '{name}'{hint}; known: {', '.join(known)}, every element symbol H to U, "
        "and FORMULA@DENSITY with the density in g/cm3"
    )


def mixture(name: str, parts: Sequence[tuple[Material, float]], source: str) -> Material:
    """Material made of others by volume.

    Parameters
    ----------
    name : str
        Name of the mixture.
    parts : sequence of (Material, float)
        Materials and the fraction of the volume that each fills; what is missing to 1 is void. [1]
    source : str
        Where the composition comes from.

    Returns
    -------
    material : Material
        Mean density [g/cm3] and mass fractions [1].

    Raises
    ------
    ValueError
        If a fraction is negative or the fractions sum to more than 1.
    """
    masses: dict[int, float] = {}
    density = 0.0
    for part, volume_fraction in parts:
        if not (np.isfinite(volume_fraction) and volume_fraction >= 0):
            raise ValueError(f"volume fraction of '{part.name}' in '{name}' must be 0 to 1, got {volume_fraction}")
        density += volume_fraction * part.density_g_per_cm3
        for z, fraction in part.mass_fractions:
            masses[z] = masses.get(z, 0.0) + volume_fraction * part.density_g_per_cm3 * fraction
    total = sum(volume_fraction for _, volume_fraction in parts)
    if total > 1.0 + 1e-9:
        raise ValueError(f"volume fractions of '{name}' sum to {total:.6g}, must be 1 or less")
    if density == 0.0:
        return Material(name, (), 0.0, source)
    return _material_from_masses(name, masses, density, source)


def material_key(material: Material) -> dict[str, Any]:
    """What computed results depend on of a material, as part of a key of `cached_arrays`: not its name.

    Parameters
    ----------
    material : Material
        Any.

    Returns
    -------
    key : dict
        Composition [1] and density [g/cm3]; changed, it makes all that is kept be computed again.
    """
    return {
        "composition": [list(part) for part in material.mass_fractions],
        "density_g_per_cm3": float(material.density_g_per_cm3),
    }


def mass_attenuation_cm2_per_g(
    material: Material, energy_keV: npt.ArrayLike, process: str = "total"
) -> npt.NDArray[np.float64]:
    """Mass attenuation coefficient of a material.

    Parameters
    ----------
    material : Material
        Composition.
    energy_keV : (E,) float64
        Photon energies from 0.1 to 800. [keV]
    process : str
        ``"total"``, ``"photoelectric"``, ``"compton"`` or ``"rayleigh"``; total is the sum of the other three.

    Returns
    -------
    mass_attenuation_cm2_per_g : (E,) float64
        Coefficient, 0 for vacuum. [cm2/g]

    Raises
    ------
    ValueError
        If the process is not one of the four, or an energy lies outside the tables.

    Notes
    -----
    Free-atom cross sections; structure near an edge and Bragg scattering are left out.
    """
    import xraylib

    if process not in _CROSS_SECTIONS:
        raise ValueError(f"process must be one of {', '.join(_CROSS_SECTIONS)}, got '{process}'")
    energies = np.asarray(energy_keV, dtype=np.float64)
    outside = energies[~((energies >= MIN_ENERGY_KEV) & (energies <= MAX_ENERGY_KEV))]
    if outside.size:
        raise ValueError(
            f"energy_keV must lie between {MIN_ENERGY_KEV} and {MAX_ENERGY_KEV} keV for attenuation, got {outside[0]}"
        )
    cross_section = getattr(xraylib, _CROSS_SECTIONS[process])
    total = np.zeros(energies.size)
    for z, fraction in material.mass_fractions:
        total += fraction * np.array([cross_section(z, energy) for energy in energies.ravel().tolist()])
    return total.reshape(energies.shape)


def linear_attenuation_per_mm(material: Material, energy_keV: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Total linear attenuation coefficient, (E,) float64 [1/mm], at photon energies (E,) [keV]; 0 for vacuum.

    Parameters
    ----------
    material : Material
        What attenuates.
    energy_keV : (E,) float64
        Photon energies. [keV]

    Returns
    -------
    mu_per_mm : (E,) float64
        [1/mm]

    Raises
    ------
    ValueError
        If an energy lies outside 0.1 to 800 keV.
    """
    return mass_attenuation_cm2_per_g(material, energy_keV) * (material.density_g_per_cm3 / _MM_PER_CM)


def photoelectric_power(material: Material, low_keV: float, high_keV: float) -> float:
    """Power with which a material's photoelectric attenuation falls with the energy.

    Parameters
    ----------
    material : Material
    low_keV, high_keV : float
        Range without an edge. [keV]

    Returns
    -------
    power : float
        n of E^-n, by least squares of the logarithms at 61 even steps. [1]

    Raises
    ------
    ValueError
        If the range is empty.
    """
    if not low_keV < high_keV:
        raise ValueError(f"a power needs a range of energies, got {low_keV:g} to {high_keV:g} keV")
    energy = np.linspace(low_keV, high_keV, 61)
    photo = mass_attenuation_cm2_per_g(material, energy, "photoelectric")
    return float(-np.polyfit(np.log(energy), np.log(photo), 1)[0])
