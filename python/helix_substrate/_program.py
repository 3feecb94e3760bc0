"""The program: where it is, and how arrays reach it and come back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import numpy as np

PathLike = Union[str, "os.PathLike[str]"]


class HelixError(ValueError):
    """The program refused; the message is the line in which it says why."""


def program_path() -> Path:
    """Return where the program is: among the scripts of this Python, or of its user, or beside the package, or on PATH.

    Raises FileNotFoundError where there is none.
    """
    name = "helix-substrate" + (sysconfig.get_config_var("EXE") or "")
    folders = [sysconfig.get_path("scripts")]
    user = sysconfig.get_preferred_scheme("user")
    if user in sysconfig.get_scheme_names():
        folders.append(sysconfig.get_path("scripts", user))
    folders.append(str(Path(__file__).resolve().parent.parent / "bin"))  # pip install --target
    for folder in folders:
        candidate = Path(folder) / name
        if candidate.is_file():
            return candidate
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is neither in {folders[0]} nor on PATH: install the wheel of helix-substrate")
    return Path(found)


def existing(path: PathLike) -> Path:
    """Return path, or raise FileNotFoundError where nothing is there."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    return path


def argument(path: PathLike) -> str:
    """Return path as the program takes it: never a flag, whatever it begins with."""
    text = os.fspath(path)
    return os.path.join(os.curdir, text) if text.startswith("-") else text


def run(*arguments: str, environment: Optional[Dict[str, str]] = None, show: bool = False) -> str:
    """Run the program and return what it prints; with show, its output goes where this program's does, and "" is returned.

    Raises HelixError where it fails.
    """
    finished = subprocess.run(
        [str(program_path()), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **(environment or {})},
        check=False,
    )
    if finished.returncode != 0:
        said = (finished.stderr or "").strip().splitlines()
        line = said[-1] if said else f"helix-substrate {arguments[0]}: exit code {finished.returncode}"
        raise HelixError(line.removeprefix("helix-substrate: "))
    return finished.stdout or ""


def run_json(*arguments: str) -> Dict[str, Any]:
    """Run the program and return the JSON that it prints."""
    return json.loads(run(*arguments))


class Exchange:
    """A temporary folder in which arrays are handed over; a context manager."""

    def __enter__(self) -> "Exchange":
        self._folder = tempfile.TemporaryDirectory(prefix="helix-substrate-")
        return self

    def __exit__(self, *_: Any) -> None:
        self._folder.cleanup()

    def path(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return os.path.join(self._folder.name, name)

    def save(self, name: str, array: np.ndarray) -> str:
        """Write an array as a .npy file and return its path."""
        path = self.path(name)
        np.save(path, np.ascontiguousarray(array), allow_pickle=False)
        return path

    def load(self, name: str) -> np.ndarray:
        """Return the array of a .npy file that the program wrote."""
        return np.load(self.path(name), allow_pickle=False)

    def load_json(self, name: str) -> Dict[str, Any]:
        """Return a JSON file that the program wrote."""
        return json.loads(Path(self.path(name)).read_text(encoding="utf-8"))


def floats(array: Any, least: int, most: int) -> np.ndarray:
    """Return array as float32 of least to most dimensions, or raise ValueError."""
    result = np.asarray(array, dtype=np.float32)
    if not least <= result.ndim <= most:
        wanted = " or ".join(f"{n}D" for n in range(least, most + 1))
        raise ValueError(f"X must be {wanted}, got shape {result.shape}")
    return result


def shape_of(path: PathLike) -> List[int]:
    """Return the shape [rows, columns] of a CDNA file, of which only the header is read."""
    return run_json("inspect", argument(existing(path)), "--json")["shape"]
