"""/register, /user."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from authsvc import errors
from authsvc.api.bodies import RequestModel, documented, json_body
from authsvc.api.deps import Authenticated, BearerToken, client
from authsvc.api.devices import DOCUMENTED_REQUEST, AskingClient, DeviceCookie, documented_answer
from authsvc.flows.change_password import ChangePassword
from authsvc.flows.client import Caller, Client
from authsvc.flows.delete_user import DeleteUser
from authsvc.flows.identity import parse_changes
from authsvc.flows.register import Register
from authsvc.flows.show_user import ShowUser
from authsvc.flows.update_user import UpdateUser
from authsvc.problems import responses
from authsvc.users.user import public_record

_PASSWORD: dict[str, Any] = {"format": "password"}


class RegisterRequest(RequestModel):
    """Who wants to join."""

    username: str = Field(
        max_length=256, description="3 to 64 letters, digits, `_`, `-`, `.`", examples=["ada"]
    )
    password: str = Field(
        max_length=4096, repr=False, description="Long enough, and none that everybody uses",
        examples=["correct horse battery staple"], json_schema_extra=_PASSWORD,
    )  # fmt: skip
    name: str | None = Field(None, max_length=512, examples=["Ada Lovelace"])
    email: str | None = Field(None, max_length=320, examples=["ada@example.com"])


class UserChanges(RequestModel):
    """What to change; what is not sent stays as it is, null removes it."""

    name: str | None = Field(None, max_length=512, examples=["Ada King"])
    email: str | None = Field(None, max_length=320, examples=["ada@example.com"])


class PasswordChange(RequestModel):
    """The password as it is and as it shall be."""

    current_password: str = Field(max_length=4096, repr=False, json_schema_extra=_PASSWORD)
    new_password: str = Field(max_length=4096, repr=False, json_schema_extra=_PASSWORD)


class UserDeletion(RequestModel):
    """The password, once more."""

    password: str = Field(max_length=4096, repr=False, json_schema_extra=_PASSWORD)


class UserView(BaseModel):
    """A user, as that user sees it."""

    id: UUID
    username: str
    name: str | None
    email: str | None
    email_verified: bool
    created_at: datetime
    updated_at: datetime


_USER: dict[int | str, dict[str, Any]] = {200: {"model": UserView}}
_THEN_LOG_IN = {
    "operationId": "log_in",
    "description": "Log in with what was registered.",
    "requestBody": {"username": "$request.body#/username", "password": "$request.body#/password"},
}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": UserView, "links": {"log_in": _THEN_LOG_IN}}}
_ANSWERED_TO_ALL = (
    errors.NotAuthenticated,
    errors.InvalidToken,
    errors.SessionEnded,
    errors.ServiceUnavailable,
)
_WITH_BODY = (errors.InvalidJson, errors.BodyTooLarge, errors.UnsupportedMediaType, errors.InvalidRequest)
_WITH_PASSWORD = (errors.InvalidCredentials, errors.TooManyAttempts, errors.Overloaded)


def router(
    register: Register,
    show_user: ShowUser,
    update_user: UpdateUser,
    change_password: ChangePassword,
    delete_user: DeleteUser,
    caller: Authenticated,
    cookie: DeviceCookie,
) -> APIRouter:
    """Return the routes about users."""
    routes = APIRouter(tags=["users"])
    asking_client = AskingClient(cookie)

    @routes.post(
        "/register",
        name="register",
        status_code=201,
        openapi_extra=documented(RegisterRequest),
        responses=_CREATED
        | responses(
            *_WITH_BODY, errors.WeakPassword, errors.UsernameTaken, errors.EmailTaken,
            errors.TooManyAttempts, errors.Overloaded, errors.ServiceUnavailable,
        ),
    )  # fmt: skip
    async def register_user(
        sent: Annotated[RegisterRequest, Depends(json_body(RegisterRequest))],
        from_client: Annotated[Client, Depends(client)],
    ) -> Response:
        """Register. It does not log in."""
        user = await register(sent.username, sent.password, sent.name, sent.email, from_client)
        return _json(public_record(user), 201, {"Location": "/user"})

    @routes.get("/user", name="show_user", responses=_USER | responses(*_ANSWERED_TO_ALL))
    async def user(token: Annotated[str | None, Depends(BearerToken())]) -> Response:
        """Show the user whose session this is."""
        return _json(await show_user(token))

    @routes.patch(
        "/user",
        name="update_user",
        openapi_extra=documented(UserChanges),
        responses=_USER | responses(*_ANSWERED_TO_ALL, *_WITH_BODY, errors.EmailTaken),
    )
    async def patch_user(
        who: Annotated[Caller, Depends(caller)],
        sent: Annotated[UserChanges, Depends(json_body(UserChanges))],
        from_client: Annotated[Client, Depends(client)],
    ) -> Response:
        """Change the name or the e-mail address."""
        changes = parse_changes({name: getattr(sent, name) for name in sent.model_fields_set})
        return _json(public_record(await update_user(who, changes, from_client)))

    @routes.post(
        "/user/password",
        name="change_password",
        status_code=204,
        openapi_extra=documented(PasswordChange) | DOCUMENTED_REQUEST,
        responses=documented_answer(204)
        | responses(*_ANSWERED_TO_ALL, *_WITH_BODY, *_WITH_PASSWORD, errors.WeakPassword),
    )
    async def post_password(
        who: Annotated[Caller, Depends(caller)],
        sent: Annotated[PasswordChange, Depends(json_body(PasswordChange))],
        from_client: Annotated[Client, Depends(asking_client)],
    ) -> Response:
        """Change the password; the user's other sessions end, and other devices are known no more."""
        token = await change_password(who, sent.current_password, sent.new_password, from_client)
        response = Response(status_code=204)
        cookie.give(response, token)
        return response

    @routes.delete(
        "/user",
        name="delete_user",
        status_code=204,
        openapi_extra=documented(UserDeletion) | DOCUMENTED_REQUEST,
        responses=responses(*_ANSWERED_TO_ALL, *_WITH_BODY, *_WITH_PASSWORD),
    )
    async def remove_user(
        who: Annotated[Caller, Depends(caller)],
        sent: Annotated[UserDeletion, Depends(json_body(UserDeletion))],
        from_client: Annotated[Client, Depends(asking_client)],
    ) -> Response:
        """Delete the user for good; all sessions end."""
        await delete_user(who, sent.password, from_client)
        return Response(status_code=204)

    return routes


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")
