"""Everything that can go wrong, in one tree. Rooms and flows raise facts; `problems` tells them over HTTP.

    AuthsvcError
    ├── MalformedRequest                 what arrived cannot be read
    │   ├── InvalidJson                  not strict JSON
    │   ├── InvalidForm                  not the form that OAuth 2.0 describes
    │   ├── MalformedHttp                not a request of HTTP/1.1, or one that can be read in two ways
    │   └── InvalidHost                  no Host header, two of them, or not a host
    ├── UnfitRequest                     it can be read, but not accepted
    │   ├── InvalidRequest               missing, unknown or wrong fields
    │   └── WeakPassword                 the new password is refused by the policy
    ├── NotAuthenticated                 no credentials were sent
    │   ├── NeitherTokenGenuine          tokens were sent, and none is ours: told as not_authenticated
    │   ├── InvalidToken                 an access token that is not ours, or no longer valid
    │   └── SessionEnded                 a genuine access token whose session is over
    ├── CredentialsRefused               what was sent does not prove who it is
    │   ├── InvalidCredentials
    │   │   ├── UnknownUser              told as invalid_credentials, logged as what it is
    │   │   ├── WrongPassword            likewise
    │   │   └── UserDisabled             likewise
    │   └── InvalidRefreshToken
    │       ├── ForgedRefreshToken       not a token that this service signed
    │       ├── RefreshTokenReused       an old generation came back: the session was ended
    │       ├── RefreshTokenUnknown      newer than what is stored: the session was ended
    │       └── RefreshSessionEnded      logged out, expired, revoked, or the user is gone
    ├── Taken                            somebody else has it
    │   ├── UsernameTaken
    │   └── EmailTaken
    ├── Missing                          there is no such thing
    │   ├── SessionNotFound
    │   ├── PathNotFound
    │   └── ProblemNotFound
    ├── MethodNotAllowed
    ├── Misdirected                      the Host header names another service
    ├── RequestTimeout                   the request took too long to arrive
    ├── BodyTooLarge
    ├── TargetTooLong
    ├── HeadersTooLarge
    ├── UnsupportedMediaType
    ├── TooManyAttempts                  try again after a while
    ├── NotNow                           the service, not the request, is at fault
    │   ├── Overloaded                   more work than it can do
    │   └── ServiceUnavailable           what it depends on is down (kit's Outage is told as it), or it stops
    └── InternalError                    a defect of ours

A ``code`` is part of the API: stable, pinned by a test. A class without one of its own is told as its
parent and logged as itself.
"""

from dataclasses import dataclass
from typing import ClassVar


class AuthsvcError(Exception):
    """The root. ``code`` names the problem for programs, ``title`` for people (RFC 9457, section 3.1)."""

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail

    @property
    def fact(self) -> str:
        """What really happened, for the log: may be finer than ``code``."""
        return type(self).__name__


class MalformedRequest(AuthsvcError):
    """What arrived cannot be read."""


class InvalidJson(MalformedRequest):
    """The body is not strict JSON (RFC 8259, and the limits that the API documents)."""

    code = "invalid_json"
    title = "The body is not valid JSON"


class InvalidForm(MalformedRequest):
    """The body is not the form of the password grant (RFC 6749, section 4.3.2)."""

    code = "invalid_form"
    title = "The body is not a valid form"


class MalformedHttp(MalformedRequest):
    """It is not HTTP/1.1 to the letter (RFC 9112): what two readers may understand differently is refused."""

    code = "malformed_http"
    title = "The request is not well-formed HTTP"


class InvalidHost(MalformedRequest):
    """There is not exactly one Host header, or it holds no host (RFC 9112, section 3.2)."""

    code = "invalid_host"
    title = "The Host header is missing or not valid"


class UnfitRequest(AuthsvcError):
    """What arrived can be read, but not accepted."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: a JSON Pointer (RFC 6901) and a sentence without the value."""

    pointer: str
    detail: str


class InvalidRequest(UnfitRequest):
    """Fields are missing, unknown or wrong."""

    code = "invalid_request"
    title = "The request does not fit"

    def __init__(self, *fields: FieldError) -> None:
        super().__init__()
        self.fields = fields


class WeakPassword(UnfitRequest):
    """The policy refuses the new password; ``reason`` is one of the policy's stable words."""

    code = "weak_password"
    title = "This password cannot be used"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class NotAuthenticated(AuthsvcError):
    """No credentials were sent (RFC 6750, section 3.1: then no error code is told)."""

    code = "not_authenticated"
    title = "Authentication is required"


