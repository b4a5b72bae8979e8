"""The slanted-edge MTF against edges whose MTF is known in closed form, and against other tools on a real edge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.integrate import dblquad
from scipy.special import ndtr

from radiography.analysis.edge.search import find_slanted_edges
from radiography.analysis.mtf import MtfCurve, every_edge_mtf, low_frequency_drop, mtf50, mtf_at, slanted_edge_mtf
from radiography.figures.mtf_plot import mtf_figure
from tests.analysis.edge_truth import (
    GAUSS,
    GLARE,
    PITCH_MM,
    SHARP,
    EdgeScene,
    csi,
    edge_image,
    noisy_edge_image,
    transfer,
)

FREQUENCY = np.linspace(0, 0.5, 73)  # cycles/pixel, to Nyquist


def measured(image: np.ndarray, **options: object) -> MtfCurve:
    return slanted_edge_mtf(image, PITCH_MM, frequency_per_mm=FREQUENCY / PITCH_MM, **options)  # type: ignore[arg-type]


def largest_error(curve: MtfCurve, scene: EdgeScene) -> float:
    truth = transfer(scene.blur, FREQUENCY, scene.angle_deg, scene.aperture)
    return float(np.abs(curve.value - truth).max())


def test_the_synthetic_pixel_is_the_mean_of_the_edge_over_its_square() -> None:
    scene = EdgeScene(angle_deg=7.0, shape=(48, 64), blur=GAUSS)
    image = edge_image(scene, 1.0)
    r, c = 22, 31  # the edge passes through this pixel
    angle = np.radians(7.0)

    def edge(u: float, v: float) -> float:
        s = (c + u - 31.5) * np.cos(angle) + (r + v - 23.5) * np.sin(angle)
        return float(ndtr(s / 0.4))

    mean, _ = dblquad(edge, -0.5, 0.5, -0.5, 0.5, epsabs=1e-9)
    assert 0.05 < image[r, c] < 0.95
    assert image[r, c] == pytest.approx(mean, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scene", "limit"),
    [
        (EdgeScene(), 1e-3),
        (EdgeScene(GAUSS), 1e-3),
        (EdgeScene(SHARP), 1e-3),
        (EdgeScene(csi(0.82)), 1e-3),
        (EdgeScene(angle_deg=1.5), 1e-3),
        (EdgeScene(angle_deg=10.0), 1e-3),
        (EdgeScene(SHARP, angle_deg=10.0), 1e-3),
        (EdgeScene(horizontal=True), 1e-3),
        (EdgeScene(angle_deg=-3.0), 1e-3),
        (EdgeScene(dark_side_last=True), 1e-3),
        (EdgeScene(horizontal=True, dark_side_last=True, angle_deg=-4.0), 1e-3),
        (EdgeScene(aperture=0.8), 1e-3),
        (EdgeScene(offset=60.3), 1e-3),
        (EdgeScene(plate=0.1), 1e-3),
        (EdgeScene(shape=(300, 180)), 1e-3),
        (EdgeScene(shape=(60, 50), angle_deg=5.0), 1e-3),
        (EdgeScene(GLARE), 2e-3),
        (EdgeScene(bow=1.5), 2e-3),
        (EdgeScene(heel_along=0.06), 2e-3),
        (EdgeScene(heel_across=0.06), 2e-3),
        (EdgeScene(GLARE, heel_along=0.06, heel_across=0.06, plate=0.05), 2e-3),
    ],
    ids=lambda value: "" if isinstance(value, EdgeScene) else str(value),
)
def test_a_noiseless_edge_gives_its_mtf_to_a_thousandth(scene: EdgeScene, limit: float) -> None:
    curve = measured(edge_image(scene).astype(np.float32))
    assert largest_error(curve, scene) < limit
    assert abs(curve.angle_deg) == pytest.approx(abs(scene.angle_deg), abs=1e-3)
    assert curve.orientation == ("horizontal" if scene.horizontal else "vertical")


@pytest.mark.parametrize("turns", range(4))
def test_the_course_is_where_the_edge_is(turns: int) -> None:
    row, col = np.mgrid[:240, :320]
    image = 1000.0 + 9000.0 / (1.0 + np.exp(-(col - 150.0 - 0.05 * (row - 120.0)) / 0.5))
    turned = np.ascontiguousarray(np.rot90(image, turns), np.float32)
    row, col = slanted_edge_mtf(turned, PITCH_MM).course.T
    for turn in range(turns, 0, -1):  # back, a quarter at a time: row r, column c came from column r of the far side
        row, col = col, np.rot90(image, turn - 1).shape[1] - 1 - row
    assert len(row) > 200
    assert np.abs(col - 150.0 - 0.05 * (row - 120.0)).max() < 0.02  # pixels; no noise


@pytest.mark.slow
def test_noise_leaves_the_mtf_unbiased_and_as_uncertain_as_stated() -> None:
    scene = EdgeScene()
    truth = transfer(scene.blur, np.array([2 * PITCH_MM, 3.5 * PITCH_MM]), 3.0)
    found = []
    for seed in range(12):
        curve = slanted_edge_mtf(noisy_edge_image(scene, 2.5, np.random.default_rng(seed)), PITCH_MM, (0, 400, 0, 400))
        found.append([mtf_at(curve, 2.0), mtf_at(curve, 3.5)])
    value, error = np.moveaxis(np.array(found), 2, 0)
    spread = np.sqrt(((value - truth) ** 2).mean(axis=0))
    # root mean square of 12 is known to 20 %; three such errors above 1.5e-3 at 2/mm and 2e-3 at 3.5/mm
    assert spread[0] < 1.5e-3 * 1.6
    assert spread[1] < 2.0e-3 * 1.6
    assert np.abs(value.mean(axis=0) - truth).max() < 3 * 1.7e-3 / 3.5  # three standard errors of the mean
    assert error.mean(axis=0) == pytest.approx(spread, rel=0.6)


def test_weak_exposure_does_not_lift_the_mtf_near_nyquist() -> None:
    scene = EdgeScene()
    at = np.array([3.5])
    values = [
        slanted_edge_mtf(
            noisy_edge_image(scene, 0.5, np.random.default_rng(seed)), PITCH_MM, (0, 400, 0, 400), frequency_per_mm=at
        ).value[0]
        for seed in range(8)
    ]
    # a modulus of the noise would add 22e-3; the standard error of the mean is 3.5e-3/sqrt(8) = 1.2e-3
    assert np.mean(values) - transfer(scene.blur, at * PITCH_MM, 3.0)[0] == pytest.approx(0, abs=3.6e-3)


def test_defects_are_left_out_whatever_they_hold() -> None:
    scene = EdgeScene()
    image = edge_image(scene)
    defects = np.random.default_rng(1).random(image.shape) < 0.03
    defects[:, 180] = True
    defects[100:105] = True
    image[defects] = 1e24
    image[7, 180] = np.nan
    assert largest_error(measured(image, defects=defects), scene) < 1e-3


def test_gamma_spots_on_four_percent_of_the_pixels_are_found_and_left_out() -> None:
    scene, rng = EdgeScene(), np.random.default_rng(2)
    image = noisy_edge_image(scene, 2.5, rng)
    spots = rng.random(image.shape) < 0.04
    image[spots] += rng.exponential(1500.0, int(spots.sum()))
    curve = measured(image)
    assert largest_error(curve, scene) < 8e-3  # without rejection 0.2
    assert 0.8 * spots.sum() < curve.outlier_count < 1.1 * spots.sum()
    assert any("outliers" in sentence for sentence in curve.warnings)


def test_the_image_is_not_written_to_and_its_scale_does_not_matter() -> None:
    image = edge_image(EdgeScene(shape=(120, 90), angle_deg=4.0)).astype(np.float32)
    image.flags.writeable = False
    first, second = measured(image), measured(2 * image)
    assert second.value == pytest.approx(first.value, abs=1e-6)
    assert second.contrast_dn == pytest.approx(2 * first.contrast_dn)
    assert first.value[0] == pytest.approx(1.0, abs=1e-12)


def test_the_curve_ends_where_the_rows_no_longer_sample_the_edge() -> None:
    fine = slanted_edge_mtf(edge_image(EdgeScene(angle_deg=3.0)), PITCH_MM)
    assert fine.cutoff_per_mm == pytest.approx(1 / PITCH_MM)
    assert fine.frequency_per_mm[-1] == pytest.approx(fine.cutoff_per_mm)
    repeating = slanted_edge_mtf(edge_image(EdgeScene(angle_deg=float(np.degrees(np.arctan(1 / 3))))), PITCH_MM)
    assert repeating.oversampling < 4  # three rows repeat the same phases


@pytest.fixture(scope="module")
def partly_coated() -> tuple[np.ndarray, np.ndarray]:
    """A panel coated on 80 mm x 80 mm, bare diodes with 5 % of the signal around; the edge runs over both."""
    rng = np.random.default_rng(3)
    signal = edge_image(EdgeScene(shape=(900, 1000), angle_deg=2.5), 1.0)
    coated = np.zeros(signal.shape, dtype=bool)
    coated[160:735, 210:785] = True
    gain = np.where(coated, 1.0, 0.05)
    noise = 0.02 * np.sqrt(gain * np.maximum(signal, 0.05)) * rng.standard_normal(signal.shape)
    return 1000 * (signal * gain + noise), gain


@pytest.mark.parametrize("gain_corrected", [False, True])
def test_the_region_stays_on_the_coated_part_of_a_panel(
    partly_coated: tuple[np.ndarray, np.ndarray], gain_corrected: bool
) -> None:
    image, gain = partly_coated
    curve = measured(image / gain if gain_corrected else image)
    first, end, _, right = curve.roi
    assert first >= 160
    assert end <= 735
    assert right <= 785 or gain_corrected  # after gain correction only the noise shows the border
    assert right <= 800
    assert largest_error(curve, EdgeScene(angle_deg=2.5)) < 1e-2  # 4 standard errors


def test_a_flat_panel_without_edge_says_so() -> None:
    with pytest.raises(ValueError, match="no edge found in 300 x 200 pixels"):
        slanted_edge_mtf(np.random.default_rng(0).normal(100, 10, (300, 200)), PITCH_MM)


def test_no_edge_among_flagged_pixels_says_how_many_are_flagged() -> None:
    rng = np.random.default_rng(0)
    flagged = rng.random((300, 200)) < 0.4
    with pytest.raises(ValueError, match="and 40 % of the pixels do not count"):
        slanted_edge_mtf(rng.normal(100, 10, (300, 200)), PITCH_MM, defects=flagged)


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        (lambda image: image[0], {}, "two-dimensional array"),
        (lambda image: image, {"roi": (0, 500, 0, 90)}, r"roi .* is \(0, 500, 0, 90\) but the image is \(120, 90\)"),
        (lambda image: image, {"roi": (0, 120, 0, 20)}, "at least 24 x 24 pixels, got 120 x 20"),
        (lambda image: image, {"roi": (0, 120, 0, 30)}, "no edge found"),
        (lambda image: np.where(image > 900, np.nan, image), {}, "not finite outside the defect map"),
        (lambda image: np.full_like(image, 5.0), {}, "every usable pixel of the region is 5"),
        (lambda image: image, {"defects": np.zeros((3, 3), dtype=bool)}, r"must be bool of shape \(120, 90\)"),
        (lambda image: image, {"defects": np.ones((120, 90), dtype=bool)}, "every pixel of the region is marked"),
        (lambda image: edge_image(EdgeScene(angle_deg=0.1, shape=(120, 90))), {}, "angle too small"),
        (lambda image: edge_image(EdgeScene(angle_deg=44.0, shape=(160, 160))), {}, "angle too large"),
    ],
)
def test_a_wrong_input_names_itself(change, options, sentence) -> None:  # type: ignore[no-untyped-def]
    image = edge_image(EdgeScene(shape=(120, 90), angle_deg=4.0))
    with pytest.raises((ValueError, TypeError), match=sentence):
        slanted_edge_mtf(change(image), PITCH_MM, **options)


def test_the_pitch_must_be_positive() -> None:
    with pytest.raises(ValueError, match="pitch_mm must be positive, got 0"):
        slanted_edge_mtf(edge_image(EdgeScene(shape=(120, 90))), 0.0)


def test_the_mtf_between_its_frequencies_and_its_half_value() -> None:
    scene = EdgeScene(shape=(200, 160))
    curve = slanted_edge_mtf(edge_image(scene), PITCH_MM)
    value, error = mtf_at(curve, 1.2345)
    assert value == pytest.approx(transfer(scene.blur, np.array([1.2345 * PITCH_MM]), 3.0)[0], abs=1e-3)
    assert 0 <= error < 1e-3
    half, _ = mtf50(curve)
    assert transfer(scene.blur, np.array([half * PITCH_MM]), 3.0)[0] == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(ValueError, match=r"between 0 and 7\.19"):
        mtf_at(curve, 8.0)
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 2"):
        mtf50(curve, 2.0)


def test_a_long_tail_is_not_mistaken_for_an_open_field() -> None:
    scene = EdgeScene(GLARE)
    curve = slanted_edge_mtf(edge_image(scene), PITCH_MM)
    low = np.array([0.1, 0.2, 0.3])
    found = np.array([mtf_at(curve, f)[0] for f in low])
    assert found == pytest.approx(transfer(scene.blur, low * PITCH_MM, 3.0), abs=1e-3)
    assert found[2] < 0.93  # without the glare 0.96


def test_the_low_frequency_drop_is_the_part_of_the_glare() -> None:
    def drop(scene: EdgeScene) -> float:
        return low_frequency_drop(slanted_edge_mtf(edge_image(scene).astype(np.float32), PITCH_MM))

    assert drop(EdgeScene()) == pytest.approx(0.0, abs=1e-3)
    assert drop(EdgeScene(GAUSS)) == pytest.approx(0.0, abs=1e-3)
    assert drop(EdgeScene(GLARE)) == pytest.approx(0.06, abs=5e-3)  # its own transform has not ended at the lowest


def test_without_glare_the_curve_is_that_of_the_rest() -> None:
    image = edge_image(EdgeScene(GLARE)).astype(np.float32)
    curve = slanted_edge_mtf(image, PITCH_MM, frequency_per_mm=FREQUENCY / PITCH_MM, glare=False)
    with_glare = measured(image)
    off, off_with = (np.abs(c.value - transfer(csi(), FREQUENCY, 3.0))[FREQUENCY > 0.05] for c in (curve, with_glare))
    assert off.max() < 0.6 * off_with.max()  # the part of the glare that lies within 12 pixels stays
    assert np.abs(curve.position_mm).max() == pytest.approx(3 * 4.4 * PITCH_MM, rel=0.1)


def plate_image(size: int, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A square plate at 3 degrees, blurred by a Gaussian of one pixel, off the middle."""
    angle = np.radians(3.0)
    u, v = np.arange(shape[0])[:, None] - 0.45 * shape[0], np.arange(shape[1])[None, :] - 0.55 * shape[1]
    across, along = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    inside = (ndtr(size / 2 - np.abs(across)) * ndtr(size / 2 - np.abs(along))).astype(np.float32)
    return 1000 * (1 - 0.9 * inside) + rng.normal(0, 15, shape).astype(np.float32)


