"""Limits that the numbers of a description file keep, each once: what pydantic checks and names in its errors."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Finite = Annotated[float, Field(gt=0, allow_inf_nan=False)]  # where the class itself allows infinite lengths
Fraction = Annotated[float, Field(ge=0, le=1)]
FractionAboveZero = Annotated[float, Field(gt=0, le=1)]
FractionBelowOne = Annotated[float, Field(ge=0, lt=1)]
RefractiveIndex = Annotated[float, Field(ge=1, le=4)]
Celsius = Annotated[float, Field(ge=-50, le=100)]

SAME_PITCH = 0.01  # relative; rounding of headers, 0.1988 for 0.2 mm, is within it   # chosen


def check_range(name: str, limits: tuple[float, float] | None, value: float) -> None:
    """Refuse the range of a number that does not hold it.

    Parameters
    ----------
    name : str
        Of the range, for the error.
    limits : (float, float) or None
        Lowest and highest; None where no range is declared.
    value : float
        The number.

    Raises
    ------
    ValueError
        In one sentence.
    """
    if limits is not None and not limits[0] <= value <= limits[1]:
        raise ValueError(f"{name} must be two rising numbers that hold {value:g}, got {limits[0]:g} and {limits[1]:g}")
