"""Images of handwritten digits, 28 × 28: MNIST where the user has it, else those that scikit-learn ships."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossoptim.errors import DataError, UnavailableError
from crossoptim.studies.data import FOLDER, folder
from crossoptim.studies.model import Array

SIDE, CLASSES = 28, 10
_IMAGES, _LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def images(environ: Mapping[str, str] = os.environ) -> tuple[str, Array, Array]:
    """Which images, the images in a row each, shape (images, 784), float32 from -1 to 1, and their digits, shape (images,).

    Raises:
        UnavailableError: where there is neither MNIST nor scikit-learn.
        DataError: where a file of MNIST is malformed, or one of the two is missing, or the user's folder is none.
    """
    own = folder(environ)
    for place in (own, own / "MNIST" / "raw") if own else ():
        pixels, digits = _file(place, _IMAGES), _file(place, _LABELS)
        if pixels and digits:
            return _mnist(pixels, digits)
        if alone := pixels or digits:
            raise DataError(f"{alone}: stands alone (expected {_LABELS if pixels else _IMAGES} beside it)")
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        install = "pip install 'crossoptim[studies]'"
        raise UnavailableError(
            f"scikit-learn, which ships digits, is not installed ({install}, or name MNIST's folder in {FOLDER})"
        ) from None
    pixels, digits = load_digits(return_X_y=True)
    large = np.pad(np.kron(pixels.reshape(-1, 8, 8), np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))
    return "scikit-learn's handwritten digits, 8 x 8 enlarged to 28 x 28", _scaled(large / 16), digits.astype(np.float32)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The bytes of an idx file, gzipped or not, in their shape.

    Raises:
        DataError: where it is not one of unsigned bytes, or not as long as its header says.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    head = 4 + 4 * content[3] if len(content) > 3 else 4
    if content[:3] != b"\0\0\x08" or len(content) < head:
        raise DataError(f"{path}: starts with {content[:4]!r} (expected an idx file of unsigned bytes)")
    shape = tuple(int(size) for size in np.frombuffer(content[4:head], ">u4"))
    if len(content) - head != math.prod(shape):
        raise DataError(f"{path}: {len(content) - head} bytes after the header (expected {math.prod(shape)}: is it truncated?)")
    return np.frombuffer(content[head:], np.uint8).reshape(shape)


def _file(place: Path, name: str) -> Path | None:
    return next((path for path in (place / name, place / f"{name}.gz") if path.is_file()), None)


def _mnist(pixels: Path, digits: Path) -> tuple[str, Array, Array]:
    found, labels = read_idx(pixels), read_idx(digits)
    if found.shape[1:] != (SIDE, SIDE) or not len(found):
        raise DataError(f"{pixels}: shape {list(found.shape)} (expected images of {SIDE} x {SIDE})")
    if labels.shape != found.shape[:1] or labels.max() >= CLASSES:
        raise DataError(f"{digits}: shape {list(labels.shape)}, values up to {labels.max(initial=0)} (expected {len(found)} digits)")
    return "MNIST", _scaled(found / np.float32(255)), labels.astype(np.float32)


def _scaled(grey: Array) -> Array:
    """From 0 to 1 to -1 to 1."""
    return ((grey.reshape(len(grey), -1) - 0.5) / 0.5).astype(np.float32)
