"""Data card of a truth: what each layer is, units, seeds, versions, licence; as JSON values and as text."""

from __future__ import annotations

import hashlib
import platform
import textwrap
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from radiography.acquire import Acquisition
from radiography.jobs.truth import truth_constants
from radiography.panel import maps
from radiography.truth.layers import BACK

CARD_VERSION = 1
LIBRARIES = ("radiography", "numpy", "numba", "scipy", "xraylib", "spekpy", "zarr")
LICENCE = {
    "software": "radiography, MIT",
    "data": "the software claims no right in what it computes: name a licence of your own when you pass the data on",
    "inputs": "files that the scene names keep the licences that they have",
}
RECOMBINATION = (
    "held = relative_exposure * (primary + scatter) * response + afterglow_electrons"
    " + dark_electrons_per_s * integration_time_s, at most full_well_electrons",
    "mean_electrons = held * (1 - nonlinearity * held / full_well_electrons), float32",
    "noiseless_dn = mean_electrons / electrons_per_dn + offset_dn, float32",
    "raw_dn = noiseless_dn + lag_dn + noise_dn in float64, rounded to even, within 0 to highest_dn",
)
DEFECT_BITS = {"dead": maps.DEAD, "hot": maps.HOT, "noisy": maps.NOISY, "under": maps.UNDER, "line": maps.LINE,
               "non_linear": maps.NON_LINEAR, "lagging": maps.LAGGING}  # fmt: skip
_WIDTH = 100


def data_card(
    acquisition: Acquisition,
    metadata: Mapping[str, Any],
    layers: Mapping[str, Any],
    files: Sequence[Path],
    behind: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a truth says about itself.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`.
    metadata : mapping of str to object
        What the raw frames say about themselves.
    layers : mapping of str to object
        What is said of each layer, by its name.
    files : sequence of Path
        Files that the scene names.
    behind : mapping of str to object, optional
        What the raw frames of a back layer say about themselves.

    Returns
    -------
    card : dict
        JSON values.
    """
    geometry, count, choice = acquisition.geometry, metadata["frames"], acquisition.scene.scatter
    back = {}
    if acquisition.back is not None and behind is not None:
        back["back"] = {
            "layers": f"those whose names begin with {BACK}, seen from the back layer and recombined among themselves",
            "source_to_detector_mm": acquisition.back.geometry.source_to_detector_mm,
            "panel_map_seed": acquisition.back.panel.map_seed,
            "constants": truth_constants(acquisition.back)._asdict(),
            "frames_metadata": dict(behind),
        }
    return {
        "kind": "truth behind simulated radiographs",
        "card_version": CARD_VERSION,
        "description": acquisition.scene.description,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES},
        "licence": LICENCE,
        "seeds": {
            "seed": metadata["seed"],
            "panel_map_seed": acquisition.panel.map_seed,
            "rule": "the same scene, seed and versions give the same bytes; the generator of the frames is seeded from "
            "the seed and the whole scene, that of the panel's maps from panel_map_seed",
        },
        "frames": count,
        "rows": geometry.rows,
        "columns": geometry.cols,
        "pitch_mm": geometry.pitch_mm,
        "axes": "rows run downwards, columns to the right, both counted from 0; z from the panel to the tube",
        "scatter_simulated": choice is not None and choice.on,
        "constants": truth_constants(acquisition)._asdict(),
        **back,
        "recombination": list(RECOMBINATION),
        "defect_bits": DEFECT_BITS,
        "layers": dict(layers),
        "inputs": [{"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in files],
        "frames_metadata": dict(metadata),
    }


def card_text(card: Mapping[str, Any]) -> str:
    """The data card to be read."""
    seeds, licence = card["seeds"], card["licence"]
    frames = f"{card['frames']} frame{'s' if card['frames'] > 1 else ''}"
    back = [_back_line(card["back"])] if "back" in card else []
    lines = [
        f"Truth behind simulated radiographs: {card['description']}",
        f"{frames} of {card['rows']} x {card['columns']} pixels of {card['pitch_mm']:g} mm; {card['axes']}",
        f"Seed {seeds['seed']}, seed of the panel's maps {seeds['panel_map_seed']}: {seeds['rule']}",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in card["versions"].items()),
        *(f"Licence of the {what}: {text}" for what, text in licence.items()),
        "Scatter of the object: " + ("simulated" if card["scatter_simulated"] else "left out, the layer is 0"),
        "Constants: " + _numbers(card["constants"]),
        *back,
        "Bits of defects: " + ", ".join(f"{bit} {name}" for name, bit in card["defect_bits"].items()),
        *(f"Input {one['file']}: SHA-256 {one['sha256']}" for one in card["inputs"]),
    ]
    text = "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="  ") for line in lines)
    made_of = "\n".join(textwrap.indent(textwrap.fill(line, _WIDTH - 2), "  ") for line in card["recombination"])
    held = "\n".join(_layer_lines(name, about) for name, about in card["layers"].items())
    return (
        f"{text}\n\nHow frames are made of the layers (a layer that is not there is 0):\n{made_of}\n\nLayers:\n{held}\n"
    )


def _back_line(back: Mapping[str, Any]) -> str:
    """The back layer of a dual-layer panel, and what of it differs from the front layer."""
    where = f"{back['source_to_detector_mm']:.10g} mm from the source, seed of its maps {back['panel_map_seed']}"
    return f"Back layer, {where}: its layers are {back['layers']}, with the constants {_numbers(back['constants'])}"


def _numbers(constants: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {number:g}" for name, number in constants.items())


def _layer_lines(name: str, about: Mapping[str, Any]) -> str:
    """Name, axes and unit of a layer, and below them what it is."""
    axes = ", ".join(f"{axis} {n}" for axis, n in zip(about["axes"], about["shape"], strict=True))
    of = " ".join(f"({key}: {about[key]})" for key in ("material", "object", "materials") if key in about)
    head = f"  {name} [{about['unit']}] ({axes}) {about['dtype']}"
    return f"{head}\n" + textwrap.indent(textwrap.fill(f"{about['what']} {of}".strip(), _WIDTH - 6), "      ")


def _version(name: str) -> str | None:
    """Version of a library, None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
