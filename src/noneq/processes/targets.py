"""What the network predicts: five targets and EDM's preconditioning, all affine in the output.

Every target turns a raw network F into the denoiser E[y | x] by
D = c_skip x + c_out F(c_in x): three numbers per noise level are all that differs.
"""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import jax.numpy as jnp

from noneq._typing import Scalar
from noneq.kinds import AbstractChecked


class Coefficients(NamedTuple):
    """D = skip x + out F(inside x)."""

    skip: Scalar
    out: Scalar
    inside: Scalar


class AbstractTarget(AbstractChecked):
    """Meaning of the network's output for x = alpha y + sigma xi."""

    needs_signal: ClassVar[bool] = False
    """Whether it is undefined where alpha = 0."""

    @abstractmethod
    def __call__(
        self, alpha: Scalar, sigma: Scalar, d_alpha: Scalar, d_sigma: Scalar, std: Scalar
    ) -> Coefficients:
        """Coefficients at one noise level.

        Args:
            alpha, sigma: signal and noise level.
            d_alpha, d_sigma: their derivatives in tau.
            std: standard deviation of the (normalised) data.
        """


def _inside(alpha: Scalar, sigma: Scalar, std: Scalar) -> Scalar:
    """1/sqrt(Var x): gives every target a network input of unit variance."""
    return 1 / jnp.sqrt(alpha**2 * std**2 + sigma**2)


class Noise(AbstractTarget):
    """F = xi, so D = (x − sigma F)/alpha. Source: Ho et al. 2020, eq. 12."""

    needs_signal: ClassVar[bool] = True

    def __call__(
        self, alpha: Scalar, sigma: Scalar, d_alpha: Scalar, d_sigma: Scalar, std: Scalar
    ) -> Coefficients:
        return Coefficients(1 / alpha, -sigma / alpha, _inside(alpha, sigma, std))


class Data(AbstractTarget):
    """F = y, so D = F."""

    def __call__(
        self, alpha: Scalar, sigma: Scalar, d_alpha: Scalar, d_sigma: Scalar, std: Scalar
    ) -> Coefficients:
        return Coefficients(jnp.zeros_like(alpha), jnp.ones_like(alpha), _inside(alpha, sigma, std))


class Score(AbstractTarget):
    """F = −xi/sigma = the conditional score, so D = (x + sigma² F)/alpha.

    Source: Song et al. 2021, eq. 7.
    """

    needs_signal: ClassVar[bool] = True

    def __call__(
        self, alpha: Scalar, sigma: Scalar, d_alpha: Scalar, d_sigma: Scalar, std: Scalar
    ) -> Coefficients:
        return Coefficients(1 / alpha, sigma**2 / alpha, _inside(alpha, sigma, std))


class V(AbstractTarget):
    """F = alpha xi − sigma y, so D = (alpha x − sigma F)/(alpha² + sigma²).

    Source: Salimans and Ho 2022, section 4 (there alpha² + sigma² = 1).
    """

    def __call__(
        self, alpha: Scalar, sigma: Scalar, d_alpha: Scalar, d_sigma: Scalar, std: Scalar
    ) -> Coefficients:
        power = alpha**2 + sigma**2
        return Coefficients(alpha / power, -sigma / power, _inside(alpha, sigma, std))


class Velocity(AbstractTarget):
    """F = alpha' y + sigma' xi = dx/dtau, so D = (sigma F − sigma' x)/(alpha' sigma − alpha sigma').

    Source: Lipman et al. 2023, theorem 3.
    """

    def __call__(
        self, alpha: Scalar, sigma: Scalar, d_alpha: Scalar, d_sigma: Scalar, std: Scalar
    ) -> Coefficients:
        wronskian = d_alpha * sigma - alpha * d_sigma
        return Coefficients(-d_sigma / wronskian, sigma / wronskian, _inside(alpha, sigma, std))


class Preconditioned(AbstractTarget):
    """EDM's preconditioning: F has unit variance and its error is amplified as little as possible.

    **Equation**: c_skip = alpha sd²/(sigma² + alpha² sd²), c_out = sigma sd/sqrt(sigma² + alpha² sd²).

    Source: Karras et al. 2022, table 1 and eq. 7 (alpha = 1 there); sd is the measured std.
    """

    def __call__(
        self, alpha: Scalar, sigma: Scalar, d_alpha: Scalar, d_sigma: Scalar, std: Scalar
    ) -> Coefficients:
        inside = _inside(alpha, sigma, std)
        return Coefficients(alpha * std**2 * inside**2, sigma * std * inside, inside)
