"""Parts of a figure of the paper: numbers beside the paper's, curves, the drawing, and what to know about it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Status = Literal["reproduced", "differs", "quoted"]
Kind = Literal["computed", "fitted", "quoted"]
Judgement = Literal["supported", "depends", "not supported"]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Number:
    """A number of a figure, and the paper's.

    Attributes
    ----------
    name, unit : str
    ours, paper : float or None
        None where there is none.
    kind : str
        "computed" where nothing was fitted to the paper's value, "fitted" where something was, "quoted" where ours is
        the paper's.
    band : (float, float), optional
        Lowest and highest of ours over what is assumed.
    note : str
        What was assumed or fitted.
    """

    name: str
    unit: str
    ours: float | None
    paper: float | None
    kind: Kind
    band: tuple[float, float] | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the paper's. [1]"""
        if self.ours is None or not self.paper:
            return None
        return self.ours / self.paper


def judge(number: Number, lowest: float, highest: float) -> Judgement:
    """What a number says of a statement that needs it within limits.

    Parameters
    ----------
    number : Number
        Its band counts, or where it has none the number itself.
    lowest, highest : float
        Limits within which the statement is true.

    Returns
    -------
    judgement : str
        "supported" where all of the band lies within the limits, "not supported" where none of it does, "depends"
        where what is assumed decides.

    Raises
    ------
    ValueError
        If the number has no value.
    """
    if number.ours is None:
        raise ValueError(f"'{number.name}' has no value to judge by")
    low, high = number.band or (number.ours, number.ours)
    if lowest <= low and high <= highest:
        return "supported"
    return "not supported" if high < lowest or low > highest else "depends"


def status_of(*judgements: Judgement) -> Status:
    """Status of a figure by what its numbers say of what the paper shows.

    Parameters
    ----------
    *judgements : str
        As of `judge`; none where the paper gives nothing to hold a number against.

    Returns
    -------
    status : str
        "differs" if one is not supported, "reproduced" if all are supported, else "quoted": the paper's value stands,
        and nothing that is computed decides on it.
    """
    if "not supported" in judgements:
        return "differs"
    return "reproduced" if judgements and set(judgements) == {"supported"} else "quoted"


@dataclass(frozen=True, eq=False)
class PaperFigure:
    """One figure or table of the paper.

    Attributes
    ----------
    title : str
    status : str
        "reproduced" where a number or shape comes out that nothing was fitted to, "differs" where it does not,
        "quoted" where nothing that is computed decides.
    verdict : str
        Where the paper and the physics part, or that they do not.
    numbers : sequence of Number
    curves : mapping of str to (N,) array
        Columns of the CSV file, all of one length; words are allowed.
    drawing : matplotlib.figure.Figure or None
    notes : sequence of str
        What was assumed, fitted or quoted.
    decided_by : str
        The condition that the status follows from.
    wrong_if : str
        What measurement would prove the figure wrong.
    """

    title: str
    status: Status
    verdict: str
    numbers: Sequence[Number] = ()
    curves: Mapping[str, Sequence[Any] | npt.NDArray[Any]] = field(default_factory=dict)
    drawing: Figure | None = None
    notes: Sequence[str] = ()
    decided_by: str = ""
    wrong_if: str = ""


@dataclass(frozen=True)
class Making:
    """How figures are made.

    Attributes
    ----------
    quick : bool
        A tenth of the histories.
    cache_folder : Path, optional
        Of computed results; by default the user's.
    done : dict of str to PaperFigure
        Figures that are made already, by their number.
    """

    quick: bool = False
    cache_folder: Path | None = None
    done: dict[str, PaperFigure] = field(default_factory=dict, compare=False, repr=False)

    def histories(self, most: int) -> int:
        """Histories of a Monte Carlo. [1]"""
        return max(most // 10, 2000) if self.quick else most


def paper_table(name: str) -> dict[str, Any]:
    """A table of ``data/paper``."""
    text = (files("radiography") / "data" / "paper" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def columns(*groups: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of a CSV file whose groups have their own rows, padded with nothing to one length.

    Parameters
    ----------
    *groups : mapping of str to (N,) array
        N may differ from group to group.

    Returns
    -------
    columns : dict of str to list
    """
    together = {name: np.asarray(column).tolist() for group in groups for name, column in group.items()}
    rows = max(len(column) for column in together.values())
    return {name: [*column, *[""] * (rows - len(column))] for name, column in together.items()}


def sheet(columns: int = 1, rows: int = 1, *, one: bool = False) -> tuple[Figure, list[Axes]]:
    """An empty drawing.

    Parameters
    ----------
    columns, rows : int
        Of axes. [1]
    one : bool
        One pair of axes over all of the room.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of Axes
        Row by row.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6 * columns, 4.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1 if one else rows, 1 if one else columns, squeeze=False)
    return figure, [each for row in axes for each in row]
