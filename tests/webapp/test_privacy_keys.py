"""`hall keys` as whoever runs the hall uses it: made once, exchanged under way, thinned late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select, text

from handlers.people.models import Operator
from handlers.privacy import keyfile, keyring
from tests.conftest import Clock
from tests.webapp.hall import Hall, make_app
from webapp import cli, keys
from webapp.runtime import db
from webapp.settings import Keys, SettingsError

LONG = "s" * 40


@pytest.fixture
def file(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key file of a hall with people in it; `hall` commands find both in the environment."""
    path = tmp_path / "keys.toml"
    keyfile.write(path, keyfile.read(Path(app.extensions["hall"].settings.keys.file)))
    monkeypatch.setattr(keys, "LEARN_SECONDS", 0)
    monkeypatch.setenv("HALL_KEYS_FILE", str(path))
    monkeypatch.setenv("HALL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", app.config["SQLALCHEMY_DATABASE_URI"])
    return path


@pytest.fixture
def ids(app: Flask, file: Path) -> list[str]:
    with app.app_context():
        found = list(db.session.scalars(select(Operator.id_no).order_by(Operator.id)))
        db.session.remove()
    return found


def hall_keys(*arguments: str) -> Result:
    return CliRunner().invoke(cli.hall, ["keys", *arguments])


def test_a_rotation_leaves_everything_readable_and_the_old_key_useless(
    app: Flask, file: Path, ids: list[str]
) -> None:
    before = keyfile.read(file)
    done = hall_keys("rotate", "--index")
    assert done.exit_code == 0, done.output
    after = keyfile.read(file)
    assert after.primary != before.primary
    assert "hall_operator" in done.output
    shown = hall_keys("status").output
    assert f"{after.primary}  {after.data[-1].made_at:%Y-%m-%d}  当前" in shown
    assert f"{before.primary}  {before.data[0].made_at:%Y-%m-%d}  旧  0 项" in shown

    early = hall_keys("retire")
    assert isinstance(early.exception, SettingsError)
    assert "分钟后再试" in str(early.exception)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    keyfile.write(file, keyfile.promoted(after, after.primary, long_ago))
    assert hall_keys("retire").exit_code == 0
    left = keyfile.read(file)
    assert ([key.id for key in left.data], len(left.index)) == ([after.primary], 1)
    keyring.configure(left.ring)
    with app.app_context():
        assert list(db.session.scalars(select(Operator.id_no).order_by(Operator.id))) == ids


def test_a_key_something_is_sealed_with_is_not_retired(file: Path, ids: list[str]) -> None:
    old = keyfile.read(file)
    made_at = old.data[0].made_at + timedelta(days=1)
    two = keyfile.with_data_key(old, made_at)
    keyfile.write(file, keyfile.promoted(two, two.data[-1].id, made_at))
    refused = hall_keys("retire")
    assert "hall keys rotate" in str(refused.exception)
    assert keyfile.read(file).data == two.data
    again = hall_keys("rotate")
    assert "接着做" in again.output
    assert keyfile.read(file).primary == two.data[-1].id, "finished, not begun anew"


def test_two_exchanges_at_once_do_not_lose_a_key(file: Path, ids: list[str]) -> None:
    before = keyfile.read(file)
    with keyfile.held(file):  # as another `hall keys rotate` does while it works
        for command in (["rotate"], ["rotate", "--prepare"], ["retire"]):
            refused = hall_keys(*command)
            assert "请等它结束再执行" in str(refused.exception), command
    assert keyfile.read(file) == before
    assert hall_keys("rotate").exit_code == 0


def test_several_machines_learn_a_key_before_one_uses_it(file: Path, ids: list[str]) -> None:
    old = keyfile.read(file)
    assert hall_keys("rotate", "--prepare").exit_code == 0
    prepared = keyfile.read(file)
    assert prepared.primary == old.primary
    assert "备用" in hall_keys("status").output
    assert hall_keys("rotate").exit_code == 0
    assert keyfile.read(file).primary == prepared.data[-1].id
    assert len(keyfile.read(file).data) == 2


def test_a_running_hall_follows_a_rotation_without_a_restart(
    app: Flask, file: Path, ids: list[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "LOOK_SECONDS", 0.0)
    settings = app.extensions["hall"].settings
    running = make_app(settings.database_url, settings.data_dir, clock, keys={"file": str(file)})
    monkeypatch.setattr(keys.keyring, "configure", lambda *_: None)  # that is another process
    assert hall_keys("rotate").exit_code == 0
    new = keyfile.read(file).primary
    with running.app_context():
        row = db.session.scalars(select(Operator).order_by(Operator.id)).first()
        assert row is not None
        assert row.id_no == ids[0]
        row.id_no = ids[1]
        db.session.commit()
        raw = db.session.execute(text(f"select id_no from hall_operator where id = {row.id}"))
        assert raw.scalar_one().startswith(f"1:{new}:")
    Hall(running, clock).close()


def test_production_does_not_start_without_its_keys(tmp_path: Path, clock: Clock) -> None:
    sms = {"url": "https://sms.example.cn", "body": "{mobile}{text}", "success": {"regex": "^OK"}}
    production = {
        **{"mode": "production", "secret_key": LONG, "sms": {"gateway": "http", "http": sms}},
        **{"web": {"base_url": "https://hall.example.gov.cn"}},
    }
    with pytest.raises(SettingsError, match="hall keys create"):
        make_app("", tmp_path, clock, keys={"file": ""}, **production)
    assert not (tmp_path / "keys.toml").exists()


def test_the_demo_makes_its_keys_once(tmp_path: Path, clock: Clock) -> None:
    for _ in range(2):
        Hall(make_app("", tmp_path, clock, keys={"file": ""}), clock).close()
    assert len(keyfile.read(tmp_path / "keys.toml").data) == 1


def test_keys_are_created_once_and_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALL_KEYS_FILE", str(tmp_path / "hall.keys"))
    first = hall_keys("create")
    assert first.exit_code == 0
    assert "另行备份" in first.output
    kept = (tmp_path / "hall.keys").read_bytes()
    again = hall_keys("create")
    assert "已经存在" in str(again.exception)
    assert (tmp_path / "hall.keys").read_bytes() == kept


def test_a_strange_key_file_stops_a_page_with_a_sentence(
    app: Flask, file: Path, ids: list[str], tmp_path: Path
) -> None:
    strange = tmp_path / "strange.toml"
    keyfile.create(strange, datetime.now(UTC))
    keyring.configure(keyfile.read(strange).ring)
    with app.app_context(), pytest.raises(keyring.KeyringError, match="请换回原来的密钥文件"):
        db.session.scalars(select(Operator.id_no)).all()


def test_a_strange_key_file_is_noticed_before_anything_is_sealed_with_it(
    app: Flask, file: Path, ids: list[str]
) -> None:
    assert app.test_client().get("/healthz").json["parts"]["database"]["ok"]
    file.unlink()
    keyfile.create(file, datetime.now(UTC))
    settings = app.extensions["hall"].settings.model_copy(update={"keys": Keys(file=str(file))})
    keys.open_keys(settings)
    with pytest.raises(keyring.KeyringError, match="请换回原来的密钥文件"):
        keys.check_fit(settings)  # what `hall migrate` asks
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.json["parts"]["database"]["error"]) == (503, "KeyringError")
