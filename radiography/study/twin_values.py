"""Values of a measured panel or layer with their errors, and what the frames do not determine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TwinValue:
    """One number of a panel, layer or beam file as the frames have it.

    Attributes
    ----------
    key : str
        Dotted key of the file, such as "readout.electrons_per_dn"; a number in it counts the entries of a list from 0.
    value : float
        In ``unit``; where the frames do not determine it, the start file's.
    error : float
        One standard error, in ``unit``; NaN where the frames do not determine the value.
    unit : str
        "1" for none.
    determined : bool
        Whether the frames determine it.
    how : str
        What it was found from, or why it could not be and what would determine it.
    """

    key: str
    value: float
    error: float
    unit: str
    determined: bool
    how: str

    def __post_init__(self) -> None:
        if self.determined and not (math.isfinite(self.value) and math.isfinite(self.error) and self.error >= 0):
            raise ValueError(
                f"{self.key} is determined, so its value and error must be finite and the error not negative, "
                f"got {self.value:g} and {self.error:g}"
            )


def found(key: str, value: float, error: float, unit: str, how: str) -> TwinValue:
    """A value that the frames determine.

    Parameters
    ----------
    key, value, error, unit, how
        As in `TwinValue`.

    Returns
    -------
    value : TwinValue
    """
    return TwinValue(key, float(value), float(error), unit, True, how)


def not_determined(key: str, value: float, unit: str, how: str) -> TwinValue:
    """A value that the frames leave open: that of the start file.

    Parameters
    ----------
    key, value, unit, how
        As in `TwinValue`; ``how`` says why, and what would determine it.

    Returns
    -------
    value : TwinValue
        With an error of NaN.
    """
    return TwinValue(key, float(value), math.nan, unit, False, how)


def value_of(values: Iterable[TwinValue], key: str) -> TwinValue:
    """The value of one key.

    Parameters
    ----------
    values : iterable of TwinValue
    key : str
        Dotted.

    Returns
    -------
    value : TwinValue

    Raises
    ------
    KeyError
        If none has the key.
    """
    for value in values:
        if value.key == key:
            return value
    raise KeyError(f"no value of '{key}'")


def values_text(values: Sequence[TwinValue]) -> str:
    """Values as lines of text: those that are determined first, then the others with what would determine them.

    Parameters
    ----------
    values : sequence of TwinValue

    Returns
    -------
    text : str
        Without a line break at its end.
    """
    if not values:
        return ""
    width = max(len(value.key) for value in values)
    lines = [f"{v.key:<{width}}  {v.value:.5g} +- {v.error:.2g}{_unit(v)}  ({v.how})" for v in values if v.determined]
    open_values = [value for value in values if not value.determined]
    if open_values:
        lines.append("not determined, taken from the start file:")
    lines += [f"{v.key:<{width}}  {v.value:.5g}{_unit(v)}  ({v.how})" for v in open_values]
    return "\n".join(lines)


def values_table(values: Iterable[TwinValue]) -> list[dict[str, object]]:
    """Values for a JSON record; an error that is not known is null.

    Parameters
    ----------
    values : iterable of TwinValue

    Returns
    -------
    table : list of dict
        One for each, with the names of `TwinValue`.
    """
    return [
        {
            "key": v.key,
            "value": v.value if math.isfinite(v.value) else None,
            "error": v.error if math.isfinite(v.error) else None,
            "unit": v.unit,
            "determined": v.determined,
            "how": v.how,
        }
        for v in values
    ]


def _unit(value: TwinValue) -> str:
    """The unit with a space before it, nothing for none."""
    return "" if value.unit == "1" else f" {value.unit}"
