"""Files of edges, flats and a dose series, of a panel whose transfer and noise are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from radiography.files.frames import write_tiff
from tests.analysis.edge_truth import EdgeScene, csi, noisy_edge_image
from tests.analysis.noise_truth import Flats

FLATS = Flats(shape=(300, 280), frames=3, mean_dn=5000.0)
OFFSET_DN = 300.0


def write_files(folder: Path) -> Path:
    """Flats at 2.5 uGy, edges in both directions and a dose series, all on an offset."""
    write_tiff(folder / "flats.tif", FLATS.make(1) + np.float32(OFFSET_DN), 0.139, {"air_kerma_uGy": 2.5})
    for horizontal in (False, True):
        scene = EdgeScene(csi(), shape=(240, 220), horizontal=horizontal)
        image = noisy_edge_image(scene, 2.5, np.random.default_rng(horizontal), open_dn=5000.0) + OFFSET_DN
        write_tiff(folder / f"edge_{'vh'[horizontal]}.tif", image.astype(np.float32), 0.139, {})
    for kerma in (0.5, 1.0, 2.5, 5.0):
        dose = replace(FLATS, frames=1, mean_dn=2000 * kerma, kerma_uGy=kerma).make(int(10 * kerma))
        write_tiff(folder / f"dose_{kerma}.tif", dose[0] + np.float32(OFFSET_DN), 0.139, {"air_kerma_uGy": kerma})
    return folder
