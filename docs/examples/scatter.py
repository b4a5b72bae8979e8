"""Scatter of a body, and what a grid leaves of it.

20 cm of water with a rod of bone and a hole of air, at 70 kV: as the primary alone would show them, with the X-rays
that the water scatters, and behind a grid.
"""

# %%
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import radiography as rx

PANEL = """
based_on = "fully_coated"
name = "coarse"
description = "80 x 80 pixels over 270 x 270 mm"
[pixels]
rows = 80
cols = 80
pitch_mm = 3.36
"""
SCENE = """
description = "water with a rod of bone and a hole"
panel = "coarse.toml"
scintillator = "CsI_Tl_500um"
[beam]
name = "paper_70kV"
air_kerma_uGy = 20.0
[geometry]
source_to_detector_mm = 1500.0
[[solids]]
shape = "box"
material = "water"
size_mm = [320.0, 320.0, 200.0]
position_mm = [0.0, 0.0, 150.0]
[[solids]]
shape = "box"
material = "cortical_bone"
size_mm = [25.0, 240.0, 15.0]
position_mm = [-60.0, 0.0, 150.0]
[[solids]]
shape = "sphere"
material = "air"
radius_mm = 30.0
position_mm = [60.0, 0.0, 150.0]
[sampling]
samples_per_pixel = 1
rays_per_sample = 2
[scatter]
noise = 0.04
[grid]
ratio = 12.0
lines_per_cm = 40.0
strip_um = 43.0
focus_mm = 1500.0
"""

# %% [markdown]
# One scene has everything; the others leave a part of it out. `expose` gives the means of a frame, without noise.

# %%
Path("coarse.toml").write_text(PANEL, encoding="utf-8", newline="\n")
Path("scene.toml").write_text(SCENE, encoding="utf-8", newline="\n")
with_grid = rx.load_scene("scene.toml")
scenes = {
    "primary alone": replace(with_grid, scatter=None, grid=None),
    "with scatter": replace(with_grid, grid=None),
    "with scatter, behind a grid": with_grid,
}
exposures = {name: rx.expose(rx.plan_acquisition(scene, Path())) for name, scene in scenes.items()}
middle = (slice(36, 44), slice(36, 44))
for name, exposure in exposures.items():
    if exposure.scatter is not None:
        scatter, light = exposure.scatter[middle].mean(), exposure.light[middle].mean()
        print(f"{name}: {scatter / (light - scatter):.2f} times the primary is scattered")

# %% [markdown]
# Each picture is shown over its own value beside rod and hole, so that what fades is contrast.

# %%
figure, axes = plt.subplots(2, 3, figsize=(9, 5.2), height_ratios=(2.2, 1), layout="constrained", sharey="row")
for column, (name, exposure) in enumerate(exposures.items()):
    relative = exposure.spread_light / exposure.spread_light[middle].mean()
    above, below = axes[:, column]
    above.imshow(relative, cmap="gray", vmin=0.4, vmax=1.9)
    above.set(title=name, xticks=[], yticks=[])
    below.plot(np.arange(80) * 3.36 - 133, relative[36:44].mean(axis=0), color="C0")
    below.set(xlabel="across the panel (mm)", xlim=(-134, 134), ylim=(0.3, 2.6))
    below.grid(alpha=0.3)
axes[1, 0].set_ylabel("light, beside = 1")
figure.savefig("scatter.png", dpi=100)
