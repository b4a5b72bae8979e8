"""`validate_model`: files, what they say, and the whole table once."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from radiography.jobs.validate import FILES, validate_model
from radiography.sweep.engine import Engine, has_dask

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

[[rows]]
quantity = "lag, first frame"
group = "frames"
measure = "lag"
setting = { frame = 1, frame_interval_s = 0.2 }
published = 0.06
low = 0.02
high = 0.1
reference = "measured"
fitted = true
source = "Siewerdsen and Jaffray, Med. Phys. 26, 1624 (1999)"
beyond = "depends on the exposure"
"""
SCHEMA = {
    "quantity": str,
    "predicted": float,
    "published": float,
    "deviation": float,
    "source": str,
    "fitted": bool,
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A table of two rows that take no time."""
    (tmp_path / "own.toml").write_text(TABLE)
    return tmp_path / "own.toml"


def test_the_files_say_the_same(own: Path, tmp_path: Path, followed: Any) -> None:
    found = validate_model(tmp_path / "out", table=own, report=followed)
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(FILES) == set(found.files)
    written = json.loads((tmp_path / "out" / "validate.json").read_text())
    rows = written["rows"]
    for row in rows:
        assert {key: type(row[key]) for key in SCHEMA} == SCHEMA
        assert row["deviation"] == row["predicted"] / row["published"] - 1
    assert [row["quantity"] for row in rows] == [row.quantity for row in found.rows]
    with (tmp_path / "out" / "validate.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    plain = [{key: "" if value is None else value for key, value in row.items()} for row in rows]
    told = [
        {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in row.items()}
        for row in plain
    ]
    assert table == told
    assert written["median_absolute_deviation"] == found.median_deviation == abs(rows[0]["deviation"])
    assert (written["rows_not_fitted"], written["rows_beyond_a_tenth"]) == (1, 1)
    assert rows[1]["note"] == "depends on the exposure" and rows[0]["note"] == ""
    text = (tmp_path / "out" / "validate.txt").read_text()
    assert "mass attenuation of Al" in text and "2 rows, 1 of them not fitted" in text
    assert list(found.seconds) == ["tables", "frames"]


def test_the_same_table_gives_the_same_bytes(own: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        validate_model(tmp_path / name, table=own)
    for name in ("validate.json", "validate.csv", "validate.txt"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not has_dask(), reason="Dask (extra `sweep`) is not installed")
def test_workers_give_the_same_bytes(own: Path, tmp_path: Path, followed: Any) -> None:
    validate_model(tmp_path / "here", table=own)
    found = validate_model(tmp_path / "there", table=own, engine=Engine("local", 2), report=followed)
    for name in ("validate.json", "validate.csv", "validate.txt"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
    assert followed.done == {"groups of rows": 1.0} and list(found.seconds) == ["tables", "frames"]
    with pytest.raises(ValueError, match="--scheduler must be local, none"):
        validate_model(tmp_path / "no", table=own, engine=Engine("elsewhere"))
    assert not (tmp_path / "no").exists()


def test_what_is_wrong_leaves_no_file(own: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the folder .* does not exist"):
        validate_model(tmp_path / "no" / "out", table=own)
    with pytest.raises(NotADirectoryError, match="it is not a folder"):
        validate_model(own, table=own)
    with pytest.raises(ValueError, match="photons must be 1000 or more, got 5"):
        validate_model(tmp_path / "out", table=own, photons=5)
    own.write_text(TABLE.replace("mass_attenuation", "mass"))
    with pytest.raises(ValueError, match="asks for the measure 'mass'; known:"):
        validate_model(tmp_path / "out", table=own)
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_the_model_agrees_with_what_was_published(tmp_path: Path) -> None:
    found = validate_model(tmp_path / "out")
    assert len(found.rows) >= 35
    assert found.median_deviation <= 0.05
    rows = json.loads((tmp_path / "out" / "validate.json").read_text())["rows"]
    assert all(type(row[key]) is kind for row in rows for key, kind in SCHEMA.items())
    assert all(row["note"] and "not explained" not in row["note"] for row in rows if abs(row["deviation"]) > 0.1)
    assert sum(row["reference"] == "own_monte_carlo" for row in rows) < len(rows) / 3
    assert all(abs(row["deviation"]) < 0.05 for row in rows if row["group"] in ("beams", "attenuation", "absorption"))
    assert (tmp_path / "out" / "validate.png").stat().st_size > 50_000