def test_all_edges_of_a_plate_are_measured_in_both_directions() -> None:
    image = plate_image(300, (640, 700), np.random.default_rng(1))
    curves, refused = every_edge_mtf(image, PITCH_MM)
    assert {curve.bright_side for curve in curves} == {"left", "right", "top", "bottom"}
    assert len(curves) == 4 and not refused
    for curve in curves:
        assert abs(curve.angle_deg) == pytest.approx(3.0, abs=0.05)
        found = np.interp(0.1, curve.frequency_per_mm * PITCH_MM, curve.value)
        assert found == pytest.approx(np.exp(-2 * (np.pi * 0.1) ** 2), abs=0.01)


@pytest.mark.slow
def test_a_small_plate_in_a_large_image_is_found() -> None:
    image = plate_image(150, (3072, 3072), np.random.default_rng(2))
    assert {edge.bright_side for edge in find_slanted_edges(image, PITCH_MM)} == {"left", "right", "top", "bottom"}


def corrected_real_frame(shared_data: Path, frame: int) -> np.ndarray:
    folder = shared_data / "psi_edges"
    raw, dark, bright = (
        tifffile.imread(folder / name).astype(np.float64) for name in (f"edge20mm_{frame:04d}.tif", "dc.tif", "ob.tif")
    )
    return np.asarray(((raw - dark) / (bright - dark)).astype(np.float32))


