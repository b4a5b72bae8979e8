"""A new scintillator.

A powder screen of Gd2O2S:Tb beside the CsPbBr3 film: one TOML file says what it is made of and what its light meets;
sharpness, noise and dose efficiency are computed.
"""

# %% [markdown]
# Every number that is not given is that of the layer named in `based_on`. Lengths are in um; all numbers of this screen
# are assumed.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt

import radiography as rx

SCREEN = """
based_on = "CsPbBr3_75um"
name = "GOS_screen"
description = "Gd2O2S:Tb screen, 150 um"
thickness_um = 150.0             # assumed
parts = [{ material = "Gd2O2S", volume_fraction = 0.5 }, { material = "PET", volume_fraction = 0.5 }]
[light]
yield_per_keV = 60.0             # assumed
[transport]
transport_length_um = 30.0       # assumed
absorption_length_um = 20000.0   # assumed
[transport.emission]
peak_nm = 545.0
fwhm_nm = 10.0
[transport.self_absorption]
quantum_yield = 1.0
edge_nm = 250.0                  # its own light passes
"""

with TemporaryDirectory() as folder:
    Path(folder, "screen.toml").write_text(SCREEN, encoding="utf-8", newline="\n")
    screen = rx.load_scintillator("screen.toml", Path(folder))
film, panel = rx.load_scintillator("CsPbBr3_75um"), rx.load_panel("fully_coated")

# %% [markdown]
# The beam is the paper's at 15 uGy. Few X-rays and light photons are followed here, so that this runs in seconds; leave
# the two numbers out for results to quote.

# %%
DOSE_UGY = 15.0
spectrum = rx.beam_spectrum(rx.load_beam("paper_70kV"), DOSE_UGY, 1.0)
reports = [
    rx.report_layer(layer, panel, spectrum, DOSE_UGY, histories=2_000, photons=40_000) for layer in (film, screen)
]
for report in reports:
    print(f"{report.scintillator}: {report.quantum_detection_efficiency:.2f} of the quanta, DQE(0) {report.dqe0:.2f}")

# %%
figure, (sharpness, efficiency) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for report in reports:
    frequency = report.frequency_per_mm
    sharpness.plot(frequency, report.mtf, label=report.scintillator)
    below = frequency <= report.nyquist_per_mm
    efficiency.plot(frequency[below], report.dqe[below], label=report.scintillator)
sharpness.set(xlim=(0, 7), ylim=(0, 1.02), xlabel="spatial frequency (1/mm)", ylabel="presampled MTF")
efficiency.set(xlim=(0, 3.6), ylim=(0, None), xlabel="spatial frequency (1/mm)", ylabel="DQE at 15 uGy")
for axes in (sharpness, efficiency):
    axes.grid(alpha=0.3)
    axes.legend()
figure.savefig("new_scintillator.png", dpi=100)
