"""/login, /refresh_jwt, /logout, /sessions."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from authsvc import errors
from authsvc.api.bodies import RequestModel, documented, json_body, json_or_form_body
from authsvc.api.deps import Authenticated, PresentedToken, client
from authsvc.api.devices import DOCUMENTED_REQUEST, AskingClient, DeviceCookie, documented_answer
from authsvc.flows.client import Caller, Client
from authsvc.flows.end_session import EndSession
from authsvc.flows.issue_tokens import TokenPair
from authsvc.flows.list_sessions import ListSessions
from authsvc.flows.log_in import LogIn
from authsvc.flows.log_out import LogOut, Scope
from authsvc.flows.refresh import Refresh
from authsvc.problems import responses


class LoginRequest(RequestModel):
    """Who wants to log in."""

    username: str = Field(max_length=320, description="The username or the e-mail address", examples=["ada"])
    password: str = Field(
        max_length=4096, repr=False, examples=["correct horse battery staple"],
        json_schema_extra={"format": "password"},
    )  # fmt: skip


class RefreshRequest(RequestModel):
    """The token to trade in."""

    refresh_token: str = Field(max_length=4096, repr=False)


class LogoutRequest(RequestModel):
    """What to end. The refresh token stands in where the access token has expired."""

    refresh_token: str | None = Field(None, max_length=4096, repr=False)
    scope: Literal["current", "others", "all"] = "current"


class TokenResponse(BaseModel):
    """A token pair (RFC 6749, section 5.1)."""

    access_token: str = Field(description="A JWT (RFC 9068)")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  (a kind, not a secret)
    expires_in: int = Field(description="Seconds until the access token expires", examples=[300])
    refresh_token: str = Field(description="Good once; if the answer is lost, ask again at once")
    refresh_expires_in: int = Field(
        description="Seconds until the session ends if it is not refreshed", examples=[1209600]
    )
    session_id: UUID

    @classmethod
    def of(cls, pair: TokenPair) -> Self:
        """Shape a token pair."""
        return cls(
            access_token=pair.access_token,
            expires_in=int(pair.expires_in.total_seconds()),
            refresh_token=pair.refresh_token,
            refresh_expires_in=int(pair.refresh_expires_in.total_seconds()),
            session_id=pair.session_id,
        )


def token_json(pair: TokenPair) -> bytes:
    """Return a `TokenResponse` as it is sent. Nothing in it needs JSON's escapes."""
    return (
        f'{{"access_token":"{pair.access_token}","token_type":"Bearer",'
        f'"expires_in":{int(pair.expires_in.total_seconds())},"refresh_token":"{pair.refresh_token}",'
        f'"refresh_expires_in":{int(pair.refresh_expires_in.total_seconds())},'
        f'"session_id":"{pair.session_id}"}}'
    ).encode("ascii")


class SessionView(BaseModel):
    """One of the caller's sessions."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime = Field(description="When it was last refreshed")
    expires_at: datetime = Field(description="When it ends if it is not refreshed")
    ip_address: str = Field(description="Where it was started from", examples=["203.0.113.7"])
    user_agent: str
    current: bool = Field(description="Whether it is the session that asks")


class SessionsView(BaseModel):
    """The caller's live sessions, the oldest first."""

    sessions: list[SessionView]


_REFRESH_TOKEN = {"refresh_token": "$response.body#/refresh_token"}
_LINKS: dict[int | str, dict[str, Any]] = {
    200: {
        "links": {
            "show_user": {
                "operationId": "show_user",
                "description": "Send the access token as a bearer token.",
            },
            "refresh": {
                "operationId": "refresh",
                "description": "Trade the refresh token in before the access token expires.",
                "requestBody": _REFRESH_TOKEN,
            },
            "log_out": {
                "operationId": "log_out",
                "description": "End the session that the refresh token belongs to.",
                "requestBody": _REFRESH_TOKEN,
            },
        }
    }
}
"""What a token pair is good for (OpenAPI 3.1, section 4.8.20). A link cannot say how to authenticate."""

_LOGGED_IN: dict[int | str, dict[str, Any]] = {200: _LINKS[200] | documented_answer(200)[200]}


