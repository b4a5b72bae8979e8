"""Quanta from X-ray to electron of the camera: how many are left at each stage, and what that makes of the DQE.

References
----------
.. [1] Cunningham, Westmore, Fenster, "A spatial-frequency dependent quantum accounting diagram and detective quantum
       efficiency model of signal and noise propagation in cascaded imaging systems", Med. Phys. 21, 417 (1994),
       doi:10.1118/1.597401.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.camera.film_light import FilmLight

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class QuantaAccount:
    """Mean numbers for one incident X-ray photon of a beam, stage by stage: the quantum accounting diagram. [1]

    Attributes
    ----------
    absorbed : float
        X-ray photons that leave energy in the film.
    made, in_plate, in_lens, electrons : float
        Light photons made, in the plate, and through the lens; electrons of the sensor.
    swank : float
        Mean light squared over its mean square, of the X-ray photons that are absorbed.
    """

    absorbed: float
    made: float
    in_plate: float
    in_lens: float
    electrons: float
    swank: float

    @property
    def electrons_per_absorbed(self) -> float:
        """Of the camera for one absorbed X-ray photon; a secondary quantum sink where it is below 1. [1]"""
        return self.electrons / self.absorbed

    @property
    def dqe(self) -> float:
        """At zero frequency, without dark current and read noise: absorbed / (1 / swank + 1 / g) [1]_. [1]

        With g the electrons for one absorbed photon, which are few of many light photons and so of Poisson's law.
        """
        return self.absorbed / (1.0 / self.swank + 1.0 / self.electrons_per_absorbed)


def account_for_quanta(light: FilmLight, fluence: npt.ArrayLike, share: float, efficiency: float) -> QuantaAccount:
    """Numbers of quanta at each stage for a beam.

    Parameters
    ----------
    light : FilmLight
        Of the film, at the energies of the beam.
    fluence : (E,) float64
        Photons of each energy, on any scale. [1]
    share : float
        Of the plate's light that passes the lens. [1]
    efficiency : float
        Electrons for a photon that meets the sensor. [1]

    Returns
    -------
    account : QuantaAccount

    Raises
    ------
    ValueError
        If a share is not within 0 and 1, or the beam makes no light.
    """
    for name, value in (("share", share), ("efficiency", efficiency)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} of a quantum account must be from 0 to 1, got {value}")
    photons = np.asarray(fluence, dtype=np.float64)
    if not float(photons @ light.light) > 0:
        raise ValueError("a quantum account needs light, but the beam makes none in the film")
    absorbed, made, mean, square = (
        float(np.average(each, weights=photons)) for each in (light.quanta, light.made, light.light, light.light_square)
    )
    return QuantaAccount(
        absorbed=absorbed,
        made=made,
        in_plate=mean,
        in_lens=share * mean,
        electrons=share * efficiency * mean,
        swank=mean**2 / (absorbed * square),
    )
