"""Mixed halides: ends of the series, order of the lines, what does not mix."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.light.halides import END_NM, halide_line, line_spectrum, mixed_gap_eV


@pytest.mark.parametrize(("atoms", "peak_nm"), [((3, 0, 0), 410.0), ((0, 3, 0), 530.0), ((0, 0, 3), 700.0)])
def test_one_halide_emits_where_the_series_ends(atoms: tuple[float, float, float], peak_nm: float) -> None:
    assert halide_line(*atoms, bow_eV=0.2).peak_nm == pytest.approx(peak_nm, rel=1e-12)


@pytest.mark.parametrize("pair", [("Cl", "Br"), ("Br", "I")])
@pytest.mark.parametrize("bow_eV", [0.0, 0.2])
def test_the_gap_falls_with_the_heavier_halide_and_bows_downwards(pair: tuple[str, str], bow_eV: float) -> None:
    part = np.linspace(0, 1, 101)
    gap = mixed_gap_eV(*pair, part, bow_eV)
    assert np.all(np.diff(gap) < 0)
    assert gap[50] == pytest.approx(0.5 * (gap[0] + gap[-1]) - bow_eV / 4, rel=1e-12)


def test_a_line_has_half_its_height_at_half_its_width() -> None:
    line = halide_line(0, 3, 0)
    assert line.fwhm_nm == pytest.approx(12 + 28 * (END_NM["Br"] - 410) / 290)
    assert line_spectrum(line, [line.peak_nm, line.peak_nm - line.fwhm_nm / 2]) == pytest.approx([1.0, 0.5])


@pytest.mark.parametrize("atoms", [(1, 0, 2), (1, 1, 0), (4, -1, 0)])
def test_no_such_perovskite(atoms: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"do not mix|3 halide atoms"):
        halide_line(*atoms)


def test_chlorine_with_iodine_has_no_gap() -> None:
    with pytest.raises(ValueError, match="mix"):
        mixed_gap_eV("Cl", "I", 0.5)
    with pytest.raises(ValueError, match="0 to 1"):
        mixed_gap_eV("Cl", "Br", 1.5)