class NeitherTokenGenuine(NotAuthenticated):
    """Tokens were sent to end a session, and none of them is ours or still counts."""


class InvalidToken(NotAuthenticated):
    """The access token is malformed, expired, or not one of ours."""

    code = "invalid_token"
    title = "The access token is not valid"


class SessionEnded(NotAuthenticated):
    """The access token is genuine, but its session is over."""

    code = "session_ended"
    title = "The session has ended"


class CredentialsRefused(AuthsvcError):
    """What was sent does not prove who it is."""


class InvalidCredentials(CredentialsRefused):
    """Told for every failed login alike."""

    code = "invalid_credentials"
    title = "The credentials are not valid"


class UnknownUser(InvalidCredentials):
    """There is no such user."""


class WrongPassword(InvalidCredentials):
    """The user exists; the password is another."""


class UserDisabled(InvalidCredentials):
    """The user exists and may not enter."""


class InvalidRefreshToken(CredentialsRefused):
    """Told for every refused refresh token alike."""

    code = "invalid_refresh_token"
    title = "The refresh token is not valid"


class ForgedRefreshToken(InvalidRefreshToken):
    """This service never signed it."""


class RefreshTokenReused(InvalidRefreshToken):
    """An old generation came back outside the grace window (RFC 9700, section 4.14.2): the session ended."""


class RefreshTokenUnknown(InvalidRefreshToken):
    """It is newer than what is stored, so the store lost acknowledged writes: the session ended."""


class RefreshSessionEnded(InvalidRefreshToken):
    """Its session was logged out, expired or revoked, or its user is gone."""


class Taken(AuthsvcError):
    """Somebody else has it."""


class UsernameTaken(Taken):
    """Another user has this username, or one that reads the same."""

    code = "username_taken"
    title = "This username is taken"


class EmailTaken(Taken):
    """Another user has this e-mail address."""

    code = "email_taken"
    title = "This e-mail address is taken"


class Missing(AuthsvcError):
    """There is no such thing."""


class SessionNotFound(Missing):
    """No such session of this user (somebody else's is told the same way)."""

    code = "session_not_found"
    title = "There is no such session"


class PathNotFound(Missing):
    """Nothing answers under this path."""

    code = "not_found"
    title = "There is nothing under this path"


class ProblemNotFound(Missing):
    """The catalogue has no such code."""

    code = "problem_not_found"
    title = "There is no such problem"


class MethodNotAllowed(AuthsvcError):
    """The path exists, with other methods."""

    code = "method_not_allowed"
    title = "This path does not take that method"


class Misdirected(AuthsvcError):
    """The Host header names none of the names that this service has (RFC 9110, section 7.4)."""

    code = "misdirected"
    title = "This host is not served here"


class RequestTimeout(AuthsvcError):
    """The rest of the request did not come in time (RFC 9110, section 15.5.9)."""

    code = "request_timeout"
    title = "The request took too long to arrive"


class BodyTooLarge(AuthsvcError):
    """The body is larger than the limit."""

    code = "body_too_large"
    title = "The body is too large"


class TargetTooLong(AuthsvcError):
    """The path and the query are longer than the limit."""

    code = "target_too_long"
    title = "The address of the request is too long"


class HeadersTooLarge(AuthsvcError):
    """The header lines are too many, or too long together (RFC 6585, section 5)."""

    code = "headers_too_large"
    title = "The headers are too large"


class UnsupportedMediaType(AuthsvcError):
    """The body is of a kind that this path does not take."""

    code = "unsupported_media_type"
    title = "This media type is not supported here"


class TooManyAttempts(AuthsvcError):
    """The limit called ``rule`` is reached; ``retry_after`` seconds from now there is room again."""

    code = "too_many_attempts"
    title = "Too many attempts"

    def __init__(self, retry_after: int, rule: str) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.rule = rule


class NotNow(AuthsvcError):
    """The service, not the request, is at fault: try again in ``retry_after`` seconds."""

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__()
        self.retry_after = retry_after


class Overloaded(NotNow):
    """There is more work than the service can do in time."""

    code = "overloaded"
    title = "The service is busy"


class ServiceUnavailable(NotNow):
    """Something that the service depends on does not answer, or the service stops."""

    code = "service_unavailable"
    title = "The service cannot answer now"


class InternalError(AuthsvcError):
    """A defect; the log has the story under the request id."""

    code = "internal_error"
    title = "Something went wrong in the service"
