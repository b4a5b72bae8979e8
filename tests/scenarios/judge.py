"""The official evaluation of a CTSimU 2-D test, in a process of its own: NAME SUBTEST FOLDER, results as JSON.

FOLDER holds projection.tif and, where the test corrects by a flat, flat.tif. Several subtests of a test that compares
them are joined by commas; each has a folder of its name. "-" stands for none, "turned" for none with a turn mended.
"""

import importlib
import json
import math
import re
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import tifffile  # noqa: E402
from ctsimu.image import Image  # noqa: E402
from ctsimu.processing.pipeline import Pipeline  # noqa: E402

name, subtest, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
module = importlib.import_module(f"ctsimu.evaluation.test{name}")
if subtest == "turned":
    # The toolbox turns a vector by its x that is turned already, so that its edges lean by 3.0082 and 2.9959 degrees
    # instead of 3: both coordinates at once, as the name of the method says.
    from ctsimu.primitives import Vector as Turned

    def _turn(vector, angle):
        x, y, cosine, sine = vector.x(), vector.y(), math.cos(angle), math.sin(angle)
        vector.set_x(x * cosine - y * sine)
        vector.set_y(x * sine + y * cosine)

    Turned.rotate_2D_xy = _turn
    subtest = "-"
test = getattr(module, f"Test{name}")(resultFileDirectory=str(folder / "judged"))
test.pipe = Pipeline()
for each in subtest.split(","):
    if each != "-":
        test.addSubtest(each)
leaning = {}
if name == "2D_WE_2":  # of the sides of the edge, before the toolbox moves them
    _, steep, _, flat = test.clippingRectangle.points
    leaning["leaning_deg"] = [
        math.degrees(math.atan(-a / b)) for a, b in ((steep.x(), steep.y()), (flat.y(), -flat.x()))
    ]
for each in subtest.split(","):
    place = folder / each if "," in subtest else folder
    pixels = tifffile.imread(place / "projection.tif").astype(np.float64)
    if name in ("2D_FB_1", "2D_WE_1", "2D_WE_2", "2D_DW_1", "2D_HS_1", "2D_SW_1"):
        pixels = pixels / tifffile.imread(place / "flat.tif") * 60000.0
    image = Image()
    image.shape(pixels.shape[1], pixels.shape[0], 0, image.getInternalDataType())
    image.px = pixels
    test.run(image)
if name == "2D_HS_1":
    # The toolbox multiplies a text by a numpy bool, which numpy 2 does not do: plain numbers instead.
    from ctsimu.primitives import Vector

    distance, angle, statistics = Vector.distance, Vector.angle, module.list_mean_and_stddev
    Vector.distance = lambda one, other: float(distance(one, other))
    Vector.angle = lambda one, other: float(angle(one, other))
    module.list_mean_and_stddev = lambda values: tuple(float(each) for each in statistics(values))
test.followUp()
found = {}
if name == "2D_FB_1":
    result = test.results[0]
    found = {"snr": result.snr, "nominal": result.SNRmax, "mean": result.mean}
elif name == "2D_FB_2":
    found = {"rms": test.rmsGVDiff, "largest": test.maxDiff}
elif name == "2D_WE_1":
    for each, result in zip(test.subtests, test.results, strict=True):
        mtf20, ideal = float(result.MTF20freq_measured), float(result.MTF20freq_ideal)
        found[each] = {"mtf20": mtf20, "ideal": ideal, "sigma": float(result.sigma_relDev())}
elif name == "2D_WE_2":
    found = {"matched": test.matchRatio, "rms": test.partlyCovered_rmsd} | leaning
elif name == "2D_DW_1":
    found = {"srb_mm": test.results[0].SRb_interpolated}
elif name == "2D_SW_1":
    primary = {
        "means": "means",
        "ratios": "ratios_to_D1",
        "reference": "ratios_to_D1_mc_primary",
        "lower": "error_ratios_to_D1_mc_primary_lower",
        "upper": "error_ratios_to_D1_mc_primary_upper",
    }
    for result in filter(None, test.results):
        numbers = {key: [float(one) for one in getattr(result, held)] for key, held in primary.items()}
        found[result.subtestName] = numbers | {"expected": [float(one) for one in result.means_mc_primary]}
elif name == "2D_HS_1":
    text = (folder / "judged" / "2D-HS-1_summary.txt").read_text()
    for key in ("Mean scale", "Mean rot", "Mean tr"):
        line = re.search(rf"^{key}[^:]*: *(.+)$", text, re.MULTILINE)
        found[key] = line.group(1) if line else None
plain = {key: value.item() if hasattr(value, "item") else value for key, value in found.items()}
print("JUDGED " + json.dumps(plain))
