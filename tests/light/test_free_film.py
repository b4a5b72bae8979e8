"""Light out of either face: escape cone of a clear film, symmetry, and everything accounted for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.config import load_scintillator
from radiography.light.free_film import escape_cone, light_by_face, scan_energies, trace_free_film
from radiography.light.optics import TurbidLayer


@pytest.fixture(scope="module")
def film() -> TurbidLayer:
    layer = load_scintillator("CsPbBr3_75um").transport
    assert isinstance(layer, TurbidLayer)
    return layer


def fresnel_escape(index: float) -> float:
    """Part of even light in a clear slab that leaves by one face into air, with what bounces between the faces."""
    cosine = (np.arange(200_000) + 0.5) / 200_000
    out = np.sqrt(np.maximum(1 - index**2 * (1 - cosine**2), 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        s = ((index * cosine - out) / (index * cosine + out)) ** 2
        p = ((cosine - index * out) / (cosine + index * out)) ** 2
    lost = np.where(out > 0, 0.5 * (s + p), 1.0)
    # up or down alike; the faces take turns: half of what leaves at all leaves by each
    return float(np.mean(np.where(lost < 1, 1.0, 0.0)) / 2)


@pytest.mark.slow
def test_a_clear_film_lets_out_its_escape_cones(film: TurbidLayer, tmp_path: Path) -> None:
    clear = replace(film, transport_length_um=1e9, self_absorption=None)
    found = light_by_face(clear, 75.0, photons=100_000, cache_folder=tmp_path)
    known = fresnel_escape(film.refractive_index)
    assert known == pytest.approx((1 - np.sqrt(1 - 1 / film.refractive_index**2)) / 2, rel=1e-3)
    assert found.far.mean() == pytest.approx(known, abs=4 * found.error.mean() / np.sqrt(20))
    assert found.near.mean() == pytest.approx(known, abs=4 * found.error.mean() / np.sqrt(20))


def test_faces_alike_give_light_that_mirrors(film: TurbidLayer, tmp_path: Path) -> None:
    found = light_by_face(film, 75.0, photons=200_000, cache_folder=tmp_path)
    off = (found.near - found.far[::-1]) / (np.sqrt(2) * found.error)
    assert np.abs(off).max() < 4.5
    assert found.near[0] > found.far[0]


def test_a_denser_medium_takes_more(film: TurbidLayer, tmp_path: Path) -> None:
    found = light_by_face(film, 75.0, far_index=1.41, photons=100_000, cache_folder=tmp_path)
    assert found.far.mean() > 1.2 * found.near.mean()
    assert np.all(found.near + found.far < 1)


def test_a_clear_slab_has_two_cones() -> None:
    assert escape_cone(1.0) == pytest.approx(0.5)
    assert escape_cone(1.79) == pytest.approx(fresnel_escape(1.79), abs=1e-4)


def test_a_scan_is_energy_times_yield_times_what_leaves(tmp_path: Path) -> None:
    film, given = load_scintillator("CsPbBr3_75um"), {"histories": 2000, "photons": 2000, "cache_folder": tmp_path}
    scan = scan_energies(film, 75.0, [20.0, 30.0], **given)
    response, faces = trace_free_film(film, 75.0, [20.0, 30.0], **given)
    kept_keV = response.interaction_fraction * response.mean_energy_keV
    assert scan.absorbed == pytest.approx(kept_keV / [20.0, 30.0])
    for light, face in ((scan.light_near, faces.near), (scan.light_far, faces.far)):
        assert light == pytest.approx(film.light.yield_per_keV * kept_keV * (response.depth_fraction @ face))
    with pytest.raises(ValueError, match=r"needs the optics of a turbid layer, but 'CsI_Tl_500um' has none"):
        scan_energies(load_scintillator("CsI_Tl_500um"), 75.0, [20.0])
