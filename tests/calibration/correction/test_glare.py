"""The glare is taken out exactly where it was put in by other means, and noise pays no more than stated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import k1

from calibration.correction import glare as glare_module
from calibration.correction.glare import GlareModel, add_glare, glare_transfer, glare_variance_gain, remove_glare
from radiography.light.scintillator import Glare
from radiography.light.scintillator import glare_transfer as forward_transfer
from tests.reference import on_threads

SHAPE = (48, 64)
PITCH_MM = 0.2


def model(fraction: float = 0.2, length_mm: float = 1.5, kernel: str = "exponential") -> GlareModel:
    return GlareModel(fraction, length_mm, PITCH_MM, kernel)


def picture(seed: int = 1) -> np.ndarray:
    image = np.random.default_rng(seed).normal(20000, 3000, SHAPE).astype(np.float32)
    image[10:20, 30:50] = 500.0
    image.setflags(write=False)
    return image


def mirrored(image: np.ndarray, glare: GlareModel) -> np.ndarray:
    """The glare by a complex Fourier transform of the picture and its three mirror images, in float64."""
    rows, cols = image.shape
    tiled = np.pad(image.astype(np.float64), ((0, rows), (0, cols)), mode="symmetric")
    down, right = (np.fft.fftfreq(n, glare.pitch_mm) for n in tiled.shape)
    frequency = np.hypot(down[:, None], right)
    phase = 2 * np.pi * frequency * glare.length_mm
    spread = (1 + phase**2) ** -1.5 if glare.kernel == "exponential" else np.exp(-phase)
    transfer = 1 - glare.fraction + glare.fraction * spread
    return np.fft.ifft2(np.fft.fft2(tiled) * transfer).real[:rows, :cols]


def edge_glare(distance_mm: float, glare: GlareModel) -> float:
    """Signal at a distance inside the shadow of a straight edge of unit brightness, exponential glare. [1]

    The line spread of exp(-r / b) / (2 pi b^2) is |x| / b K1(|x| / b) / (pi b): its transform is (1 + k^2 b^2)^-3/2.
    """
    b = glare.length_mm
    part, _ = quad(lambda x: x / b * k1(x / b) / (np.pi * b), distance_mm, 60 * b)
    return glare.fraction * part


def test_without_a_glare_the_picture_comes_back_bit_for_bit() -> None:
    image = picture()
    for function in (remove_glare, add_glare):
        result = function(image, model(fraction=0.0))
        assert result.tobytes() == image.tobytes() and result is not image


@pytest.mark.parametrize("kernel", ["exponential", "lorentzian"])
def test_the_glare_is_that_of_a_mirrored_picture(kernel: str) -> None:
    glare = model(kernel=kernel)
    # float32 transforms of 3,072 values up to 30,000: 1e-6 of the brightest
    assert add_glare(picture(), glare) == pytest.approx(mirrored(picture(), glare), abs=0.03)


@pytest.mark.parametrize("kernel", ["exponential", "lorentzian"])
def test_removing_mends_what_adding_breaks(kernel: str) -> None:
    glare = model(kernel=kernel)
    hazy = mirrored(picture(), glare).astype(np.float32)
    assert remove_glare(hazy, glare) == pytest.approx(picture(), abs=0.03)
    assert add_glare(remove_glare(picture(), glare), glare) == pytest.approx(picture(), abs=0.03)


def test_a_shadow_beside_an_edge_becomes_black() -> None:
    glare = GlareModel(0.2023, 3.0, 0.2)
    cols = np.arange(200)
    bright = np.where(cols < 100, 0.0, 40000.0)
    far = np.array([edge_glare((99.5 - col) * 0.2, glare) if col < 100 else 0.0 for col in cols])
    far[100:] = 1.0 - far[:100][::-1]  # what the shadow gains the light loses
    hazy = np.tile(40000.0 * far, (64, 1)).astype(np.float32)
    # Closed form for an endless edge: 9.9 % of the light 0.1 mm inside the shadow; the panel's end 20 mm away changes
    # that by less than the glare there, exp(-20 / 3).
    assert hazy[:, 99] / 40000 == pytest.approx(0.099, abs=5e-4)
    corrected = remove_glare(hazy, glare)
    inside = (cols >= 50) & (cols < 150)
    # An edge pixel averages a cusp, x log x over half a pixel: 0.04 % of the light. Elsewhere nothing is left.
    assert np.abs(corrected[:, inside] - bright[inside]).max() < 0.0005 * 40000


def test_the_mean_is_kept() -> None:
    assert remove_glare(picture(), model()).mean(dtype=float) == pytest.approx(picture().mean(dtype=float), rel=1e-6)


def test_twice_the_picture_is_twice_the_result() -> None:
    assert np.array_equal(remove_glare(2 * picture(), model()), 2 * remove_glare(picture(), model()))


@pytest.mark.parametrize("kernel", ["exponential", "lorentzian"])
@pytest.mark.parametrize("fraction", [0.06, 0.2])
def test_noise_grows_as_stated(kernel: str, fraction: float) -> None:
    glare = model(fraction, kernel=kernel)
    noise = np.random.default_rng(3).normal(0, 1, (480, 640)).astype(np.float32)
    gain = float(remove_glare(noise, glare).var(dtype=float) / noise.var(dtype=float))
    # 307,200 values: the same ones before and after, so most of sqrt(2 / N) = 0.26 % cancels
    assert gain == pytest.approx(glare_variance_gain(glare, (480, 640)), rel=0.003)
    assert 1.0 < gain <= (1 - fraction) ** -2


def test_the_transfer_is_that_of_the_forward_model() -> None:
    frequency = np.geomspace(1e-3, 10, 50)
    ours = glare_transfer(GlareModel(0.07, 12.0, PITCH_MM), frequency)
    assert ours == pytest.approx(forward_transfer(Glare(0.07, 12.0), frequency), rel=1e-12)


def test_the_lorentzian_transfer_is_that_of_its_point_spread() -> None:
    b, f = 1.3, 0.21  # transform of (1 + r^2 / b^2)^-3/2 / (2 pi b^2) along a line: integral of its line spread
    value, _ = quad(lambda x: 2 * b / np.pi / (b * b + x * x), 0, np.inf, weight="cos", wvar=2 * np.pi * f)
    assert glare_transfer(GlareModel(0.4, b, PITCH_MM, "lorentzian"), np.array(f)) == pytest.approx(0.6 + 0.4 * value)


def test_a_pixel_without_a_value_stays_and_harms_nobody() -> None:
    image = picture().copy()
    image[5, 6], image[40, 3] = np.nan, np.inf
    result = remove_glare(image, model())
    assert np.isnan(result[5, 6]) and np.isposinf(result[40, 3])
    whole = remove_glare(picture(), model())
    good = np.isfinite(image)
    # one pixel of 20,000 DN less or more spreads 0.2 / (2 pi 7.5^2) of at most 10,000 DN
    assert result[good] == pytest.approx(whole[good], abs=0.2 / (2 * np.pi * 7.5**2) * 2e4 * 1.25)


def test_threads_and_workers_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    many = on_threads(2, lambda: remove_glare(picture(), model()))
    monkeypatch.setattr(glare_module, "_WORKERS", 1)
    one = on_threads(1, lambda: remove_glare(picture(), model()))
    assert one.tobytes() == many.tobytes()


def test_the_kernel_agrees_with_its_python() -> None:
    for exponential in (True, False):
        compiled, plain = picture().copy(), picture().copy()
        glare_module._scale(compiled, 0.2, 5.0, exponential, True)
        glare_module._scale.py_func(plain, 0.2, 5.0, exponential, True)
        assert compiled == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.5, 1.0, 0.1), "glare fraction must be at least 0 and below 0.5, got 0.5"),
        ((0.1, 0.0, 0.1), "length_mm of the glare must be positive, got 0.0"),
        ((0.1, 1.0, -1.0), "pitch_mm of the glare must be positive, got -1.0"),
        ((0.1, 1.0, 0.1, "gauss"), "must be one of exponential, lorentzian, got 'gauss'"),
    ],
)
def test_a_wrong_model_names_itself(values: tuple, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message):
        GlareModel(*values)


def test_a_stack_of_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a picture is \(rows, columns\), got \(2, 48, 64\)"):
        remove_glare(np.zeros((2, *SHAPE), np.float32), model())
