"""A wrong setting is one sentence that names the key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.settings import CONFIG_FILE, SettingsError, load

LONG = "k" * 40
BANK = {
    "HALL_BANK_KIND": "http",
    "HALL_BANK_HTTP_URL": "https://bank.example.cn",
    "HALL_BANK_HTTP_CLIENT": "F01",
    "HALL_BANK_HTTP_SECRET": LONG,
}
PRODUCTION = {
    "HALL_MODE": "production",
    "HALL_SECRET_KEY": LONG,
    "HALL_SMS_GATEWAY": "http",
    "HALL_SMS_HTTP_URL": "https://sms.example.cn/?to={mobile}&say={text}",
    "HALL_SMS_HTTP_SUCCESS_REGEX": "OK",
}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"HALL_WEB_PORT": "99999"}, ["web.port", "99999", "1 到 65535"]),
        ({"HALL_WEB_PROT": "1"}, ["HALL_WEB_PROT"]),
        ({"HALL_MODE": "test"}, ["mode", "demo 或 production"]),
        ({"HALL_SIGNIN_CAPTCHA": "maybe"}, ["signin.captcha", "true 或 false"]),
        ({"HALL_CENTER": "nowhere"}, ["nowhere", "qiandongnan"]),
        ({"DATABASE_URL": "mysql://x"}, ["database.url", "postgresql+psycopg://"]),
        ({"HALL_WORKER_KIND": "rq"}, ["redis.url"]),
        ({"HALL_SECRET_KEY": "short"}, ["secret_key", "32"]),
        ({"HALL_SECRET_KEY_FILE": "/nowhere/key"}, ["secret_key_file", "/nowhere/key"]),
        ({"HALL_SMS_PER_DAY": "0"}, ["sms.per_day", "应为"]),
        ({"HALL_SMS_GATEWAY": "http"}, ["sms.http"]),
        ({"HALL_BANK_KIND": "http"}, ["bank.http"]),
        ({"HALL_BANK_PATIENCE_SECONDS": "5"}, ["bank.patience_seconds", "10 到 3600"]),
        (BANK | {"HALL_BANK_HTTP_URL": "http://bank.example.cn"}, ["bank.http.url", "https://"]),
        (BANK | {"HALL_BANK_HTTP_SECRET": "geheim"}, ["bank.http", "太短"]),
        ({"HALL_MODE": "production"}, ["HALL_SECRET_KEY"]),
        ({"HALL_MODE": "production", "HALL_SECRET_KEY": LONG}, ["sms.gateway", "demo"]),
        (PRODUCTION | {"HALL_BANK_KIND": "simulator"}, ["bank.kind", "simulator"]),
    ],
)
def test_a_wrong_value_is_one_sentence_naming_key_and_remedy(
    environ: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ=environ)
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence
    assert sentence.endswith("。")


def test_a_secret_never_appears_in_the_sentence_about_it() -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ={"HALL_SECRET_KEY": "geheim"})
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"), [("[web]\nprot = 1", "web.prot"), ("[wbe]\nx = 1", "wbe"), ("[web", "TOML")]
)
def test_an_unknown_key_or_a_broken_file_is_refused(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=word):
        load(file, environ={})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[web]\nport = 8080\nhost = '0.0.0.0'", encoding="utf-8")
    settings = load(file, environ={"HALL_WEB_PORT": "9000"})
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 9000)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(LONG + "\n", encoding="utf-8")
    assert load(environ={"HALL_SECRET_KEY_FILE": str(file)}).secret() == LONG


def test_the_seals_of_the_history_have_a_key_of_their_own(tmp_path: Path) -> None:
    first, again = (load(data_dir=tmp_path).history_key() for _ in range(2))
    assert first == again
    assert first != load(data_dir=tmp_path).secret().encode()
    assert first != load(data_dir=tmp_path / "elsewhere").history_key()


def test_the_demo_makes_its_secret_once_and_keeps_it_private(tmp_path: Path) -> None:
    settings = load(environ={}, data_dir=tmp_path)
    first = settings.secret()
    assert settings.secret() == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_the_plain_postgresql_address_of_hosting_gets_its_driver() -> None:
    settings = load(environ={"DATABASE_URL": "postgresql://hall@db/hall"})
    assert settings.database_url == "postgresql+psycopg://hall@db/hall"


def test_config_toml_holds_no_secret_and_is_valid() -> None:
    text = CONFIG_FILE.read_text(encoding="utf-8")
    assert "\nsecret_key" not in text
    assert load(environ={}).mode == "demo"
