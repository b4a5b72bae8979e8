"""Labels to matter: rows of a table, and what has no material."""

import numpy as np
import pytest

from phantoms.labels import codes_from_labels

MATERIALS = {0: "air", 2: "bone", 7: "water", 9: "bone"}
DENSITY = {"air": 0.0012, "bone": 1.9, "water": 1.0}


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_each_label_has_the_density_of_its_material(dtype) -> None:
    values = np.array([[[0, 2], [7, 9]]], dtype)
    codes, table, names = codes_from_labels(values, MATERIALS, DENSITY)
    assert names == ("air", "bone", "water")
    assert table[codes].tolist() == [[[[0.0012, 0, 0], [0, 1.9, 0]], [[0, 0, 1.0], [0, 1.9, 0]]]]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.0, 1.5], "whole numbers"),
        ([0.0, np.nan], "whole numbers"),
        ([0, 3], "materials name none for label 3; they name 0, 2, 7, 9"),
        (range(5000), "5000 different values"),
    ],
)
def test_what_is_no_label_is_refused(values, words) -> None:
    with pytest.raises(ValueError, match=words):
        codes_from_labels(np.array([[list(values)]]), MATERIALS, DENSITY)
