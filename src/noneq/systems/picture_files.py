"""The user's own icons: pictures with a transparent background, read from files."""

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.errors import DataFileError, InvalidInput
from noneq.systems.icons import AbstractIcon


class PictureFile(AbstractIcon):
    """A picture with a transparent background, read from a PNG when it is first painted.

    Args:
        path: the file, RGBA or grey with opacity.
        diameter: sites along its longer side on the canvas.
        colours: red, green and blue as three channels; False takes the opacity as the only one,
            for black drawings.

    Raises:
        InvalidInput: a diameter that is not positive; when painted, a picture without
            transparency, an empty one, or a black one with ``colours``.
        DataFileError: when painted, a path that is no picture.
    """

    path: str = "icon.png"
    diameter: float = 10.0
    colours: bool = True

    def __check_init__(self) -> None:
        if not 0 < self.diameter < math.inf:
            raise InvalidInput(
                f"PictureFile: diameter = {self.diameter}; expected a positive number of sites."
            )

    @property
    def channels(self) -> int:
        return 3 if self.colours else 1

    @property
    def reach(self) -> float:
        return self.diameter / math.sqrt(2)

    def pixels(self) -> Float[np.ndarray, "height width layers"]:
        """Red, green, blue and opacity, each from 0 to 1."""
        pixels = _read(self.path)
        if pixels.ndim != 3 or pixels.shape[2] not in (2, 4):
            raise InvalidInput(
                f"{self.path}: a picture of shape {pixels.shape} has no transparency; save it as "
                "RGBA with a transparent background."
            )
        if pixels.shape[2] == 2:
            pixels = pixels[..., [0, 0, 0, 1]]
        opacity = pixels[..., 3]
        if opacity.min() > 0.5:
            raise InvalidInput(f"{self.path}: no pixel is transparent; erase the background.")
        if opacity.max() < 0.5:
            raise InvalidInput(f"{self.path}: the picture is empty (all transparent).")
        if self.colours and (pixels[..., :3] * opacity[..., None]).max() < 0.05:
            raise InvalidInput(
                f"{self.path}: everything drawn is black, which is the background's value; take "
                "colours = False, which uses the opacity."
            )
        return pixels

    def paint(self, places: Float[Array, "*grid 2"]) -> Float[Array, "layers *grid"]:
        pixels = self.pixels()
        opacity = pixels[..., 3:]
        layers = np.concatenate([pixels[..., :3] * opacity, opacity], -1)
        layers = layers if self.colours else np.concatenate([opacity, opacity], -1)
        # Pixels that become smaller than sites are averaged first.
        block = max(1, int(max(pixels.shape[:2]) / self.diameter))
        layers = _shrunk(layers, block)
        size = np.asarray(pixels.shape[:2]) / block
        index = places * (max(pixels.shape[:2]) / block / self.diameter) + (size - 1) / 2
        read = lambda layer: jax.scipy.ndimage.map_coordinates(
            jnp.asarray(layer), [index[..., 0], index[..., 1]], order=1, mode="constant"
        )
        return jnp.stack([read(layer) for layer in np.moveaxis(layers, -1, 0)])


def _read(path: str) -> np.ndarray:
    from matplotlib.image import imread

    if not Path(path).is_file():
        raise DataFileError(f"{path} does not exist; give the path of a PNG.")
    try:
        pixels = np.asarray(imread(path), np.float32)
    except Exception as error:
        raise DataFileError(f"{path} is no picture that can be read ({error}).") from error
    return pixels / 255 if pixels.max() > 1 else pixels


def _shrunk(layers: np.ndarray, block: int) -> np.ndarray:
    """Means over blocks of pixels; transparent rows and columns fill the last ones."""
    short = [(0, -side % block) for side in layers.shape[:2]]
    layers = np.pad(layers, [*short, (0, 0)])
    rows, columns = (side // block for side in layers.shape[:2])
    return layers.reshape(rows, block, columns, block, -1).mean((1, 3))
