"""Values of a twin with their errors, and those that are left open."""

import json
import math

import pytest

from radiography.study.twin_values import TwinValue, found, not_determined, value_of, values_table, values_text

VALUES = (
    not_determined("pixels.aperture_mm", 0.139, "mm", "an edge would"),
    found("readout.electrons_per_dn", 251.5, 2.5, "electrons/DN", "photon transfer"),
    found("uniformity.nonlinearity", 0.03, 0.001, "1", "levels"),
)


def test_text_has_what_is_determined_first() -> None:
    lines = values_text(VALUES).splitlines()

    assert lines[0].split()[:4] == ["readout.electrons_per_dn", "251.5", "+-", "2.5"]
    assert lines[0].endswith(" electrons/DN  (photon transfer)")
    assert "0.03 +- 0.001  (levels)" in lines[1]
    assert lines[2] == "not determined, taken from the start file:"
    assert lines[3].split()[:3] == ["pixels.aperture_mm", "0.139", "mm"]
    assert len(lines) == 4


def test_table_is_json_without_nan() -> None:
    table = json.loads(json.dumps(values_table(VALUES), allow_nan=False))

    assert table[0]["error"] is None and table[0]["determined"] is False
    assert table[1] == {
        "key": "readout.electrons_per_dn",
        "value": 251.5,
        "error": 2.5,
        "unit": "electrons/DN",
        "determined": True,
        "how": "photon transfer",
    }


def test_values_are_found_by_their_key() -> None:
    assert value_of(VALUES, "uniformity.nonlinearity") is VALUES[2]
    with pytest.raises(KeyError, match=r"no value of .lag\.0\.fraction"):
        value_of(VALUES, "lag.0.fraction")


@pytest.mark.parametrize(("value", "error"), [(math.nan, 1.0), (1.0, math.nan), (1.0, -1.0), (1.0, math.inf)])
def test_a_determined_value_has_a_finite_error(value: float, error: float) -> None:
    with pytest.raises(ValueError, match="key is determined, so its value and error must be finite"):
        TwinValue("key", value, error, "1", True, "how")
