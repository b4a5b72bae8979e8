"""Objects in air displace it: closed forms of what that leaves of the beam."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xraylib

from phantoms.solids import Box, Sphere, phantom_of, place
from radiography.beam.attenuation import material
from radiography.projection.geometry import Geometry
from radiography.projection.project import project
from tests.projection.projection_reference import bell_spectrum, box_mesh, cosine

IN_AIR = Geometry(source_to_detector_mm=1000.0, rows=48, cols=64, pitch_mm=2.5, medium="air")


@pytest.mark.parametrize("as_mesh", [False, True])
def test_air_in_air_leaves_the_open_beam_bit_for_bit(as_mesh):
    energy_keV, fluence = bell_spectrum()
    box = Box((80.0, 60.0, 50.0))
    shape = box_mesh(box.size_mm) if as_mesh else box
    air = phantom_of("air", [place(shape, "air", (0, 0, 100), (5, 10, 15)), place(Sphere(9.0), "air", (0, 0, 200))])
    np.testing.assert_array_equal(
        project(air, IN_AIR, energy_keV, [fluence]), project(None, IN_AIR, energy_keV, [fluence])
    )


@pytest.mark.parametrize("as_mesh", [False, True])
@pytest.mark.parametrize(("name", "formula"), [("PMMA", "C5H8O2"), ("Al", "Al"), ("vacuum", None)])
def test_50_mm_darken_by_what_they_attenuate_more_than_air(name, formula, as_mesh):
    energy_keV = 40.0
    size_mm = (400.0, 400.0, 50.0)
    slab = phantom_of("slab", [place(box_mesh(size_mm) if as_mesh else Box(size_mm), name, (0, 0, 100))])
    ratio = project(slab, IN_AIR, [energy_keV], [[1.0]])[0] / project(None, IN_AIR, [energy_keV], [[1.0]])[0]
    mu_per_mm = xraylib.CS_Total_CP(formula, energy_keV) if formula else 0.0
    mu_per_mm *= material(name).density_g_per_cm3 / 10.0
    parts = {7: 0.755268, 8: 0.231781, 18: 0.012827, 6: 0.000124}  # NIST, dry air, 1.205 kg/m3
    air_per_mm = 0.1 * 0.001205 * sum(share * xraylib.CS_Total(z, energy_keV) for z, share in parts.items())
    assert 50.0 * air_per_mm == pytest.approx(0.0015, abs=2e-4)
    expected = np.exp(-(mu_per_mm - air_per_mm) * 50.0 / cosine(IN_AIR))
    np.testing.assert_allclose(ratio, expected, rtol=5e-6)


def test_a_hole_of_air_is_where_the_solid_is_not():
    energy_keV, fluence = bell_spectrum()
    block, ring = Box((100.0, 100.0, 30.0)), [place(Box((100.0, 35.0, 30.0)), "Al", (0, y, 100)) for y in (-32.5, 32.5)]
    ring += [place(Box((35.0, 30.0, 30.0)), "Al", (x, 0, 100)) for x in (-32.5, 32.5)]
    drilled = phantom_of("drilled", [place(block, "Al", (0, 0, 100)), place(Box((30.0,) * 3), "air", (0, 0, 100))])
    np.testing.assert_allclose(
        project(drilled, IN_AIR, energy_keV, [fluence]),
        project(phantom_of("ring", ring), IN_AIR, energy_keV, [fluence]),
        rtol=2e-6,
    )


def test_an_unknown_medium_is_named():
    with pytest.raises(ValueError, match="no attenuation data for 'aether'"):
        project(None, replace(IN_AIR, medium="aether"), [40.0], [[1.0]])
