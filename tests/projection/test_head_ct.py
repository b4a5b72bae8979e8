"""A real head: the CT of Debian's package invesalius-examples, where it is installed or named by a variable.

RADIOGRAPHY_HEAD_CT is the path of its Cranium.inv3, a packed folder with 108 x 256 x 256 int16 of Hounsfield units. The
package is under GPL-2 and is not part of this project.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from phantoms.hounsfield import BASIS
from phantoms.solids import Cylinder, Phantom, place
from radiography.projection.geometry import Geometry
from radiography.projection.project import project
from radiography.projection.scene_volume import VolumeChoice, placed_volume
from radiography.projection.volume_paths import areal_masses, interpolated_masses

INSTALLED = "/usr/share/doc/invesalius-examples/examples/Cranium.inv3"
HEAD = Path(os.environ.get("RADIOGRAPHY_HEAD_CT", INSTALLED))
pytestmark = pytest.mark.skipif(not HEAD.is_file(), reason="needs the head CT of Debian's invesalius-examples")

SOURCE_MM = np.array([0.0, 0.0, 1200.0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("head")
    with tarfile.open(HEAD) as packed:
        (member,) = (each for each in packed.getmembers() if each.name.endswith("/matrix.dat"))
        content = packed.extractfile(member)
        assert content is not None
        (folder / "head.raw").write_bytes(content.read())
    return folder


def _head(folder: Path, view: str):
    """Its slices rise to the top of the head and its rows to the nose, as pictures of them show."""
    choice = VolumeChoice(
        "head.raw",
        "schneider",
        (0.9570312, 0.9570312, 1.5),
        "LAS",
        view,
        shape=(108, 256, 256),
        dtype="int16",
        position_mm=(0.0, 0.0, 160.0),
    )
    return placed_volume(choice, "volume[0]", folder, {})


def test_a_head_weighs_what_heads_do(folder) -> None:
    head = _head(folder, "PA")
    counts = np.bincount(head.codes.ravel(), minlength=len(head.partial_g_per_cm3))
    kg = 1e-6 * np.prod(head.spacing_mm) * (counts @ head.partial_g_per_cm3)
    assert 2.5 < kg.sum() < 5.0  # a whole one 4.5 kg; this ends above the jaw, and has a head rest
    assert 0.1 < kg[BASIS.index("cortical_bone")] / kg.sum() < 0.25


def test_the_nose_is_at_the_left_of_a_left_lateral_and_the_skull_is_dense(folder) -> None:
    panel = Geometry(1200.0, 100, 120, 2.5)
    lateral = -np.log(project(Phantom("", (), (_head(folder, "left lateral"),)), panel, [60.0], [[1.0]])[0])
    frontal = -np.log(project(Phantom("", (), (_head(folder, "PA"),)), panel, [60.0], [[1.0]])[0])
    assert 4.0 < lateral.max() < 8.0
    low = lateral[60:75]  # rows of the face: the nose is thin, the back of the head is not
    edge = np.flatnonzero(low.mean(axis=0) > 0.3)
    assert low[:, edge[0] : edge[0] + 8].mean() < 0.5 * low[:, edge[-1] - 18 : edge[-1] - 10].mean()
    inside = frontal[30:60]  # left and right agree, as they must: columns mirrored about the middle
    assert np.corrcoef(inside.ravel(), inside[:, ::-1].ravel())[0, 1] > 0.95


@pytest.mark.slow
def test_coarse_rays_are_within_a_thousandth_in_a_real_body(folder) -> None:
    head = _head(folder, "PA")
    places = np.linspace(-70.0, 70.0, 1400)
    rows = np.linspace(-50.0, 40.0, 900)
    every = areal_masses(head, SOURCE_MM, places, rows).sum(axis=0)
    usual = interpolated_masses(head, SOURCE_MM, places, rows).sum(axis=0)
    wider = interpolated_masses(head, SOURCE_MM, places, rows, 2.0, 0.016).sum(axis=0)  # 5 % of the cells are smooth
    assert np.sqrt(np.mean((usual - every) ** 2)) < 0.0001 * every.mean()
    assert 0 < np.sqrt(np.mean((wider - every) ** 2)) < 0.001 * every.mean()


def test_an_implant_takes_the_place_of_bone(folder) -> None:
    panel, head = Geometry(1200.0, 60, 60, 3.0), _head(folder, "PA")
    screw = place(Cylinder(8.0, 30.0), "Ti@4.5", (0.0, 0.0, 160.0))
    void = place(Cylinder(8.0, 30.0), "air", (0.0, 0.0, 160.0))
    plain, emptied, filled = (
        -np.log(project(Phantom("", solids, (head,)), panel, [60.0], [[1.0]])[0]) for solids in ((), (void,), (screw,))
    )
    assert emptied[29:31, 29:31].max() < plain[29:31, 29:31].min() < filled[29:31, 29:31].min()
    assert np.array_equal(plain[:20], filled[:20])
