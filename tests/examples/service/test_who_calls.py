"""Registering, logging in, sessions, second factors and throttles, attacked."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

import bcrypt
import httpx
import jwt
import pyotp
import sqlalchemy as sa
from argon2 import PasswordHasher
from tests.examples.service.serving import PASSWORD, SECRET, Serving, problem

from clinic_service import accounts
from clinic_service.accounts import ACCOUNT, SESSION
from clinic_service.problems import Refused
from medsched.errors import StorageBusy
from medsched.services.records import Directory

SETTINGS = {"attempts_per_account": 5, "attempts_per_address": 200, "practice": "registered"}
PERSON = {
    "email": "Ada@Example.org",
    "password": PASSWORD,
    "first_name": "Ada",
    "last_name": "Byron",
    "date_of_birth": "1815-12-10",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 as it is, but for how long it takes."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(accounts, "_ARGON2", cheap)
    monkeypatch.setattr(accounts, "_NOBODYS", cheap.hash("nobody's"))


def registered(server: Serving, email: str) -> dict[str, Any]:
    """A patient's account, and the tokens of a login."""
    answer = server.nobody.post("/api/auth/register", json=PERSON | {"email": email})
    assert answer.status_code == 201, answer.text
    return {**login(server, email).json(), "id": answer.json()["id"]}


def login(server: Serving, email: str, password: str = PASSWORD, **more: str) -> httpx.Response:
    body = {"email": email, "password": password, **more}
    return server.nobody.post("/api/auth/login", json=body)


