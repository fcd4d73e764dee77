"""The settings as the environment gives them (``AUTHSVC_*``), and as they are described to people.

A secret may be given as the path of a file instead: ``AUTHSVC_SECRET_KEY_FILE=/run/secrets/key``.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource

from authsvc.kit.durations import write_duration
from authsvc.settings import PREFIX, InvalidSettings, Settings

_OF_KUBERNETES = re.compile(
    r"AUTHSVC_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_URL_OF_KUBERNETES = re.compile(r"(tcp|udp|sctp)://.*")


def environment(*, env_file: Path | None = None) -> dict[str, str]:
    """Return the environment's variables, and those of ``env_file`` where the environment is silent."""
    stored: Mapping[str, str | None] = {}
    if env_file is not None and env_file.is_file():
        stored = DotEnvSettingsSource(Settings, env_file=env_file, case_sensitive=True).env_vars
    return {name: value for name, value in stored.items() if value is not None} | dict(os.environ)


def load(variables: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``variables``, by default from the environment.

    Raises:
        InvalidSettings: something is missing, weak, unknown or wrong.

    """
    variables = environment() if variables is None else variables
    named = {name: value for name, value in variables.items() if name.startswith(PREFIX)}
    named = {name: value for name, value in named.items() if not _is_of_kubernetes(name, value)}
    _refuse_unknown(named)
    fields = {name: value for name in Settings.model_fields if (value := _value(named, name)) is not None}
    try:
        return Settings.model_validate(fields)
    except ValidationError as error:
        raise InvalidSettings("\n".join(_sentences(error))) from None


def is_set(variables: Mapping[str, str], field: str) -> bool:
    """Tell whether ``variables`` give ``field``, as a value or as a file."""
    return variable(field) in variables or f"{variable(field)}_FILE" in variables


def describe() -> list[tuple[str, str, str]]:
    """Return a row for each setting: its variable, its default as one would write it, what it is for."""
    return [
        (
            variable(name) + (" (or …_FILE)" if is_secret(name) else ""),
            _default(name),
            _described(name),
        )
        for name, field in Settings.model_fields.items()
    ]


def variable(field: str) -> str:
    """Return the name under which ``field`` is set."""
    return PREFIX + field.upper()


def is_secret(field: str) -> bool:
    """Tell whether ``field`` may also be given as a file."""
    return "SecretStr" in str(Settings.model_fields[field].annotation)


def _default(field: str) -> str:
    info = Settings.model_fields[field]
    match info.default:
        case _ if info.is_required():
            return "must be set"
        case _ if field == "hashing_threads":
            return "processors − 1"  # not this machine's number
        case None | ():
            return "none"
        case timedelta() as duration:
            return write_duration(duration)
        case bool() as flag:
            return str(flag).lower()
        case default:
            return str(default)


def _described(field: str) -> str:
    """Return what ``field`` is for and, where its type does not say it, what it may be."""
    info = Settings.model_fields[field]
    bounds, choices = _bounds(field), _choices(field)
    accepted = " From {} to {}.".format(*bounds) if bounds else ""
    accepted = f" {_either(f'`{choice}`' for choice in choices)}." if choices else accepted
    return f"{info.description}{accepted}"


def _bounds(field: str) -> tuple[str, str] | None:
    """Return the least and the most that ``field`` may be, as one would write them."""
    metadata = Settings.model_fields[field].metadata
    least = [one.ge for one in metadata if hasattr(one, "ge")]
    most = [one.le for one in metadata if hasattr(one, "le")]
    return (_write(least[0]), _write(most[0])) if least and most else None


def _choices(field: str) -> tuple[str, ...]:
    annotation = Settings.model_fields[field].annotation
    if annotation is bool:
        return ("true", "false")
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _either(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}"


def _write(value: Any) -> str:
    return write_duration(value) if isinstance(value, timedelta) else str(value)


def _must_be(field: str) -> str:
    """Return the rest of a sentence about a value that ``field`` cannot have."""
    if choices := _choices(field):
        return f"must be {_either(choices)}"
    if bounds := _bounds(field):
        kind = "a whole number" if Settings.model_fields[field].annotation is int else "a duration"
        return "must be {} from {} to {}".format(kind, *bounds)
    return "must not be empty"


def _value(named: Mapping[str, str], field: str) -> str | None:
    name, file_name = variable(field), f"{variable(field)}_FILE"
    if not (is_secret(field) and file_name in named):
        return named.get(name)
    if name in named:
        raise InvalidSettings(f"Set {name} or {file_name}, not both.")
    try:
        return Path(named[file_name]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise InvalidSettings(f"{file_name} names a file that cannot be read.") from None


def _is_of_kubernetes(name: str, value: str) -> bool:
    """Tell whether Kubernetes wrote this, to tell containers of a Service whose name begins with authsvc."""
    if _OF_KUBERNETES.fullmatch(name):
        return True
    return name.endswith("_PORT") and _URL_OF_KUBERNETES.fullmatch(value) is not None


def _refuse_unknown(names: Iterable[str]) -> None:
    known = [variable(field) for field in Settings.model_fields]
    known += [f"{variable(field)}_FILE" for field in Settings.model_fields if is_secret(field)]
    for name in sorted(set(names) - set(known)):
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        raise InvalidSettings(f"There is no setting {name}.{hint}")


def _sentences(error: ValidationError) -> Iterable[str]:
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        match problem["type"]:
            case "missing":
                yield f"{variable(field)} is not set. {Settings.model_fields[field].description}"
            case "value_error":
                said = problem["msg"].removeprefix("Value error, ")
                yield f"{variable(field) if field else ''} {said}.".lstrip()
            case _:
                yield f"{variable(field)} {_must_be(field)}."
