"""`radiography validate` as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiography.cli import run

TABLE = """
[[rows]]
quantity = "mass attenuation of Al"
group = "tables"
measure = "mass_attenuation"
setting = { material = "Al", energy_keV = 60.0 }
published = 0.2778
unit = "cm2/g"
reference = "table"
source = "NIST SRD 126, table 3"
"""


def test_the_command_prints_the_table_and_writes_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.toml").write_text(TABLE)
    assert run(["validate", "--out", str(tmp_path / "out"), "--table", str(tmp_path / "own.toml")]) == 0
    printed = capsys.readouterr().out
    assert "mass attenuation of Al" in printed and "NIST SRD 126" in printed
    assert (tmp_path / "out" / "validate.csv").exists()


@pytest.mark.parametrize(
    ("table", "out", "sentence"),
    [
        (TABLE.replace("unit", "units"), "out", "unknown key 'rows[0].units' (did you mean 'unit'?)"),
        (TABLE.replace("mass_attenuation", "mass"), "out", "asks for the measure 'mass'; known: "),
        (TABLE, "no/out", "does not exist"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    table: str, out: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text(table)
    assert run(["validate", "--out", str(tmp_path / out), "--table", str(tmp_path / "own.toml")]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
