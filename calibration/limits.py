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
