"""Radiographs with their ground truth.

Noisy raw frames of random objects, each with the noiseless light that a perfect panel would have seen: pairs to train
or to judge denoising and correction with.
"""

# %% [markdown]
# A scene of 160 x 200 pixels with six random solids. Positions are in mm, (x, y, height above the panel).

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

import radiography as rx

PANEL = """
based_on = "fully_coated"
name = "part"
description = "part of the shipped panel"
[pixels]
rows = 160
cols = 200
"""
SCENE = """
description = "random solids"
panel = "panel.toml"
scintillator = "CsI_Tl_500um"
beam = { name = "paper_70kV", air_kerma_uGy = 2.0 }
geometry = { source_to_detector_mm = 1000.0 }
"""
BALL = '[[solids]]\nshape = "sphere"\nmaterial = "{}"\nradius_mm = {:.3f}\nposition_mm = [{:.3f}, {:.3f}, 5.0]\n'


def radiograph(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A raw frame [DN], and the light that falls on each pixel in the mean [1]."""
    rng = np.random.default_rng(seed)
    solids = [
        BALL.format(rng.choice(["Al", "PMMA", "Cu"]), rng.uniform(0.5, 3.0), rng.uniform(-11, 11), rng.uniform(-8, 8))
        for _ in range(6)
    ]
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "panel.toml").write_text(PANEL, encoding="utf-8", newline="\n")
        (folder / "scene.toml").write_text(SCENE + "".join(solids), encoding="utf-8", newline="\n")
        plan = rx.plan_acquisition(rx.load_scene(folder / "scene.toml"), folder)
    exposure = rx.expose(plan)
    raw_dn, _ = rx.acquire_frame(plan, exposure, rng)
    return raw_dn, exposure.spread_light


# %%
pairs = [radiograph(seed) for seed in range(3)]

# %% [markdown]
# The truth is free of noise, offset and the response of single pixels; the raw frame has them all.

# %%
figure, axes = plt.subplots(2, len(pairs), figsize=(9, 5.2), layout="constrained")
for column, (raw_dn, light) in enumerate(pairs):
    for row, (picture, title) in enumerate(((raw_dn, "raw frame"), (light, "mean light"))):
        low, high = np.percentile(picture, (0.5, 99.5))
        axes[row, column].imshow(picture, cmap="gray", vmin=low, vmax=high)
        axes[row, column].set(title=f"{title}, seed {column}", xticks=[], yticks=[])
figure.savefig("ground_truth.png", dpi=100)