def router(
    log_in: LogIn,
    refresh: Refresh,
    log_out: LogOut,
    list_sessions: ListSessions,
    end_session: EndSession,
    caller: Authenticated,
    cookie: DeviceCookie,
) -> APIRouter:
    """Return the routes about sessions."""
    routes = APIRouter(tags=["sessions"])

    @routes.post(
        "/login",
        name="log_in",
        openapi_extra=documented(LoginRequest, form=True) | DOCUMENTED_REQUEST,
        responses=_LOGGED_IN
        | responses(
            errors.InvalidJson, errors.InvalidForm, errors.InvalidCredentials, errors.BodyTooLarge,
            errors.UnsupportedMediaType, errors.InvalidRequest, errors.TooManyAttempts,
            errors.Overloaded, errors.ServiceUnavailable,
        ),
    )  # fmt: skip
    async def login(
        sent: Annotated[LoginRequest, Depends(json_or_form_body(LoginRequest))],
        from_client: Annotated[Client, Depends(AskingClient(cookie))],
        response: Response,
    ) -> TokenResponse:
        """Log in with a username or an e-mail address and a password; as JSON, or as a form."""
        pair = await log_in(sent.username, sent.password, from_client)
        if pair.device_token is not None:
            cookie.give(response, pair.device_token)
        return TokenResponse.of(pair)

    @routes.post(
        "/refresh_jwt",
        name="refresh",
        openapi_extra=documented(RefreshRequest),
        responses=_LINKS | responses(
            errors.InvalidJson, errors.InvalidRefreshToken, errors.BodyTooLarge,
            errors.UnsupportedMediaType, errors.InvalidRequest, errors.ServiceUnavailable,
        ),
    )  # fmt: skip
    async def refresh_jwt(
        sent: Annotated[RefreshRequest, Depends(json_body(RefreshRequest))],
        from_client: Annotated[Client, Depends(client)],
    ) -> TokenResponse:
        """Trade a refresh token for its successor and a new access token.

        If the answer is lost, ask again with the same token within a few seconds: the same successor is
        answered. A token that was traded in earlier than that ends its session.
        """
        return TokenResponse.of(await refresh(sent.refresh_token, from_client))

    @routes.post(
        "/logout",
        name="log_out",
        status_code=204,
        openapi_extra=documented(LogoutRequest, required=False),
        responses=responses(
            errors.InvalidJson, errors.NotAuthenticated, errors.SessionEnded,
            errors.BodyTooLarge, errors.UnsupportedMediaType, errors.InvalidRequest,
            errors.ServiceUnavailable,
        ),
    )  # fmt: skip
    async def logout(
        token: Annotated[str | None, Depends(PresentedToken())],
        sent: Annotated[LogoutRequest, Depends(json_body(LogoutRequest, required=False))],
        from_client: Annotated[Client, Depends(client)],
    ) -> Response:
        """End this session, the user's others, or all of them. To end this session twice is fine."""
        await log_out(token, sent.refresh_token, Scope(sent.scope), from_client)
        return Response(status_code=204)

    @routes.get(
        "/sessions",
        name="list_sessions",
        responses=responses(
            errors.NotAuthenticated, errors.InvalidToken, errors.SessionEnded, errors.ServiceUnavailable
        ),
    )
    async def sessions(who: Annotated[Caller, Depends(caller)]) -> SessionsView:
        """List one's own live sessions."""
        return SessionsView(
            sessions=[
                SessionView(
                    id=session.id,
                    created_at=session.created_at,
                    last_seen_at=session.last_seen_at,
                    expires_at=session.expires_at,
                    ip_address=session.ip_address,
                    user_agent=session.user_agent,
                    current=session.id == who.session_id,
                )
                for session in await list_sessions(who)
            ]
        )

    @routes.delete(
        "/sessions/{session_id}",
        name="end_session",
        status_code=204,
        responses=responses(
            errors.NotAuthenticated, errors.InvalidToken, errors.SessionEnded, errors.SessionNotFound,
            errors.ServiceUnavailable,
        ),
    )  # fmt: skip
    async def delete_session(
        session_id: str,
        who: Annotated[Caller, Depends(caller)],
        from_client: Annotated[Client, Depends(client)],
    ) -> Response:
        """End one of one's own sessions."""
        try:
            wanted = UUID(session_id)
        except ValueError:
            raise errors.SessionNotFound from None
        await end_session(who, wanted, from_client)
        return Response(status_code=204)

    return routes
