"""What each problem means and what a client should do: one text for each code."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Advice:
    """``meaning``: why it was told. ``remedy``: what to do about it. Plain sentences."""

    meaning: str
    remedy: str


ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "invalid_json": Advice(
            "The body could not be read as strict JSON: UTF-8 without a byte order mark, no key twice, no "
            "NaN or Infinity, integers below 2^53, nested at most 8 deep.",
            "Correct how the client writes JSON. The same bytes will be refused again.",
        ),
        "invalid_form": Advice(
            "The body says that it is a form, but is not well-formed, names a field twice, or asks for a "
            "grant other than password.",
            "Send username and password as application/x-www-form-urlencoded, each once. JSON is taken as "
            "well.",
        ),
        "malformed_http": Advice(
            "The bytes that arrived are not HTTP/1.1 to the letter: a length given twice, a line that ends "
            "with a bare line feed, a folded header, a header after the body, an unknown method. What two "
            "readers could understand differently is refused, and the connection is closed.",
            "Use a maintained HTTP client. If a proxy stands between, compare it with the configurations "
            "that the documentation shows.",
        ),
        "invalid_host": Advice(
            "The request has no Host header, more than one, or one that holds no host.",
            "Send exactly one Host header with the name that the service is reached by.",
        ),
        "invalid_request": Advice(
            "The body could be read, but fields are missing, unknown, or hold values that are not "
            "allowed. The member errors names each of them with a JSON Pointer.",
            "Show each detail beside the field that its pointer names, and let the person correct it.",
        ),
        "weak_password": Advice(
            "The new password is refused by the policy. The member reason says why: too_short, too_long, "
            "common, own_name or not_text.",
            "Show the detail and ask for another password. Any characters may be used; length counts most.",
        ),
        "not_authenticated": Advice(
            "The request needs an access token, and none was sent.",
            "Send the header Authorization: Bearer with the access token that a login answered.",
        ),
        "invalid_token": Advice(
            "The access token has expired, is damaged, or was not made by this service.",
            "Refresh once and repeat the request with the new access token. If the refresh is refused "
            "too, ask the person to log in.",
        ),
        "session_ended": Advice(
            "The access token is genuine, but its session is over: logged out, ended from another "
            "device, or the user may no longer enter.",
            "Forget both tokens and ask the person to log in. Refreshing will not help.",
        ),
        "invalid_credentials": Advice(
            "The name and the password do not belong together, or the user may not enter. Which of these "
            "it was is not told, so that nobody can find out who has an account.",
            "Ask the person for both again. Do not repeat the request by itself: failed attempts are "
            "counted.",
        ),
        "invalid_refresh_token": Advice(
            "The refresh token was not made by this service, was traded in before, or its session is "
            "over. One that comes back long after it was traded in ends its session, because it may have "
            "been stolen.",
            "Forget both tokens and ask the person to log in. Keep only the newest refresh token, and let "
            "one process at a time trade it in.",
        ),
        "username_taken": Advice(
            "Another user has this username, or one that differs only in upper and lower case.",
            "Ask the person for another username.",
        ),
        "email_taken": Advice(
            "Another user has this e-mail address.",
            "Ask the person for another address, or to log in to the account that has it.",
        ),
        "session_not_found": Advice(
            "The user has no live session with this id. It may have ended in the meantime.",
            "Read the list of sessions again.",
        ),
        "not_found": Advice(
            "No page and no call answers under this path.",
            "Check the path, also for a slash at its end. The API docs can be switched off, and then "
            "answer this too.",
        ),
        "problem_not_found": Advice(
            "The catalogue has no problem with this code.",
            "Look it up in the catalogue under /problems. A newer release may know more codes.",
        ),
        "method_not_allowed": Advice(
            "The path exists, but not for this method.",
            "Use one of the methods that the header Allow names.",
        ),
        "misdirected": Advice(
            "The Host header names a host that this service does not answer for.",
            "Check the address. Whoever runs the service adds further names with AUTHSVC_ALLOWED_HOSTS, or "
            "lets the proxy send the name in AUTHSVC_PUBLIC_URL.",
        ),
        "request_timeout": Advice(
            "The headers did not arrive within 10 seconds, or the body within 15. Nothing was done.",
            "Send the request again, in one go and on a new connection.",
        ),
        "body_too_large": Advice(
            "The body is longer than 16 KiB, the most that this service reads.",
            "Send less. No field needs so much.",
        ),
        "target_too_long": Advice(
            "The path with its query is longer than 8 KiB.",
            "Check the address. No call of this service needs a query.",
        ),
        "headers_too_large": Advice(
            "There are more than 100 header lines, or more than 16 KiB of them.",
            "Send fewer headers. Most often too many cookies were set for the domain; this service needs "
            "none.",
        ),
        "unsupported_media_type": Advice(
            "The header Content-Type is missing or names a kind of body that this path does not take, or "
            "the body is compressed.",
            "Send application/json in UTF-8, without a content encoding. A login may also be a form.",
        ),
        "too_many_attempts": Advice(
            "There were too many attempts for this account or from this address. Even the right password "
            "is not looked at for a while. The header RateLimit names the limit.",
            "Wait for the number of seconds in the header Retry-After before the next attempt. A client that "
            "sends the Device-Token of its last login is not held up by what others try.",
        ),
        "overloaded": Advice(
            "More passwords wait to be checked than the service can check in time, or more clients are "
            "connected than it can serve.",
            "Repeat the request after the number of seconds in Retry-After, and a random moment more.",
        ),
        "service_unavailable": Advice(
            "Something that the service depends on does not answer. Whether a change took effect is not "
            "known.",
            "Repeat the request after the number of seconds in Retry-After, and wait longer each time. "
            "Keep the tokens: they have not been refused.",
        ),
        "internal_error": Advice(
            "The service has a defect. The request was not at fault.",
            "Report it with the id in the member instance: the log tells the story under that id.",
        ),
    }
)
