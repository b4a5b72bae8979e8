"""The viewer's bundle: what is kept is what its sources build, and small enough to ship."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = REPOSITORY / "radiography" / "data" / "viewer"
LARGEST_BYTES = 4_000_000


def test_the_bundle_is_small_and_its_notices_name_what_it_is_made_of() -> None:
    assert (KEPT / "cornerstone.js").stat().st_size < LARGEST_BYTES
    notices = (KEPT / "NOTICES.txt").read_text(encoding="utf-8")
    for name in ("@cornerstonejs/core 5.14.0 (MIT", "@cornerstonejs/tools 5.14.0 (MIT", "@kitware/vtk.js"):
        assert name in notices


@pytest.mark.skipif(
    shutil.which("node") is None or not (REPOSITORY / "viewer" / "node_modules").is_dir(),
    reason="node, or viewer/node_modules, is not installed (npm ci --ignore-scripts in viewer)",
)
def test_the_bundle_is_what_its_sources_build(tmp_path: Path) -> None:
    build = REPOSITORY / "viewer" / "build.mjs"
    subprocess.run(["node", str(build), str(tmp_path)], check=True, capture_output=True, timeout=120)
    for name in ("cornerstone.js", "NOTICES.txt"):
        assert (tmp_path / name).read_bytes() == (KEPT / name).read_bytes(), f"{name}: run node viewer/build.mjs"
