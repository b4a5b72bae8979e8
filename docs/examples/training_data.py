"""Training data for a network.

Random radiographs, each a Zarr folder with its frames and the layers behind them; and a data set of their patches as
PyTorch takes it, which reads the folders with `zarr` alone.
"""
# ruff: noqa: E402 - a cell is to be copied alone

# %% [markdown]
# The data set. This cell stands for itself: copy it to where the network is trained, where neither `radiography` nor
# the scenes need be. Without PyTorch it gives numpy arrays, with it tensors. An item is a patch of a raw frame above
# its dark level, the same patch without noise and lag, and where the pixels are good: what the network gets, what it is
# to find, and where it is judged.

# %%
import numpy as np
import zarr

try:
    import torch
    from torch.utils.data import Dataset
except ImportError:
    torch, Dataset = None, object


class Radiographs(Dataset):
    """Patches of all frames of some folders that `radiography simulate --truth` wrote."""

    def __init__(self, folders, patch=64, scale_dn=1000.0):
        """Find the frames; ``patch`` is a side [pixels], ``scale_dn`` what becomes 1. [DN]"""
        self.folders, self.patch, self.scale_dn = [str(folder) for folder in folders], patch, scale_dn
        self._groups = {}
        self.places = []  # number of the folder, frame, first row and column
        for number, folder in enumerate(self.folders):
            frames, rows, cols = zarr.open_group(folder, mode="r")["raw_dn"].shape
            self.places += [
                (number, frame, row, col)
                for frame in range(frames)
                for row in range(0, rows - patch + 1, patch)
                for col in range(0, cols - patch + 1, patch)
            ]

    def __len__(self):
        """Patches of all frames."""
        return len(self.places)

    def __getitem__(self, index):
        """Input, target and weight, (1, patch, patch) float32 each."""
        number, frame, row, col = self.places[index]
        if number not in self._groups:  # opened where it is read: by each worker of a DataLoader
            self._groups[number] = zarr.open_group(self.folders[number], mode="r")
        layers = self._groups[number]
        here = (slice(row, row + self.patch), slice(col, col + self.patch))
        dark = layers["offset_dn"][here]
        seen = (layers["raw_dn"][(frame, *here)] - dark) / self.scale_dn
        wanted = (layers["noiseless_dn"][(frame, *here)] - dark) / self.scale_dn
        good = layers["defects"][here] == 0
        item = tuple(np.ascontiguousarray(each[None], dtype=np.float32) for each in (seen, wanted, good))
        return item if torch is None else tuple(torch.from_numpy(each) for each in item)


# %% [markdown]
# Three scenes of 160 x 200 pixels of the worn panel, with six random balls each; two frames with the beam on and one
# without, in which the panel's lag is all that is left of them.

# %%
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt

import radiography as rx

PANEL = """
based_on = "worn"
name = "part"
description = "part of the worn panel"
[pixels]
rows = 160
cols = 200
shielded_cols_left = 0
shielded_cols_right = 0
"""
SCENE = """
description = "random balls"
panel = "panel.toml"
scintillator = "CsI_Tl_500um"
beam = { name = "paper_70kV", air_kerma_uGy = 2.0 }
geometry = { source_to_detector_mm = 1000.0 }
timing = { integration_time_s = 0.1, frame_interval_s = 0.2 }
sequence = { beam_on = 2, beam_off = 1 }
"""
BALL = '[[solids]]\nshape = "sphere"\nmaterial = "{}"\nradius_mm = {:.3f}\nposition_mm = [{:.3f}, {:.3f}, 5.0]\n'

folder = Path(mkdtemp())
(folder / "panel.toml").write_text(PANEL, encoding="utf-8", newline="\n")
for seed in range(3):
    rng = np.random.default_rng(seed)
    balls = [
        BALL.format(material, rng.uniform(0.5, 4.0), rng.uniform(-11, 11), rng.uniform(-8, 8))
        for material in ("Al", "PMMA") * 3
    ]
    (folder / "scene.toml").write_text(SCENE + "".join(balls), encoding="utf-8", newline="\n")
    rx.simulate_scene(folder / "scene.toml", folder / f"{seed}.npy", truth=folder / f"{seed}.zarr", seed=seed)

# %%
patches = Radiographs(sorted(folder.glob("*.zarr")))
seen, wanted, good = patches[0]
print(len(patches), seen.shape)

# %% [markdown]
# In a training loop: `for seen, wanted, good in torch.utils.data.DataLoader(patches, batch_size=16, shuffle=True)`.
#
# The layers of one scene. Noise, lag and the noiseless frame add up to the raw one, bit for bit: `rx.recombine`.

# %%
layers = zarr.open_group(str(folder / "0.zarr"), mode="r")
balls = sum((number + 1) * layers[f"mask/solids[{number}]"][:] for number in range(6))
pictures = {
    "raw_dn, beam on": layers["raw_dn"][1],
    "noiseless_dn": layers["noiseless_dn"][1],
    "noise_dn": layers["noise_dn"][1],
    "lag_dn, beam off": layers["lag_dn"][2],
    "thickness_mm/Al": layers["thickness_mm/Al"][:],
    "mask/solids[0] to [5]": balls,
}
figure, axes = plt.subplots(2, 3, figsize=(9, 5.2), layout="constrained")
for axis, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
    low, high = np.percentile(picture, (0.5, 99.5))
    shown = axis.imshow(picture, cmap="turbo" if picture is balls else "gray", vmin=low, vmax=high)
    axis.set(title=title, xticks=[], yticks=[])
    figure.colorbar(shown, ax=axis, shrink=0.8)
figure.savefig("training_data.png", dpi=100)
