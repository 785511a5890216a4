"""Data that are not part of the package: from the user's folder, or fetched when the user asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from platformdirs import user_cache_path

from crossoptim.errors import DataError, UnavailableError

FOLDER = "CROSSOPTIM_DATA"


@dataclass(frozen=True)
class DataFile:
    """A file with a known content: who uses it, where it can be had."""

    study: str
    name: str
    sha256: str
    url: str


def folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The user's own folder of data, or None; raises :class:`~crossoptim.errors.DataError` where what is named is no folder."""
    if not (named := environ.get(FOLDER)):
        return None
    own = Path(named).expanduser()
    if not own.is_dir():
        raise DataError(f"{FOLDER} = {named}: is no folder")
    return own


def cache() -> Path:
    """Where fetched files are kept."""
    return user_cache_path("crossoptim") / "data"


def find(file: DataFile, environ: Mapping[str, str] = os.environ) -> Path:
    """The file in the user's folder, else the one that was fetched.

    Raises:
        UnavailableError: where it is in neither.
        DataError: where its content is another one, or cannot be read, or the user's folder is none.
    """
    own = folder(environ)
    for place in (own, cache()):
        if place and (path := place / file.name).is_file():
            return _checked(path, file)
    where = f"the folder {own}" if own else f"a folder named by {FOLDER}"
    raise UnavailableError(f"{file.study}: no {file.name} (put it into {where}, or fetch it: crossoptim study {file.study} --fetch)")


def fetch(file: DataFile) -> Path:
    """Download the file into the user's cache, unless it is there, and check it.

    Raises:
        UnavailableError: without pooch, or where the download fails.
        DataError: where its content is another one.
    """
    try:
        import pooch
    except ModuleNotFoundError:
        raise UnavailableError("pooch is not installed (pip install 'crossoptim[studies]')") from None
    pooch.get_logger().setLevel("WARNING")
    try:
        return Path(pooch.retrieve(file.url, f"sha256:{file.sha256}", fname=file.name, path=cache()))
    except ValueError as error:  # another content, which is not kept
        raise DataError(f"{file.url}: {error}") from None
    except OSError as error:
        raise UnavailableError(f"{file.url}: cannot be fetched ({error})") from None


def _checked(path: Path, file: DataFile) -> Path:
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if found != file.sha256:
        raise DataError(f"{path}: sha256 is {found} (expected {file.sha256})")
    return path
