"""Pictures of files as a report keeps them: pixel for pixel where they are small enough, means of blocks where not."""

from __future__ import annotations

import math
import shlex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.flags import count_flags
from radiography.figures.report.embedded import EmbeddedView, packed
from radiography.jobs.flag_planes import LEFT_OUT
from radiography.jobs.view import Shelf, Shown, file_of, frame_pixels, shelf_to_json
from radiography.jobs.view_regions import Region, region_mtf

Asked = tuple[int | None, int | None, int | None, int | None]  # None is the picture's border

MOST_PIXELS = 3_600_000  # of all pictures of a page but flags: 9.6 MB of text where they cannot be deflated   # chosen
BESIDE_PLOTS = 1_600_000  # where plotly takes 5 MB of the page   # chosen
STAGES = ("raw", "corrected", "flags", "defect map", "presentation", "logarithmic", "image")  # not variances


def keep_pictures(
    shelf: Shelf, part: Asked | None = None, edge: Asked | None = None, most_pixels: int = MOST_PIXELS
) -> EmbeddedView:
    """The stages of a result for a report; of a file of several frames the first.

    Parameters
    ----------
    shelf : Shelf
    part : (int, int, int, int), optional
        First and end row, first and end column to keep, pixel for pixel; None is the border; else whole ones. [1]
    edge : (int, int, int, int), optional
        Region in which the MTF of each corrected picture is measured. [1]
    most_pixels : int
        Of all pictures but flags together. [1]

    Returns
    -------
    view : EmbeddedView

    Raises
    ------
    ValueError, OSError
        In one sentence, if nothing is left to show, a region lies outside or holds no edge, or the part is too large.
    """
    told = shelf_to_json(shelf)
    twins = {number: twin for number, each in enumerate(shelf.pictures) if (twin := _twin(each, shelf)) is not None}
    chosen = [k for k, each in enumerate(shelf.pictures) if k not in twins and each.kind in STAGES]
    left_out = list(told["left_out"])
    for number, each in enumerate(shelf.pictures):
        if number in twins:
            left_out.append(f"{each.source.path.name} holds what {twins[number]} does")
        elif number not in chosen:
            left_out.append(f"{each.source.path.name} is the {each.kind}, which the report leaves to radiography view")
    if not chosen:
        raise ValueError("there is no raw, corrected or presented picture to report on")
    share = most_pixels / max(1, sum(not shelf.pictures[number].is_flags for number in chosen))
    said, pixels = [], []
    for place, number in enumerate(chosen):
        picture = shelf.pictures[number]
        about, kept = _kept(picture, part, share)
        flags = told["pictures"][number]["flags"]
        about["number"], about["flags"] = place, chosen.index(flags) if flags in chosen else None
        said.append({**told["pictures"][number], **about})
        pixels.append(kept)
    measured: list[dict[str, Any]] = []
    no_edge: list[str] = []
    for place, number in enumerate(chosen):
        picture = shelf.pictures[number]
        if edge is not None and picture.is_linear and picture.kind != "raw":
            first, step = said[place]["first"], said[place]["step"]
            inside = _inside(edge, picture)
            region = [(value - first[k >> 1]) / step for k, value in enumerate(inside)]
            try:
                found = region_mtf(shelf, number, 0, inside)
            except ValueError as error:
                name = picture.source.path.name
                no_edge.append(f"{name}: {str(error).removeprefix(f'{picture.source.path}: ')}")
                continue
            measured.append({"picture": place, "region": region, "found": found})
    if edge is not None and not measured:
        raise ValueError(no_edge[0] if no_edge else "there is no corrected picture whose edge could be measured")
    left_out += [f"no MTF: {text}" for text in no_edge]
    about_all = {**told, "pictures": said, "left_out": left_out, "measured": measured, "in_report": True}
    return EmbeddedView({**about_all, "left_out_bits": int(LEFT_OUT)}, pixels)


def _twin(picture: Shown, shelf: Shelf) -> str | None:
    """Name of the TIFF that holds what a DICOM For Processing does; None without one."""
    source = picture.source
    if source.format != "dicom" or picture.kind != "corrected":
        return None
    stem = source.path.stem.removesuffix("_processing")
    alike = [each.source for each in shelf.pictures if each.kind == "corrected" and each.source.path.stem == stem]
    return next((each.path.name for each in alike if each.format != "dicom"), None)


def _inside(region: Asked, picture: Shown) -> Region:
    rows, cols = picture.source.rows, picture.source.cols
    r0, r1, c0, c1 = (end if said is None else said for said, end in zip(region, (0, rows, 0, cols), strict=True))
    if not (0 <= r0 < r1 <= rows and 0 <= c0 < c1 <= cols):
        name = picture.source.path.name
        raise ValueError(f"a region of {name} must lie within {rows} rows and {cols} columns, got {r0}:{r1},{c0}:{c1}")
    return r0, r1, c0, c1


def _kept(picture: Shown, part: Asked | None, share: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page is told of a picture beside what the server tells, and its pixels."""
    source = picture.source
    pixels, about = frame_pixels(picture, 0)
    step, first = 1, (0, 0)
    if part is not None:
        r0, r1, c0, c1 = _inside(part, picture)
        if (r1 - r0) * (c1 - c0) > share:
            side = math.isqrt(int(share))
            raise ValueError(
                f"a part of {r1 - r0} x {c1 - c0} pixels is too large for a report of so many pictures: give at most "
                f"{side} x {side} pixels, or fewer files"
            )
        pixels, first = pixels[r0:r1, c0:c1], (r0, c0)
    else:
        step = max(1, math.ceil(math.sqrt(pixels.size / share)))
    counts = count_flags(pixels) if picture.is_flags else None
    kept = pixels if step == 1 else _blocks(pixels, step, picture.is_flags)
    words = picture.spacing_says if step == 1 else f"{picture.spacing_says}; means of {step} x {step} pixels are shown"
    doubts = list(picture.doubts)
    if source.count > 1:
        doubts.append(f"the first of {source.count} frames")
    if step > 1:
        all_of = "each shows the flags of all of them" if picture.is_flags else "means of them"
        doubts.append(f"{step} x {step} pixels are one here, {all_of}")
    told = {
        "rows": kept.shape[0], "cols": kept.shape[1], "frames": 1, "flag_frame": 0, "step": step, "first": list(first),
        "spacing_mm": None if picture.spacing_mm is None else picture.spacing_mm * step,
        "detector_mm": None if picture.detector_mm is None else picture.detector_mm * step,
        "spacing_says": words, "flag_counts": counts, "warnings": [doubt[:300] for doubt in doubts],
        "command": shlex.join(["radiography", "mtf", file_of(picture).replace(str(source.path), source.path.name)]),
    }  # fmt: skip
    return told, packed(np.ascontiguousarray(kept), about)


def _blocks(pixels: NDArray[Any], step: int, flags: bool) -> NDArray[Any]:
    """Means of whole blocks, or the flags that any of their pixels has; uint16 numbers stay uint16."""
    rows, cols = (side // step for side in pixels.shape)
    blocks = pixels[: rows * step, : cols * step].reshape(rows, step, cols, step)
    if flags:
        return np.asarray(np.bitwise_or.reduce(np.bitwise_or.reduce(blocks, axis=3), axis=1))
    with np.errstate(invalid="ignore"):
        means = blocks.mean(axis=(1, 3), dtype=np.float64)
    return np.asarray(np.rint(means).astype(np.uint16) if pixels.dtype == np.uint16 else means.astype(np.float32))
