"""Figures of the paper, each drawn once for all tests of one process."""

from __future__ import annotations

from functools import cache

from radiography.figures.paper.contents import made_figure
from radiography.figures.paper.parts import Making, Number, PaperFigure

QUICK = Making(quick=True)


@cache
def made(key: str) -> PaperFigure:
    """The figure, as `paper --quick` makes it."""
    return made_figure(key, QUICK)


def number(key: str, name: str) -> Number:
    """One of its numbers."""
    return next(each for each in made(key).numbers if each.name == name)


def ours(key: str, name: str) -> float:
    """What is computed of it."""
    value = number(key, name).ours
    assert value is not None
    return value
