"""Every rule of the settings: what is refused, in which words, and that no value is ever quoted."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from authsvc.environment import describe, environment, is_secret, is_set, load
from authsvc.settings import InvalidSettings, Settings
from authsvc.tokens.key_schedule import KeySchedule

CANARY = "zq9canary7xk"
SECRET = "kf3Vd0mQhW8uYx2ZpL7rTn5cBj9sGa4eHo6i"
ENOUGH = {
    "AUTHSVC_SECRET_KEY": SECRET,
    "AUTHSVC_DATABASE_URL": "postgresql+asyncpg://authsvc:zq9canary7xk@db/authsvc",
    "AUTHSVC_REDIS_URL": "redis://:zq9canary7xk@redis:6379/0",
}


def refusal(**changed: str) -> str:
    """Return what is said about settings that cannot be used."""
    with pytest.raises(InvalidSettings) as refused:
        load(ENOUGH | {f"AUTHSVC_{name.upper()}": value for name, value in changed.items()})
    said = str(refused.value)
    assert CANARY not in said
    assert SECRET not in said
    assert refused.value.__cause__ is None  # nor does a traceback quote it
    return said


def test_what_must_be_set_is_enough():
    settings = load(ENOUGH)
    assert settings.secret_key.get_secret_value() == SECRET
    assert settings.port == 8000
    assert not settings.docs_enabled
    assert settings.previous_secret_key is None


def test_other_variables_are_none_of_our_business():
    assert load(ENOUGH | {"PATH": "/bin", "XAUTHSVC_PORT": "x", "authsvc_port": "x"}).port == 8000


def test_nothing_has_a_default_that_would_be_a_secret():  # A017
    with pytest.raises(InvalidSettings) as refused:
        load({})
    lines = str(refused.value).splitlines()
    assert [line.split()[0] for line in lines] == [
        "AUTHSVC_SECRET_KEY",
        "AUTHSVC_DATABASE_URL",
        "AUTHSVC_REDIS_URL",
    ]
    assert all("is not set" in line for line in lines)
    assert "openssl rand" in lines[0]


@pytest.mark.parametrize(
    "name", ["secret_key", "previous_secret_key", "password_pepper", "previous_password_pepper"]
)
@pytest.mark.parametrize(
    "secret", ["", "short", "a" * 64, "abcabcabcabcabcabcabcabcabcabcabcabc", CANARY, "zq9canary7xk" * 2]
)
def test_a_weak_secret_is_refused(name, secret):
    said = refusal(**{name: secret})
    assert said.startswith(f"AUTHSVC_{name.upper()} is too weak")
    assert "openssl rand" in said


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("AUTHSVC_SECRETKEY", "AUTHSVC_SECRET_KEY"),
        ("AUTHSVC_ACCESS_TOKEN_TTLS", "AUTHSVC_ACCESS_TOKEN_TTL"),
        ("AUTHSVC_PORTS", "AUTHSVC_PORT"),
        ("AUTHSVC_DATABASE_URL_FILES", "AUTHSVC_DATABASE_URL_FILE"),
    ],
)
def test_an_unknown_name_is_refused_and_the_nearest_is_named(name, nearest):
    with pytest.raises(InvalidSettings) as refused:
        load(ENOUGH | {name: CANARY})
    assert str(refused.value) == f"There is no setting {name}. Did you mean {nearest}?"


def test_an_unknown_name_that_is_near_to_nothing_is_refused_too():
    with pytest.raises(InvalidSettings, match=r"^There is no setting AUTHSVC_ZZZZZZZZZZZZZZZZZZZZZZZZZ\.$"):
        load(ENOUGH | {"AUTHSVC_ZZZZZZZZZZZZZZZZZZZZZZZZZ": "1"})


class TestFiles:
    def test_a_secret_may_be_in_a_file(self, tmp_path):
        (tmp_path / "key").write_text(f"{SECRET}\n", encoding="utf-8")
        named = {name: value for name, value in ENOUGH.items() if name != "AUTHSVC_SECRET_KEY"}
        settings = load(named | {"AUTHSVC_SECRET_KEY_FILE": str(tmp_path / "key")})
        assert settings.secret_key.get_secret_value() == SECRET

    def test_a_value_and_a_file_contradict_each_other(self, tmp_path):
        (tmp_path / "key").write_text(SECRET, encoding="utf-8")
        said = refusal(secret_key_file=str(tmp_path / "key"))
        assert said == "Set AUTHSVC_SECRET_KEY or AUTHSVC_SECRET_KEY_FILE, not both."

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"])
    def test_a_file_that_cannot_be_read_is_named_by_its_variable(self, tmp_path, content):
        path = tmp_path / CANARY
        if content is not None:
            path.write_bytes(content)
        said = refusal(previous_secret_key_file=str(path))
        assert said == "AUTHSVC_PREVIOUS_SECRET_KEY_FILE names a file that cannot be read."

    def test_a_weak_secret_in_a_file_is_weak(self, tmp_path):
        (tmp_path / "key").write_text(CANARY, encoding="utf-8")
        assert "too weak" in refusal(previous_secret_key_file=str(tmp_path / "key"))

    def test_what_is_no_secret_has_no_file(self):
        assert "There is no setting AUTHSVC_PORT_FILE" in refusal(port_file=CANARY)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("300", timedelta(minutes=5)),
        ("300s", timedelta(minutes=5)),
        ("5m", timedelta(minutes=5)),
        (" 0.1 h ", timedelta(minutes=6)),
        ("90000 ms", timedelta(seconds=90)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, duration):
    assert load(ENOUGH | {"AUTHSVC_ACCESS_TOKEN_TTL": text}).access_token_ttl == duration


@pytest.mark.parametrize(
    "text", ["", "5 minutes", "-5m", "5w", "1e9", "m", "P1D", "inf", "nan", "5m5s", "٥m", CANARY]
)
def test_any_other_duration_is_refused_with_examples(text):
    assert "give a number of seconds" in refusal(access_token_ttl=text)


@pytest.mark.parametrize("text", ["9" * 400, "99999999999999d", "1" + "0" * 30])
def test_a_duration_beyond_all_measure_is_refused(text):
    assert refusal(session_idle_ttl=text).startswith("AUTHSVC_SESSION_IDLE_TTL ")


@pytest.mark.parametrize(
    ("text", "names"),
    [("", ()), ("10.0.0.1", ("10.0.0.1",)), (" 10.0.0.0/8 ,, ::1 ", ("10.0.0.0/8", "::1"))],
)
def test_a_list_is_parted_by_commas(text, names):
    assert load(ENOUGH | {"AUTHSVC_TRUSTED_PROXIES": text}).trusted_proxies == names


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", CANARY),
        ("port", "8000.5"),
        ("workers", "0"),
        ("docs_enabled", CANARY),
        ("audience", ""),
        ("client_id", ""),
        ("access_token_ttl", "9s"),
        ("access_token_ttl", "16m"),
        ("session_idle_ttl", "59s"),
        ("session_absolute_ttl", "3651d"),
        ("sessions_per_user", "0"),
        ("sessions_per_user", "1001"),
        ("refresh_grace", "301s"),
        ("refresh_max_replays", "-1"),
        ("signing_algorithm", "HS256"),
        ("signing_algorithm", "none"),
        ("signing_key_rotation", "59m"),
        ("password_min_length", "7"),
        ("argon2_memory_kib", "19455"),
        ("argon2_time_cost", "0"),
        ("argon2_parallelism", "0"),
        ("hashing_threads", "0"),
        ("hashing_queue_length", "0"),
        ("hashing_queue_timeout", "0"),
        ("hashing_niceness", "20"),
        ("attempts_window", "0"),
        ("attempts_per_account", "0"),
        ("attempts_per_account", "101"),
        ("attempts_per_account_and_address", "0"),
        ("attempts_per_account_and_address", "101"),
        ("attempts_first_wait", "999ms"),
        ("attempts_first_wait", "61m"),
        ("attempts_forgiven_after", "59s"),
        ("attempts_forgiven_after", "31d"),
        ("attempts_overall", "0"),
        ("logins_per_account", "0"),
        ("device_ttl", "59s"),
        ("attempts_per_address", "0"),
        ("registrations_per_address", "0"),
        ("redis_prefix", ""),
        ("redis_prefix", "{x}"),
        ("redis_prefix", f"{CANARY}:"),
        ("redis_prefix", "x" * 33),
        ("redis_timeout", "0"),
        ("redis_connections", "0"),
        ("database_connections", "0"),
        ("database_timeout", "99ms"),
        ("log_level", CANARY),
        ("log_format", "xml"),
        ("public_url", "ftp://example.com"),
        ("public_url", f"https://example.com/?{CANARY}"),
        ("public_url", f"https://{CANARY}@example.com"),
        ("public_url", "https://"),
        ("public_url", "example.com"),
        ("database_url", f"postgresql://x:{CANARY}@db/x"),
        ("database_url", f"mysql://x:{CANARY}@db/x"),
        ("database_url", CANARY),
        ("database_url", f"postgresql+asyncpg://x:{CANARY}@db:port/x"),
        ("database_url", "sqlite+aiosqlite://"),
        ("database_url", "sqlite+aiosqlite:///:memory:"),
        ("redis_url", f"http://:{CANARY}@redis"),
        ("redis_url", CANARY),
        ("redis_url", f"redis://:{CANARY}@[redis"),
        ("redis_url", f"redis://:{CANARY}@red\u2100is"),
        ("redis_url", f"redis://:{CANARY}/x@redis"),
        ("host", ""),
        ("session_idle_ttl", "3651d"),
        ("refresh_max_replays", "1000001"),
        ("signing_key_rotation", "3651d"),
        ("argon2_memory_kib", "4194305"),
        ("argon2_time_cost", "101"),
        ("hashing_queue_length", "100001"),
        ("hashing_queue_timeout", "61s"),
        ("attempts_window", "31d"),
        ("attempts_per_address", "1000001"),
        ("registrations_per_address", "1000001"),
        ("redis_timeout", "0.1ms"),
        ("redis_timeout", "10001ms"),
        ("redis_connections", "10001"),
        ("database_connections", "1001"),
        ("database_timeout", "601s"),
        ("access_token_ttl", "30500ms"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(name, value):  # A001, A009, A021, A080
    assert refusal(**{name: value}).startswith(f"AUTHSVC_{name.upper()} ")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("port", CANARY, "must be a whole number from 0 to 65535"),
        ("port", "65536", "must be a whole number from 0 to 65535"),
        ("docs_enabled", CANARY, "must be true or false"),
        ("log_format", CANARY, "must be json or console"),
        ("signing_algorithm", "none", "must be EdDSA, ES256 or RS256"),
        ("audience", "", "must not be empty"),
        ("redis_timeout", "20s", "must be a duration from 1ms to 10s"),
        ("redis_prefix", CANARY.upper(), "must be 1 to 32 characters of a to z, 0 to 9, _ and -"),
        ("access_token_ttl", "30500ms", "must be a whole number of seconds"),
    ],
)
def test_a_refusal_says_what_would_be_accepted(name, value, said):
    assert refusal(**{name: value}) == f"AUTHSVC_{name.upper()} {said}."


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+asyncpg://x:{CANARY}@db/x?sslmode=require",
        f"postgresql+asyncpg://x:{CANARY}@db/x?{CANARY}=1",
        f"postgresql+asyncpg://x:{CANARY}@db/x?command_timeout=5",
        f"postgresql+asyncpg://x:{CANARY}@db/x?ssl={CANARY}",
        f"postgresql+asyncpg://x:{CANARY}@db/x?ssl=require&ssl=require",
        f"postgresql+asyncpg://x:{CANARY}@db/x?target_session_attrs={CANARY}",
        f"postgresql+asyncpg://x:{CANARY}@db/x?prepared_statement_cache_size={CANARY}",
        f"postgresql+asyncpg://x:{CANARY}@db:65536/x",
        f"postgresql+asyncpg://x:{CANARY}@db:0/x",
        f"postgresql+asyncpg://x:{CANARY}@/x?host=db&port={CANARY}",
        f"postgresql+asyncpg://x:{CANARY}@/x?host=a:1&host=b",
        f"sqlite+aiosqlite://x:{CANARY}@db/x",
        f"sqlite+aiosqlite:///x.db?{CANARY}=1",
    ],
)
def test_a_database_url_that_would_fail_later_is_refused(url):
    assert refusal(database_url=url).startswith("AUTHSVC_DATABASE_URL ")


def test_the_option_that_everybody_tries_is_named_with_the_one_to_use():
    said = refusal(database_url="postgresql+asyncpg://db/x?sslmode=require")
    assert said == "AUTHSVC_DATABASE_URL takes ssl in place of sslmode: ?ssl=require, for example."


@pytest.mark.parametrize(
    "proxy", ["*", "proxy.internal", "10.0.0.0/33", "10.0.0.1/x", "0.0.0.0/0", "::/0", "1"]
)
def test_what_is_no_address_of_a_proxy_is_refused(proxy):
    assert refusal(trusted_proxies=f"10.0.0.1,{proxy}").startswith("AUTHSVC_TRUSTED_PROXIES must ")


def test_proxies_are_handed_on_as_addresses_are_written_canonically():
    given = "10.1.2.3/16,2001:DB8:0::1,2001:db8::5/64,127.0.0.1"
    proxies = load(ENOUGH | {"AUTHSVC_TRUSTED_PROXIES": given}).trusted_proxies
    assert proxies == ("10.1.0.0/16", "2001:db8::1", "2001:db8::/64", "127.0.0.1")


@pytest.mark.parametrize("host", ["*", "*.example.com", "https://a", "a:80", "a/b"])
def test_what_is_no_host_is_refused(host):
    assert refusal(allowed_hosts=f"localhost,{host}").startswith("AUTHSVC_ALLOWED_HOSTS must name hosts")


@pytest.mark.parametrize("origin", ["*", "null", "app.example.com", "https://a/", "https://*.example.com"])
def test_what_is_no_origin_is_refused(origin):
    assert refusal(cors_origins=f"https://app.example.com,{origin}").startswith("AUTHSVC_CORS_ORIGINS must ")


def test_hosts_and_origins_are_handed_on_in_their_canonical_form():
    settings = load(
        ENOUGH
        | {
            "AUTHSVC_ALLOWED_HOSTS": "Auth.Example.com, ::1",
            "AUTHSVC_CORS_ORIGINS": "HTTPS://App.example.com:443",
        }
    )
    assert settings.allowed_hosts == ("auth.example.com", "[::1]")
    assert settings.cors_origins == ("https://app.example.com",)


@pytest.mark.parametrize("url", ["https://-", "https://a..b", "http://a:b"])
def test_a_public_url_names_a_host(url):
    assert refusal(public_url=url).startswith("AUTHSVC_PUBLIC_URL must name ")


OF_KUBERNETES = {
    "AUTHSVC_PORT": "tcp://10.0.0.1:8000",
    "AUTHSVC_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "AUTHSVC_PORT_8000_TCP_PROTO": "tcp",
    "AUTHSVC_PORT_8000_TCP_PORT": "8000",
    "AUTHSVC_PORT_8000_TCP_ADDR": "10.0.0.1",
    "AUTHSVC_SERVICE_HOST": "10.0.0.1",
    "AUTHSVC_SERVICE_PORT": "8000",
    "AUTHSVC_SERVICE_PORT_HTTP": "8000",
    "AUTHSVC_REDIS_PORT": "tcp://10.0.0.2:6379",
    "AUTHSVC_REDIS_SERVICE_HOST": "10.0.0.2",
}


def test_what_kubernetes_writes_beside_a_service_is_no_setting():
    assert load(ENOUGH | OF_KUBERNETES) == load(ENOUGH)


@pytest.mark.parametrize(
    "name", ["AUTHSVC_SERVICE", "AUTHSVC_PORT_8000", "AUTHSVC_PORT_X_TCP", "AUTHSVC_REDIS_PORT"]
)
def test_what_only_looks_a_little_like_it_is_refused(name):
    with pytest.raises(InvalidSettings, match=f"There is no setting {name}"):
        load(ENOUGH | {name: "8000"})


@pytest.mark.parametrize("ttl", ["10s", "5m", "15m"])
def test_every_rotation_that_is_accepted_makes_a_schedule(ttl):
    ttl_only = ENOUGH | {"AUTHSVC_ACCESS_TOKEN_TTL": ttl}
    said = refusal(access_token_ttl=ttl, signing_key_rotation="1h")
    least = said.split(" must be ")[1].split()[0]
    settings = load(ttl_only | {"AUTHSVC_SIGNING_KEY_ROTATION": least})
    KeySchedule(settings.access_token_ttl, rotation_interval=settings.signing_key_rotation)
    before = f"{int(least.removesuffix('m')) - 1}m"
    assert f"must be {least} or more" in refusal(access_token_ttl=ttl, signing_key_rotation=before)


def test_the_table_tells_the_shortest_rotation():
    [told] = [row for name, _, row in describe() if name == "AUTHSVC_SIGNING_KEY_ROTATION"]
    assert "must be 75m or more" in refusal(signing_key_rotation="1h")
    assert "at least 75m" in told


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"session_idle_ttl": "31d"},
            "AUTHSVC_SESSION_IDLE_TTL is longer than AUTHSVC_SESSION_ABSOLUTE_TTL.",
        ),
        (
            {"argon2_time_cost": "1"},
            "AUTHSVC_ARGON2_TIME_COST=1 takes AUTHSVC_ARGON2_MEMORY_KIB=47104 or more.",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changed, said):  # A009
    assert refusal(**changed) == said


def test_owasps_other_profile_is_accepted():
    changed = {"AUTHSVC_ARGON2_TIME_COST": "1", "AUTHSVC_ARGON2_MEMORY_KIB": "47104"}
    assert load(ENOUGH | changed).argon2_memory_kib == 47104


def test_all_that_is_wrong_is_told_at_once():
    said = refusal(port="x", workers="x", log_level="x").splitlines()
    assert [line.split()[0] for line in said] == ["AUTHSVC_PORT", "AUTHSVC_WORKERS", "AUTHSVC_LOG_LEVEL"]


@pytest.mark.parametrize(
    "url",
    ["https://auth.example.com", "https://example.com/auth", "http://localhost:8000", "https://[::1]:8443/"],
)
def test_the_public_url_is_kept_without_its_last_slash(url):
    assert load(ENOUGH | {"AUTHSVC_PUBLIC_URL": url}).public_url == url.rstrip("/")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "sqlite+aiosqlite:///./authsvc.db"),
        ("DATABASE_URL", "postgresql+asyncpg://authsvc@/authsvc?host=/run/postgresql"),
        ("DATABASE_URL", "postgresql+asyncpg:///"),
        (
            "DATABASE_URL",
            "postgresql+asyncpg://a:b@db:5433/x?ssl=verify-full&prepared_statement_cache_size=0",
        ),
        ("DATABASE_URL", "postgresql+asyncpg://a@/x?host=a:1&host=b:2&target_session_attrs=primary"),
        ("REDIS_URL", "rediss://redis:6380/1"),
        ("REDIS_URL", "unix:///run/valkey.sock?db=1"),
        ("REDIS_URL", "redis+sentinel://a:26379,b:26379/main"),
        ("REDIS_URL", "redis+cluster://a,b"),
    ],
)
def test_the_kinds_of_servers_are_accepted(name, value):
    assert getattr(load(ENOUGH | {f"AUTHSVC_{name}": value}), name.lower()).get_secret_value() == value


def test_settings_do_not_change():
    settings = load(ENOUGH)
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]  # that is the point


def test_nothing_that_shows_settings_shows_a_secret():  # A101
    settings = load(ENOUGH | {"AUTHSVC_PREVIOUS_SECRET_KEY": SECRET[::-1]})
    for shown in (repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()):
        assert CANARY not in shown
        assert SECRET not in shown
        assert SECRET[::-1] not in shown


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    path = tmp_path / ".env"
    path.write_text(
        "AUTHSVC_PORT=1\nAUTHSVC_HOST=a # remark\n\n# AUTHSVC_X=1\nexport AUTHSVC_WORKERS='2'\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("AUTHSVC_PORT", "3")
    found = environment(env_file=path)
    assert (found["AUTHSVC_PORT"], found["AUTHSVC_HOST"], found["AUTHSVC_WORKERS"]) == ("3", "a", "2")
    assert "AUTHSVC_HOST" not in environment()
    assert "AUTHSVC_HOST" not in environment(env_file=Path(tmp_path / "missing"))


def test_the_service_reads_its_environment(monkeypatch):
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AUTHSVC_PORT", "4321")
    assert load().port == 4321


def test_a_setting_is_given_as_a_value_or_as_a_file():
    assert is_set({"AUTHSVC_REDIS_URL": ""}, "redis_url")
    assert is_set({"AUTHSVC_REDIS_URL_FILE": ""}, "redis_url")
    assert not is_set({"AUTHSVC_REDIS": ""}, "redis_url")


def test_every_setting_is_described_with_its_default_as_one_would_write_it():
    rows = describe()
    assert len(rows) == len(Settings.model_fields)
    assert all(description.endswith((".", ".)")) or "`" in description for _, _, description in rows)
    defaults = {name.split()[0]: default for name, default, _ in rows}
    assert defaults["AUTHSVC_SECRET_KEY"] == "must be set"
    assert defaults["AUTHSVC_PREVIOUS_SECRET_KEY"] == "none"
    assert defaults["AUTHSVC_TRUSTED_PROXIES"] == "none"
    assert defaults["AUTHSVC_DOCS_ENABLED"] == "false"
    assert defaults["AUTHSVC_SESSION_IDLE_TTL"] == "14d"
    assert defaults["AUTHSVC_ACCESS_TOKEN_TTL"] == "5m"
    assert defaults["AUTHSVC_REDIS_TIMEOUT"] == "250ms"
    assert defaults["AUTHSVC_HASHING_THREADS"] == "processors − 1"
    told = {name.split()[0]: description for name, _, description in rows}
    assert told["AUTHSVC_PORT"].endswith(" From 0 to 65535.")
    assert told["AUTHSVC_REDIS_TIMEOUT"].endswith(" From 1ms to 10s.")
    assert told["AUTHSVC_LOG_FORMAT"].endswith(" `json` or `console`.")
    assert told["AUTHSVC_DOCS_ENABLED"].endswith(" `true` or `false`.")
    with_files = [name for name, _, _ in rows if name.endswith(" (or …_FILE)")]
    assert len(with_files) == len([field for field in Settings.model_fields if is_secret(field)]) == 6


def test_every_default_can_be_written_as_it_is_described():
    written = {
        name.split()[0]: default
        for name, default, _ in describe()
        if default not in {"must be set", "none", "processors − 1"}
    }
    assert load(ENOUGH | written) == load(ENOUGH)


def test_the_first_wait_is_none_longer_than_the_longest():
    said = refusal(attempts_first_wait="2m", attempts_forgiven_after="1m")
    assert said == "AUTHSVC_ATTEMPTS_FIRST_WAIT is longer than AUTHSVC_ATTEMPTS_FORGIVEN_AFTER."
