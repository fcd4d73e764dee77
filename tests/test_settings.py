"""Every rule of the settings: what is refused, in which words, and that no value is ever quoted."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from authsvc.settings import InvalidSettings, Settings, describe, environment, is_secret, is_set, load

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


@pytest.mark.parametrize("name", ["secret_key", "previous_secret_key"])
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
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(name, value):
    assert refusal(**{name: value}).startswith(f"AUTHSVC_{name.upper()} ")


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
    with_files = [name for name, _, _ in rows if name.endswith(" (or …_FILE)")]
    assert len(with_files) == len([field for field in Settings.model_fields if is_secret(field)]) == 4


def test_every_default_can_be_written_as_it_is_described():
    written = {
        name.split()[0]: default
        for name, default, _ in describe()
        if default not in {"must be set", "none", "processors − 1"}
    }
    assert load(ENOUGH | written) == load(ENOUGH)