def as_(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def me(server: Serving, token: str) -> httpx.Response:
    return server.nobody.get("/api/auth/me", headers=as_(token))


def change(server: Serving, table: sa.Table, id: str, **values: Any) -> None:
    with server.service.store.engine.begin() as connection:
        connection.execute(table.update().where(table.c.id == id).values(**values))


def account(server: Serving, id: str) -> Any:
    return server.service.accounts.get(id)


def test_from_registering_to_logging_out(server: Serving) -> None:
    told = registered(server, "first@example.org")
    who = me(server, told["access_token"]).json()
    assert (who["role"], who["practice"], who["second_factor"]) == ("patient", "registered", False)
    patient = server.nobody.get(
        f"/api/patients/{who['patient_id']}", headers=as_(told["access_token"])
    ).json()
    assert (patient["first_name"], patient["date_of_birth"]) == ("Ada", "1815-12-10")
    assert told["token_type"] == "bearer"
    out = server.nobody.post("/api/auth/logout", headers=as_(told["access_token"]))
    assert out.status_code == 204
    problem(me(server, told["access_token"]), 401)
    body = {"refresh_token": told["refresh_token"]}
    problem(server.nobody.post("/api/auth/refresh", json=body), 401)


def test_an_address_has_one_account_however_it_is_written(server: Serving) -> None:
    registered(server, "One@example.org")
    again = PERSON | {"email": " one@EXAMPLE.org".strip()}
    problem(server.nobody.post("/api/auth/register", json=again), 409)
    assert login(server, "ONE@example.org").status_code == 200


@pytest.mark.parametrize(
    "more",
    [
        {"role": "admin"},
        {"patient_id": "somebody"},
        {"locations": ["main"]},
        {"practice": "other"},
        {"id": "1"},
        {"totp_on": False},
        {"password": "short"},
        {"password": "x" * 129},
        {"email": "nobody"},
        {"first_name": " "},
        {"date_of_birth": "10.12.1815"},
    ],
    ids=str,
)
def test_nobody_says_what_they_may_be(server: Serving, more: dict[str, Any]) -> None:
    body = PERSON | {"email": "mass@example.org"} | more
    problem(server.nobody.post("/api/auth/register", json=body), 422)
    assert not server.service.accounts.by_email("mass@example.org")


def test_no_address_and_no_password_is_kept(server: Serving) -> None:
    id = registered(server, "canary-address@example.org")["id"]
    row = account(server, id)
    assert "canary" not in str(row)
    assert row.password.startswith("$argon2id$")
    assert PASSWORD not in str(row)


def test_what_is_wrong_is_not_told_apart(server: Serving) -> None:
    registered(server, "known@example.org")
    known = problem(login(server, "known@example.org", "wrong password"), 401)
    unknown = problem(login(server, "unknown@example.org", "wrong password"), 401)
    assert {**known, "instance": ""} == {**unknown, "instance": ""}


def test_a_bcrypt_hash_is_accepted_and_upgraded(server: Serving) -> None:
    id = registered(server, "old@example.org")["id"]
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    change(server, ACCOUNT, id, password=old)
    problem(login(server, "old@example.org", "not this one"), 401)
    assert account(server, id).password == old
    assert login(server, "old@example.org").status_code == 200
    assert account(server, id).password.startswith("$argon2id$")
    assert login(server, "old@example.org").status_code == 200


def test_registering_is_all_or_nothing(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    registered(server, "whole@example.org")

    def patients() -> int:
        clinic = server.service.scheduler.practice("registered")
        return len(clinic.patients.list(limit=1000))

    before = patients()
    problem(
        server.nobody.post("/api/auth/register", json=PERSON | {"email": "WHOLE@example.org"}), 409
    )
    assert patients() == before, "no patient without an account"
    short = PERSON | {"email": "half@example.org", "date_of_birth": "1815-12-10"}

    def broken(*_: object, **__: object) -> None:
        raise StorageBusy("patient.create", 0)

    monkeypatch.setattr(Directory, "create", broken)
    problem(server.nobody.post("/api/auth/register", json=short), 503)
    assert server.service.accounts.by_email("half@example.org") is None, "nor the other way round"


# -------------------------------------------------------------------------------- tokens


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_forged_tokens(server: Serving) -> None:
    told = registered(server, "forged@example.org")
    good = claims(told["access_token"])
    now = int(time.time())
    wrongs: list[dict[str, Any]] = [
        {"aud": "another"},
        {"iss": "another"},
        {"exp": now - 1},
        {"iat": now + 600},
        {"use": "refresh"},
        {"sid": "none"},
        {"sid": 5},
        {"sub": "somebody"},
        *({name: None} for name in ("aud", "iss", "exp", "iat", "sub", "sid", "use")),
    ]
    for wrong in wrongs:
        said = {name: value for name, value in (good | wrong).items() if value is not None}
        problem(me(server, jwt.encode(said, SECRET, "HS256")), 401)
    unsigned = jwt.encode(good, None, algorithm="none")  # type: ignore[arg-type]
    problem(me(server, unsigned), 401)
    problem(me(server, jwt.encode(good, SECRET, "HS512")), 401)
    problem(me(server, jwt.encode(good, "another secret, also long enough", "HS256")), 401)
    head, body, signature = told["access_token"].split(".")
    problem(me(server, f"{head}.{body}.{signature[::-1]}"), 401)
    for text in ("x", "a.b.c", "é", "x" * 10_000):
        answer = server.nobody.get(
            "/api/auth/me", headers={b"Authorization": f"Bearer {text}".encode()}
        )
        problem(answer, 401)
    problem(server.nobody.get("/api/auth/me", headers={"Authorization": "Basic YTpi"}), 401)
    assert me(server, told["access_token"]).status_code == 200


def test_a_refresh_token_is_good_once_and_its_theft_ends_the_session(server: Serving) -> None:
    told = registered(server, "reuse@example.org")
    other = login(server, "reuse@example.org").json()

    def refreshed(token: str) -> httpx.Response:
        return server.nobody.post("/api/auth/refresh", json={"refresh_token": token})

    problem(refreshed(told["access_token"]), 401)
    problem(me(server, told["refresh_token"]), 401)
    second = refreshed(told["refresh_token"]).json()
    third = refreshed(second["refresh_token"]).json()
    assert me(server, third["access_token"]).status_code == 200
    problem(refreshed(told["refresh_token"]), 401)
    for token in (told, second, third):
        problem(me(server, token["access_token"]), 401)
        problem(refreshed(token["refresh_token"]), 401)
    assert me(server, other["access_token"]).status_code == 200, "another session goes on"


def test_of_two_who_refresh_at_once_one_does(server: Serving) -> None:
    told = registered(server, "twice@example.org")
    body = {"refresh_token": told["refresh_token"]}
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(httpx.post, f"{server.url}/api/auth/refresh", json=body) for _ in range(4)
        ]
        statuses = sorted(one.result().status_code for one in asked)
    assert statuses == [200, 401, 401, 401]


@pytest.mark.parametrize("name, ago", [("used", 30 * 60), ("began", 12 * 3600)])
def test_a_session_ends_by_itself(server: Serving, name: str, ago: int) -> None:
    told = registered(server, f"{name}@example.org")
    id, now = claims(told["access_token"])["sid"], int(time.time())
    change(server, SESSION, id, **{name: now - ago + 60})
    assert me(server, told["access_token"]).status_code == 200
    change(server, SESSION, id, **{name: now - ago - 60})
    problem(me(server, told["access_token"]), 401)
    body = {"refresh_token": told["refresh_token"]}
    problem(server.nobody.post("/api/auth/refresh", json=body), 401)


def test_a_request_keeps_a_session_awake(server: Serving) -> None:
    told = registered(server, "awake@example.org")
    id, now = claims(told["access_token"])["sid"], int(time.time())
    change(server, SESSION, id, used=now - 1000)
    assert me(server, told["access_token"]).status_code == 200
    with server.service.store.engine.connect() as connection:
        row = connection.execute(SESSION.select().where(SESSION.c.id == id)).one()
    assert row.used >= now


# ------------------------------------------------------------------------- second factors


def test_a_second_factor_is_asked_for_and_each_code_is_taken_once(
    server: Serving,
) -> None:
    told, email = registered(server, "totp@example.org"), "totp@example.org"
    headers = as_(told["access_token"])
    for wrong, status in (({}, 422), ({"password": "not mine, not mine"}, 422)):
        problem(server.nobody.post("/api/auth/totp", json=wrong, headers=headers), status)
    assert account(server, told["id"]).totp is None
    mine = {"password": PASSWORD}
    begun = server.nobody.post("/api/auth/totp", json=mine, headers=headers)
    assert begun.status_code == 201
    totp = pyotp.TOTP(begun.json()["secret"])
    assert begun.json()["secret"] not in account(server, told["id"]).totp, "it is kept sealed"
    assert login(server, email).status_code == 200, "it is asked for once it was confirmed"
    now = int(time.time())
    other = str((int(totp.at(now)) + 1) % 1_000_000).zfill(6)
    confirm = "/api/auth/totp/confirm"
    problem(server.nobody.post(confirm, json={"code": other}, headers=headers), 422)
    done = server.nobody.post(confirm, json={"code": totp.at(now - 30)}, headers=headers)
    assert done.status_code == 200, done.text
    codes = done.json()["recovery_codes"]
    assert len(set(codes)) == 10
    problem(me(server, told["access_token"]), 401)

    told_so = problem(login(server, email), 401)
    assert told_so["type"] == "urn:clinic-service:second-factor"
    assert (
        problem(login(server, email, "wrong password", code=totp.at(now)), 401)["type"]
        != (told_so["type"])
    )
    problem(login(server, email, code=totp.at(now - 30)), 401)
    again = login(server, email, code=totp.at(now))
    assert again.status_code == 200
    problem(login(server, email, code=totp.at(now)), 401)
    assert login(server, email, code=codes[0]).status_code == 200
    problem(login(server, email, code=codes[0]), 401)
    token = again.json()["access_token"]
    assert me(server, token).json()["second_factor"] is True
    problem(server.nobody.post("/api/auth/totp", json=mine, headers=as_(token)), 409)


def test_one_code_lets_one_of_many_in(server: Serving) -> None:
    told, email = registered(server, "race@example.org"), "race@example.org"
    secret = pyotp.random_base32()
    change(server, ACCOUNT, told["id"], totp=server.service.accounts.sealed(secret), totp_on=True)
    body = {"email": email, "password": PASSWORD, "code": pyotp.TOTP(secret).now()}
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(httpx.post, f"{server.url}/api/auth/login", json=body, timeout=30)
            for _ in range(4)
        ]
        statuses = sorted(one.result().status_code for one in asked)
    assert statuses == [200, 401, 401, 401]


# ------------------------------------------------------------------------------ throttles


def test_after_some_attempts_even_the_right_password_waits(server: Serving) -> None:
    registered(server, "guessed@example.org")
    for _ in range(5):
        problem(login(server, "guessed@example.org", "a wrong password"), 401)
    answer = login(server, "guessed@example.org")
    problem(answer, 429)
    assert 0 < int(answer.headers["retry-after"]) <= 300
    registered(server, "another@example.org")


def test_guesses_at_once_are_counted_each(server: Serving) -> None:
    registered(server, "crowd@example.org")
    body = {"email": "crowd@example.org", "password": "a wrong password"}
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(httpx.post, f"{server.url}/api/auth/login", json=body, timeout=30)
            for _ in range(12)
        ]
        statuses = [one.result().status_code for one in asked]
    assert (statuses.count(401), statuses.count(429)) == (5, 7)


def test_an_address_that_tries_many_accounts_waits(server: Serving) -> None:
    throttle, settings = server.service.throttle, server.service.settings
    for number in range(settings.attempts_per_address):
        throttle.count(f"nobody-{number}", "203.0.113.9")
    with pytest.raises(Refused):
        throttle.count("one-more", "203.0.113.9")
    throttle.count("one-more", "203.0.113.10")