def test_a_real_edge_agrees_with_mtf_mapper_and_sfrmat(shared_data: Path) -> None:
    curve = slanted_edge_mtf(corrected_real_frame(shared_data, 0), 1.0, (100, 500, 20, 130))
    frequency = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
    other = np.array([0.7745, 0.522, 0.313, 0.171, 0.087, 0.0465, 0.035, 0.007])  # mean of both tools
    found = np.array([mtf_at(curve, f)[0] for f in frequency])
    assert np.abs(found - other).max() < 0.01  # the two tools differ by up to 5e-3, noise adds 3e-3
    assert mtf50(curve)[0] == pytest.approx(0.1052, abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize(("frame", "half_value"), [(0, (0.094, 0.106)), (7, (0.0230, 0.0260))])
def test_all_four_edges_of_the_real_plate_are_found(
    shared_data: Path, frame: int, half_value: tuple[float, float]
) -> None:
    image = corrected_real_frame(shared_data, frame)
    edges = find_slanted_edges(image, 1.0)[:4]
    assert {edge.bright_side for edge in edges} == {"left", "right", "top", "bottom"}
    for edge in edges:
        found, _ = mtf50(slanted_edge_mtf(image, 1.0, edge.roi))
        assert half_value[0] < found < half_value[1]


def test_the_line_spread_is_drawn_as_measured() -> None:
    image = noisy_edge_image(EdgeScene(SHARP), 15.0, np.random.default_rng(1))
    curve = slanted_edge_mtf(image, PITCH_MM, (0, 400, 0, 400))
    drawn = mtf_figure([curve]).axes[2].patches[0].get_data()
    assert np.abs(np.diff(drawn.edges)).min() == pytest.approx(PITCH_MM / 4)
    area = (drawn.values * np.diff(drawn.edges)).sum()
    assert area == pytest.approx(1.0, abs=0.01)
    middle = np.abs((drawn.edges[1:] + drawn.edges[:-1]) / 2) < 0.3 * PITCH_MM
    assert drawn.values[middle] == pytest.approx(1 / PITCH_MM, rel=0.05)  # the pixel's own square, and no ripple


def test_the_figure_shows_every_curve_with_its_band() -> None:
    curve = slanted_edge_mtf(edge_image(EdgeScene(shape=(120, 90), angle_deg=4.0)), PITCH_MM)
    figure = mtf_figure([curve, curve], ["first", "second"])
    figure.set_dpi(30)
    figure.canvas.draw()
    main = figure.axes[0]
    assert len(main.collections) == 4  # pointwise and simultaneous
    assert [text.get_text().split(":")[0] for text in main.get_legend().get_texts()] == ["first", "second"]
    with pytest.raises(ValueError, match="a label for each, got 1 and 2"):
        mtf_figure([curve], ["a", "b"])
