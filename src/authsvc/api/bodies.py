"""Reading what was sent: limited, strict, and turned into a model at the door. Nothing is echoed."""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any, Never, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect

from authsvc.errors import (
    BodyTooLarge,
    FieldError,
    InvalidForm,
    InvalidJson,
    InvalidRequest,
    UnsupportedMediaType,
)

MAX_BODY_BYTES = 16 * 1024
_MAX_DEPTH = 8
_MAX_INTEGER = 2**53
_MAX_FORM_FIELDS = 16
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


class RequestModel(BaseModel):
    """A body: the documented fields of the documented types, and nothing else."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


Model = TypeVar("Model", bound=RequestModel)


def json_body(model: type[Model], *, required: bool = True) -> Callable[[Request], Awaitable[Model]]:
    """Return a dependency that reads a JSON body; one that is not ``required`` may be empty."""

    async def read(request: Request) -> Model:
        body, media_type = await _read(request)
        if not body and not required:
            return fit(model, {})
        if media_type != _JSON:
            raise UnsupportedMediaType(f"Send {_JSON}.")
        return fit(model, parse_json(body))

    return read


def json_or_form_body(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """Return a dependency that reads JSON, or the form of the password grant (RFC 6749, section 4.3.2)."""

    async def read(request: Request) -> Model:
        body, media_type = await _read(request)
        match media_type:
            case "application/json":
                return fit(model, parse_json(body))
            case "application/x-www-form-urlencoded":
                sent = parse_form(body)
                if sent.get("grant_type", "password") not in {"password", ""}:
                    raise InvalidForm("The only grant_type here is password.")
                return fit(model, {name: sent[name] for name in model.model_fields if name in sent})
            case _:
                raise UnsupportedMediaType(f"Send {_JSON} or {_FORM}.")

    return read


def documented(model: type[RequestModel], *, form: bool = False, required: bool = True) -> dict[str, Any]:
    """Return what OpenAPI should say of such a body: FastAPI's ``openapi_extra=``."""
    schema = model.model_json_schema()
    content: dict[str, Any] = {_JSON: {"schema": schema}}
    if form:
        properties = {"grant_type": {"type": "string", "enum": ["password"]}, **schema["properties"]}
        content[_FORM] = {"schema": {**schema, "properties": properties, "additionalProperties": True}}
    return {"requestBody": {"required": required, "content": content}}


def parse_json(body: bytes) -> Any:
    """Return the value of strict JSON: UTF-8 without BOM, unique keys, finite numbers, integers below 2^53.

    Raises:
        InvalidJson: it is something else, or nested more than 8 deep (RFC 8259, sections 4, 6, 8.1 and 9).

    """
    try:
        value = _STRICT.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InvalidJson from None
    if _deeper_than(_MAX_DEPTH, value):
        raise InvalidJson(f"It is nested more than {_MAX_DEPTH} deep.")
    return value


def parse_form(body: bytes) -> dict[str, str]:
    """Return the fields of an ``application/x-www-form-urlencoded`` body, each at most once.

    Raises:
        InvalidForm: it is something else (RFC 6749, appendix B, and section 3.2: no parameter twice).

    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError:
        raise InvalidForm from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidForm("A field was sent twice.")
    return fields


def fit(model: type[Model], value: Any) -> Model:
    """Return ``value`` as the model.

    Raises:
        InvalidRequest: it does not fit; each field that does not is named, without its value.

    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        known = ", ".join(model.model_fields)
        raise InvalidRequest(
            *(
                # The name of an unknown field is input too, and so is not told.
                FieldError("", f"Unknown field; known are: {known}")
                if problem["type"] == "extra_forbidden"
                else FieldError("".join(f"/{step}" for step in problem["loc"]), _sentence(problem))
                for problem in problems
            )
        ) from None


def _sentence(problem: Any) -> str:
    """Return pydantic's sentence, but for the one that names a class of ours."""
    return "Input should be an object" if problem["type"] == "model_type" else problem["msg"]


async def _read(request: Request) -> tuple[bytes, str]:
    """Return the body, and of which media type it is; "" for none, several or an odd one."""
    declared, media_types = b"", []
    for name, value in request.scope["headers"]:  # once; `request.headers` would search for each
        if name == b"content-length":
            declared = declared or value
        elif name == b"content-type":
            media_types.append(value)
        elif name == b"content-encoding" and value != b"identity":
            raise UnsupportedMediaType("Send the body without a content encoding.")
    if declared.isdigit() and int(declared[:9]) > MAX_BODY_BYTES:
        raise _too_large()
    body = b""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return body, _media_type(media_types[0].decode("latin-1")) if len(media_types) == 1 else ""


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"At most {MAX_BODY_BYTES} bytes are read.")


def _media_type(header: str) -> str:
    media_type, _, parameters = header.partition(";")
    if parameters and parameters.replace(" ", "").replace('"', "").lower() not in {"", "charset=utf-8"}:
        return ""
    return media_type.strip().lower()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _refuse_constant(_: str) -> Never:
    raise ValueError("not a number of JSON")


def _integer(digits: str) -> int:
    if len(digits) > len(str(_MAX_INTEGER)) + 1 or abs(value := int(digits)) >= _MAX_INTEGER:
        raise ValueError("an integer that not every reader can hold")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


_STRICT = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_finite
)


def _deeper_than(depth: int, value: Any) -> bool:
    if isinstance(value, dict):
        return depth == 0 or any(_deeper_than(depth - 1, item) for item in value.values())
    if isinstance(value, list):
        return depth == 0 or any(_deeper_than(depth - 1, item) for item in value)
    return False
