"""The one place that knows what everything is made of. The app, the commands and the tests all call it."""

from dataclasses import dataclass

from pydantic import SecretStr

from authsvc.audit.store import AuditStore
from authsvc.flows.authenticate import Authenticate
from authsvc.flows.change_password import ChangePassword
from authsvc.flows.check_health import CheckHealth
from authsvc.flows.delete_user import DeleteUser
from authsvc.flows.end_session import EndSession
from authsvc.flows.find_session import FindSession
from authsvc.flows.forget_events import ForgetEvents
from authsvc.flows.issue_tokens import IssueTokens
from authsvc.flows.list_events import ListEvents
from authsvc.flows.list_sessions import ListSessions
from authsvc.flows.log_in import LogIn
from authsvc.flows.log_out import LogOut
from authsvc.flows.maintain import Maintain
from authsvc.flows.refresh import Refresh
from authsvc.flows.register import Register
from authsvc.flows.rotate_signing_key import RotateSigningKey
from authsvc.flows.set_user_disabled import SetUserDisabled
from authsvc.flows.show_user import ShowUser
from authsvc.flows.update_user import UpdateUser
from authsvc.flows.verify_password import VerifyPassword
from authsvc.keyspace import Keyspace
from authsvc.kit.clock import Clock
from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient
from authsvc.migrations import examine
from authsvc.passwords.blocklist import load_common_passwords
from authsvc.passwords.breached import BreachedPasswords, UnusableFile
from authsvc.passwords.hasher import HashingProfile, PasswordHasher
from authsvc.passwords.pepper import Pepper, Peppers
from authsvc.passwords.policy import PasswordPolicy
from authsvc.sessions.continuity import Continuity
from authsvc.sessions.refresh_token import RefreshTokenSigner
from authsvc.sessions.server_check import check_server
from authsvc.sessions.server_store import ServerStore
from authsvc.sessions.session import Lifetimes
from authsvc.sessions.store import SessionStore
from authsvc.settings import PREFIX, InvalidSettings, Settings
from authsvc.throttle.known_device import DeviceTokenSigner
from authsvc.throttle.rules import Rule, Rules
from authsvc.throttle.store import ThrottleStore
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_cipher import KeyCipher
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.key_schedule import KeySchedule
from authsvc.tokens.store import SigningKeyStore
from authsvc.users.store import UserStore


@dataclass(frozen=True, slots=True)
class Flows:
    """Every verb, ready to be called; and what the front hall must look after or tell."""

    register: Register
    log_in: LogIn
    refresh: Refresh
    log_out: LogOut
    find_session: FindSession
    authenticate: Authenticate
    show_user: ShowUser
    update_user: UpdateUser
    change_password: ChangePassword
    delete_user: DeleteUser
    list_sessions: ListSessions
    end_session: EndSession
    set_user_disabled: SetUserDisabled
    rotate_signing_key: RotateSigningKey
    list_events: ListEvents
    forget_events: ForgetEvents
    check_health: CheckHealth
    maintain: Maintain
    key_ring: KeyRing
    key_schedule: KeySchedule
    hasher: PasswordHasher
    rules: Rules


def wire(settings: Settings, database: Database, redis: RedisClient, clock: Clock) -> Flows:
    """Put everything together. Connects to nothing yet. Raises `InvalidSettings` for a file that is unfit."""
    secret, previous = _secrets(settings)
    keys = Keyspace(settings.redis_prefix)
    lifetimes = Lifetimes(
        idle_ttl=settings.session_idle_ttl,
        absolute_ttl=settings.session_absolute_ttl,
        grace=settings.refresh_grace,
        max_replays=settings.refresh_max_replays,
        max_per_user=settings.sessions_per_user,
    )
    session_ttl = lifetimes.absolute_ttl
    users = UserStore(database, clock)
    audit = AuditStore(database)
    forget_events = ForgetEvents(audit, settings.audit_ttl, clock)
    sessions = SessionStore(redis, keys, lifetimes)
    throttle = ThrottleStore(redis, keys)
    rules = rules_of(settings)
    hasher = PasswordHasher(
        HashingProfile(settings.argon2_memory_kib, settings.argon2_time_cost, settings.argon2_parallelism),
        threads=settings.hashing_threads,
        queue_length=settings.hashing_queue_length,
        queue_timeout=settings.hashing_queue_timeout.total_seconds(),
        niceness=settings.hashing_niceness,
        peppers=Peppers(_pepper(settings.password_pepper), _pepper(settings.previous_password_pepper)),
    )
    policy = PasswordPolicy(settings.password_min_length, load_common_passwords())
    breached = _breached_passwords(settings)
    schedule = KeySchedule(settings.access_token_ttl, rotation_interval=settings.signing_key_rotation)
    key_store = SigningKeyStore(database, KeyCipher(secret, previous))
    key_ring = KeyRing(key_store, algorithm=settings.signing_algorithm, schedule=schedule, clock=clock)
    access_tokens = AccessTokenIssuer(
        key_ring,
        issuer=settings.public_url,
        audience=settings.audience,
        client_id=settings.client_id,
        ttl=settings.access_token_ttl,
        clock=clock,
    )
    refresh_tokens = RefreshTokenSigner(secret, previous)
    issue_tokens = IssueTokens(access_tokens, refresh_tokens)
    continuity = Continuity(
        redis, ServerStore(database), access_token_ttl=settings.access_token_ttl, clock=clock
    )
    find_session = FindSession(access_tokens, sessions, continuity, users)
    devices = DeviceTokenSigner(secret, previous, ttl=settings.device_ttl, clock=clock)
    verify_password = VerifyPassword(throttle, rules, devices, users, hasher)
    return Flows(
        register=Register(throttle, rules, policy, breached, hasher, users),
        log_in=LogIn(
            verify_password, users, hasher, sessions, issue_tokens, devices, audit, session_ttl, clock
        ),
        refresh=Refresh(refresh_tokens, users, sessions, issue_tokens, session_ttl, clock),
        log_out=LogOut(access_tokens, refresh_tokens, users, sessions, session_ttl, clock),
        find_session=find_session,
        authenticate=Authenticate(find_session),
        show_user=ShowUser(find_session, sessions, users),
        update_user=UpdateUser(users, sessions),
        change_password=ChangePassword(verify_password, policy, breached, hasher, users, sessions, devices),
        delete_user=DeleteUser(verify_password, users, sessions),
        list_sessions=ListSessions(sessions),
        end_session=EndSession(users, sessions, session_ttl, clock),
        set_user_disabled=SetUserDisabled(users, sessions),
        rotate_signing_key=RotateSigningKey(key_store, schedule, settings.signing_algorithm, clock),
        check_health=_check_health(database, redis, keys, key_ring, clock),
        list_events=ListEvents(audit, users),
        forget_events=forget_events,
        maintain=Maintain(key_ring, users, forget_events),
        key_ring=key_ring,
        key_schedule=schedule,
        hasher=hasher,
        rules=rules,
    )


def _secrets(settings: Settings) -> tuple[bytes, bytes | None]:
    previous = settings.previous_secret_key
    return (
        settings.secret_key.get_secret_value().encode(),
        None if previous is None else previous.get_secret_value().encode(),
    )


def _breached_passwords(settings: Settings) -> BreachedPasswords:
    breached = BreachedPasswords(settings.breached_passwords_file)
    try:
        breached.check()
    except UnusableFile as error:
        raise InvalidSettings(f"{PREFIX}BREACHED_PASSWORDS_FILE {error}.") from None
    return breached


def _pepper(secret: SecretStr | None) -> Pepper | None:
    return None if secret is None else Pepper.of(secret.get_secret_value().encode())


def rules_of(settings: Settings) -> Rules:
    """Return the limits on attempts."""

    def growing(name: str, limit: int) -> Rule:
        return Rule(name, limit, settings.attempts_forgiven_after, settings.attempts_first_wait)

    def even(name: str, limit: int, *, counts_successes: bool = False) -> Rule:
        return Rule.within(name, limit, settings.attempts_window, counts_successes=counts_successes)

    return Rules(
        account=growing("account", settings.attempts_per_account),
        account_address=growing("account_address", settings.attempts_per_account_and_address),
        device=growing("device", settings.attempts_per_account_and_address),
        address=even("address", settings.attempts_per_address),
        network=even("network", 10 * settings.attempts_per_address),
        overall=even("overall", settings.attempts_overall),
        login=even("login", settings.logins_per_account, counts_successes=True),
        registration=even("registration", settings.registrations_per_address),
        registration_network=even("registration_network", 10 * settings.registrations_per_address),
    )


def _check_health(
    database: Database, redis: RedisClient, keys: Keyspace, key_ring: KeyRing, clock: Clock
) -> CheckHealth:
    async def probe_database() -> str:
        return await examine(database)

    async def probe_redis() -> str:
        return await check_server(redis, keys)

    async def probe_signing_keys() -> str:
        key_ring.signing_key(clock())
        return "ok"

    return CheckHealth(
        {"database": probe_database, "redis": probe_redis, "signing_keys": probe_signing_keys}, clock
    )
