"""The page in a real browser: windows beside each other, the keyboard alone, and bad luck."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")
pytest.importorskip("selenium", reason="the page is NOT tested: selenium is not installed")

import pyotp
from argon2 import PasswordHasher
from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from tests.examples.service.browser import Window, Windows, chromium
from tests.examples.service.serving import PASSWORD, Serving

from clinic_service.accounts import ACCOUNT, SESSION
from medsched import (
    AppointmentType,
    AvailabilityRule,
    Location,
    Override,
    Patient,
    Provider,
    Recurrence,
)
from medsched.testing.fixed import FixedClock

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HASH = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
"""Of the password of everybody, made once: some of the time that a hash takes is saved."""
SETTINGS = {"poll_every": 0.1, "attempts_per_address": 1000, "practice": "clinic"}
PAGE = Path(__file__).parents[3] / "examples/fastapi_service/clinic_service/page"
NEW_YORK = "America/New_York"
MONDAY, TUESDAY = "2026-03-02", "2026-03-03"
EVIL = "<img src=x onerror=\"document.title='owned'\"><b>knee</b>"
OVERHEARD = """
const real = fetch;
window.asked = [];
window.lines = [];
window.heard = "";
window.fetch = async (path, said) => {
  if (!path.endsWith("/changes")) return real(path, said);
  asked.push(said.headers["Last-Event-ID"]);
  lines.push(new AbortController());
  const signal = AbortSignal.any([said.signal, lines.at(-1).signal]);
  const answer = await real(path, {...said, signal});
  const [one, other] = answer.body.tee();
  const listen = async (reader) => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard += value;
    }
  };
  listen(other.pipeThrough(new TextDecoderStream()).getReader()).catch(() => {});
  return new Response(one, answer);
};
"""
"""Keeps what is asked and told of changes; lines.at(-1).abort() breaks the line."""
SLOW = """
const real = fetch;
window.fetch = async (path, said) => {
  if (said.method === "DELETE") await new Promise((done) => setTimeout(done, 300));
  return real(path, said);
};
"""
"""What is given back comes late."""
LOST = """
const real = fetch;
let first = true;
window.fetch = async (path, said) => {
  const answer = await real(path, said);
  if (!first || !path.endsWith("/confirm")) return answer;
  first = false;
  throw new TypeError("the line broke");
};
"""
"""The first answer of a booking is lost: it is sent again, under the same key."""
REFUSED = ("status of 4",)
"""What the browser logs of each answer that is a refusal."""
Opening = Callable[..., Window]


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with chromium() as running:
        yield running


@pytest.fixture
def windows(driver: webdriver.Chrome) -> Iterator[Windows]:
    opened = Windows(driver)
    opened.complaints()  # of the test before, which was told them
    yield opened
    opened.close()
    assert opened.complaints() == []


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    nightly = Recurrence.daily(date(2026, 10, 30))
    empty.clinic.add_all(
        [
            Location(id="main", name="Main Street", timezone=NEW_YORK),
            Location(id="far", name="Far", timezone=NEW_YORK),
            AppointmentType(code="visit", name="Visit", duration=timedelta(hours=1)),
            Provider(id="lee", name="Dr. Lee", timezone=NEW_YORK, location="main"),
            Provider(id="kim", name="Dr. Kim", timezone=NEW_YORK, location="far"),
            AvailabilityRule("lee", Recurrence.daily(date(2026, 3, 2)), hours="09:00-12:00"),
            AvailabilityRule("kim", nightly, hours="00:00-03:00"),
            Patient(id="ann", name="Ann Ames", locations={"main"}, providers={"lee"}),
            Patient(id="bob", name="Bob Best", locations={"main"}, providers={"lee"}),
        ]
    )
    people: dict[str, dict[str, Any]] = {
        "ann": {"role": "patient", "patient": "ann"},
        "bob": {"role": "patient", "patient": "bob"},
        "lee": {"role": "provider", "provider": "lee"},
        "staff": {"role": "staff", "locations": ["main"]},
    }
    for name, person in people.items():
        empty.add(name, **person)
        mine = ACCOUNT.c.id == empty.accounts[name]
        login = empty.service.accounts.login_of(email(empty, name))
        with empty.service.store.engine.begin() as connection:
            connection.execute(ACCOUNT.update().where(mine), {"login": login, "password": HASH})
    return empty


@pytest.fixture
def enter(clinic: Serving, windows: Windows) -> Opening:
    """Open a window of somebody who is signed in, with the zone of their machine."""

    def entered(name: str, zone: str = NEW_YORK) -> Window:
        window = windows.open(clinic.url, NOW)
        window.cdp("Emulation.setTimezoneOverride", timezoneId=zone)
        return window.sign_in(email(clinic, name), PASSWORD)

    return entered


@pytest.fixture
def clock(clinic: Serving) -> Iterator[FixedClock]:
    """The server's clock, set right again afterwards."""
    clock = clinic.service.clock
    assert isinstance(clock, FixedClock)
    yield clock
    clock.set(NOW)


def email(clinic: Serving, name: str) -> str:
    return f"{name}@{clinic.practice}.example.org"


def booked(clinic: Serving) -> list[tuple[str, str]]:
    """All that is booked: whose, and why."""
    found = clinic.clinic.appointments.list()
    return [(one.patient, one.reason) for one in found if one.status.value == "booked"]


def start(clinic: Serving, day: str, hour: int) -> str:
    """The id of a slot of Dr. Lee, by the hour of New York."""
    low = datetime.fromisoformat(f"{day}T{hour:02}:00").replace(tzinfo=ZoneInfo(NEW_YORK))
    low = low.astimezone(UTC)
    (found,) = clinic.clinic.availability.slots("lee", "visit", low, low + timedelta(minutes=1))
    return found.id


def taken(window: Window, day: str, time: str) -> None:
    window.one(f"ul[data-date='{day}'] .slot.gone", time)


def free(window: Window, day: str, time: str) -> None:
    window.one(f"ul[data-date='{day}'] .slot:not(.gone)", time)


def said(window: Window, text: str) -> None:
    """Wait until a reader of the screen is told."""
    window.until(lambda: window.run("return said.textContent") == text, f"not said: {text!r}")


def test_it_comes_from_here_alone_and_runs_nothing_but_its_modules(server: Serving) -> None:
    answer = server.nobody.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'self'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert "require-trusted-types-for 'script'" in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]* src=)| on\w+=| style=|<style", answer.text)
    named = set(re.findall(r'(?:src|href)="(/[^"]*)"', answer.text))
    for path in (PAGE / "parts").iterdir():
        told, source = server.nobody.get(f"/page/{path.name}"), path.read_text("utf-8")
        assert told.status_code == 200
        assert told.text == source
        named -= {f"/page/{path.name}"}
        beside = source.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "//" not in re.sub(r"(?m)(^|\s)// .*$", "", beside), "it names another place"
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", source)
        assert not re.search(r"localStorage|sessionStorage|document\.cookie", source)
    assert named == set()
    assert server.nobody.get("/page/../app.py").status_code == 404
    assert server.nobody.get("/page/nothing.js").status_code == 404


def test_what_is_booked_in_one_window_is_taken_in_the_other(
    clinic: Serving, enter: Opening
) -> None:
    ann, bob = enter("ann"), enter("bob")
    there = bob.slot(TUESDAY, "10:00")
    bob.run("arguments[0].focus(); window.loaded = 1", there)
    ann.slot(TUESDAY, "10:00").click()
    taken(bob, TUESDAY, "10:00")  # it is kept for her already
    assert bob.focused == there
    ann.one("dialog textarea").send_keys(EVIL)
    assert "taken" not in ann.slot(TUESDAY, "10:00").text, "not for her"
    ann.click("dialog button", "Book this time")
    ann.one("dialog h2", "Your visit is booked")
    ann.click("dialog button", "Close")
    assert booked(clinic) == [("ann", EVIL)]
    assert "taken" in bob.slot(TUESDAY, "10:00").text
    bob.slot(TUESDAY, "10:00").click()
    assert not bob.all("dialog")
    ann.go("My visits")
    card = ann.one(".visit", "Tuesday, 3 March 2026, 10:00")
    assert EVIL in card.text
    assert not ann.all("main img")
    assert ann.here().title == "My visits – Clinic appointments"
    ann.click(".visit button", "Cancel this visit")
    ann.click("dialog button", "Cancel the visit")
    ann.gone("dialog")
    ann.gone(".visit", "Booked")
    free(bob, TUESDAY, "10:00")
    assert booked(clinic) == []
    assert bob.run("return window.loaded") == 1, "it was not loaded anew"


def test_who_comes_second_is_given_what_is_free_instead(
    clinic: Serving, enter: Opening, windows: Windows
) -> None:
    windows.allowed = (*REFUSED, "ERR_BLOCKED_BY_CLIENT")
    ann, bob = enter("ann"), windows.open(clinic.url, NOW)
    bob.cdp("Network.enable")
    bob.cdp("Network.setBlockedURLs", urls=["*/api/v1/changes"])
    bob.sign_in(email(clinic, "bob"), PASSWORD)
    free(bob, TUESDAY, "10:00")
    ann.slot(TUESDAY, "10:00").click()
    ann.click("dialog button", "Book this time")
    ann.one("dialog h2", "Your visit is booked")
    free(bob, TUESDAY, "10:00")  # he was not told
    bob.slot(TUESDAY, "10:00").click()
    bob.one("dialog h2", "This time is not free any more")
    assert "Dr. Lee is not free on Tuesday, 3 March 2026, 10:00" in bob.one("dialog .error").text
    choices = [one.text for one in bob.all("dialog .choice")]
    assert len(choices) == len(set(choices)) > 1
    assert not any("3 March 2026, 10:00" in one for one in choices)
    assert bob.faults() == []
    bob.click("dialog .choice")
    bob.one("dialog textarea").send_keys("instead")
    bob.click("dialog button", "Book this time")
    bob.one("dialog h2", "Your visit is booked")
    assert sorted(booked(clinic)) == [("ann", ""), ("bob", "instead")]
    bob.click("dialog button", "Close")
    taken(bob, TUESDAY, "10:00")


def test_time_that_is_kept_no_more_says_so(
    clinic: Serving, enter: Opening, windows: Windows, clock: FixedClock
) -> None:
    windows.allowed = REFUSED
    ann = enter("ann")
    ann.slot(MONDAY, "11:00").click()
    ann.one("dialog textarea").send_keys("my knee")
    assert ann.one("dialog .left").text in ("Kept for you for another 10:00", *_about(10))
    ann.run("window.later = 560_000")
    ann.one("dialog [role=status]", "less than a minute")
    ann.run("window.later = 601_000")
    clock.advance(timedelta(minutes=11))
    ann.one("dialog h2", "The time ran out")
    assert "Nothing was booked" in ann.one("dialog [role=alert]").text
    ann.click("dialog button", "Keep it again")
    assert ann.one("dialog textarea").get_property("value") == "my knee"
    clock.advance(timedelta(minutes=11))  # the server's is ahead of the page's
    ann.click("dialog button", "Book this time")
    ann.one("dialog h2", "The time ran out")
    assert booked(clinic) == []
    ann.press(Keys.ESCAPE)
    ann.focus("11:00")


def _about(minutes: int) -> list[str]:
    return [f"Kept for you for another {minutes - 1}:{second:02}" for second in range(60)]


def test_all_of_it_by_keyboard(clinic: Serving, windows: Windows) -> None:
    ann = windows.open(clinic.url, NOW).open()
    assert ann.focused.tag_name == "h1"
    ann.tab_to("[name=email]")
    ann.press(email(clinic, "ann"), Keys.TAB)
    ann.press(PASSWORD, Keys.ENTER)
    ann.heading("Book a visit")
    ann.focus("Book a visit")
    free(ann, MONDAY, "09:00")

    # choose: down a day, and to the next
    ann.tab_to("[name=provider]")
    ann.press("Dr. L")
    ann.until(lambda: ann.all(".count", "21 free times"), "the times of one")
    ann.tab_to(".slot")
    assert ann.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT) == ann.slot(TUESDAY, "10:00")
    assert ann.press(Keys.END) == ann.slot(TUESDAY, "11:00")
    assert ann.press(Keys.HOME, Keys.ARROW_UP, Keys.ARROW_LEFT) == ann.slot(MONDAY, "09:00")
    ann.run(SLOW)
    ann.press(Keys.ENTER)
    ann.one("dialog textarea")
    ann.press(Keys.ESCAPE)
    ann.gone("dialog")
    assert ann.focused == ann.slot(MONDAY, "09:00")

    # book, at once: it was given back
    ann.press(Keys.ENTER)
    ann.one("dialog textarea")
    ann.press("my knee", Keys.TAB)
    ann.focus("Book this time")
    ann.press(Keys.SPACE)
    ann.one("dialog h2", "Your visit is booked")
    ann.focus("Your visit is booked")
    ann.press(Keys.TAB)
    ann.focus("Close")
    ann.press(Keys.ENTER)
    ann.gone("dialog")
    assert ann.focused == ann.slot(MONDAY, "09:00")
    assert booked(clinic) == [("ann", "my knee")]

    # cancel: asked first, with the focus on what does no harm
    ann.tab_to("nav a", "My visits", back=True)
    ann.press(Keys.ENTER)
    ann.one(".visit", "my knee")
    ann.focus("My visits")
    ann.tab_to(".visit button")
    ann.press(Keys.ENTER)
    ann.focus("Keep it")
    ann.press(Keys.ENTER)
    ann.gone("dialog")
    ann.focus("Cancel this visit")
    ann.press(Keys.ENTER)
    ann.press(Keys.SHIFT, Keys.TAB)
    ann.focus("Cancel the visit")
    ann.press(Keys.NULL, Keys.ENTER)
    ann.gone("dialog")
    ann.focus("My visits")
    assert booked(clinic) == []

    # wait, and wait no more
    ann.tab_to("nav a", "Waitlist", back=True)
    ann.press(Keys.ENTER)
    ann.heading("Waitlist")
    ann.tab_to("main [type=submit]")
    ann.press(Keys.ENTER)
    ann.one(".entry", "number 1 of 1")
    ann.focus("You wait for")
    ann.tab_to(".entry button")
    ann.press(Keys.ENTER)
    ann.press(Keys.SHIFT, Keys.TAB)
    ann.press(Keys.NULL, Keys.ENTER)
    ann.gone("dialog")
    ann.gone(".entry")
    ann.focus("Waitlist")

    ann.tab_to("#sign-out", back=True)
    ann.press(Keys.ENTER)
    ann.heading("Sign in")
    ann.focus("Sign in")
    ann.tab_to(".skip", back=True)
    assert ann.press(Keys.ENTER).get_attribute("id") == "main"


def test_a_day_follows_what_is_booked_elsewhere(clinic: Serving, enter: Opening) -> None:
    staff, lee = enter("staff"), enter("lee")
    for window in (staff, lee):
        window.one(".count", "No appointments")
        window.one(".live", "Live")
    assert [one.text for one in Select(staff.one("[name=location]")).options] == [
        "Far",
        "Main Street",
    ]
    ann = clinic.client("ann")
    for day, hour in ((MONDAY, 9), (TUESDAY, 10)):
        held = ann.post("/api/v1/holds", json={"slot_id": start(clinic, day, hour)}).json()
        made = ann.post(f"/api/v1/holds/{held['id']}/confirm", json={"reason": EVIL})
        assert made.status_code == 201
    for window in (staff, lee):
        row = window.one(".agenda li", "Ann Ames")
        assert row.text.startswith("09:00–10:00")
        assert EVIL in row.text
        said(window, "Updated: 1 new, 0 changed.")
        assert len(window.all(".agenda li")) == 1
        assert not window.all("main img")
        assert window.faults() == []
    staff.click(".agenda button", "Cancel")
    staff.click("dialog button", "Cancel the appointment")
    staff.one(".agenda li.cancelled", "Cancelled")
    staff.focus("Day")
    lee.one(".agenda li.cancelled")
    staff.click(".bar button", "Next")
    staff.one("h2", "Tuesday, 3 March 2026")
    staff.one(".agenda li", "10:00–11:00")
    staff.click("fieldset label", "Dr. Lee")
    staff.one(".count", "No appointments")


def test_the_viewers_time_stands_beside_the_clinics_where_it_differs(
    clinic: Serving, enter: Opening
) -> None:
    """The clinic's clocks go forward on 8 March, and back on 1 November."""
    zones = [NEW_YORK, "Europe/Berlin", "Asia/Tokyo", "America/Phoenix", "Pacific/Apia"]
    window = enter("ann")
    for zone in zones:
        window.cdp("Emulation.setTimezoneOverride", timezoneId=zone)
        window.go("My visits")
        window.go("Book a visit")
        for day in ("2026-03-07", "2026-03-08"):
            for hour in (9, 11):
                there = datetime.fromisoformat(f"{day}T{hour:02}:00").replace(
                    tzinfo=ZoneInfo(NEW_YORK)
                )
                own = there.astimezone(ZoneInfo(zone))
                told = window.slot(day, f"{hour:02}:00").find_elements("css selector", ".yours")
                if own.replace(tzinfo=None) == there.replace(tzinfo=None):
                    assert told == []
                elif own.date() == there.date():
                    assert [one.text for one in told] == [f"{own:%H:%M} your time"]
                else:
                    assert [one.text for one in told] == [f"{own:%a %-d %b %H:%M} your time"]
    window.cdp("Emulation.setTimezoneOverride", timezoneId="Europe/Berlin")
    window.set("[name=date]", "2026-11-01")
    window.one("h2", "26 October – 1 November 2026")
    night = "ul[data-date='2026-11-01'] .slot"
    window.until(lambda: window.all(night, "01:00 EDT"))
    # An hour comes twice on the wall, and is told apart; Berlin's clocks went back before.
    found = [one.text.split("\n")[:2] for one in window.all(night, "Dr. Kim")]
    assert found == [
        ["00:00", "05:00 your time"],
        ["01:00 EDT", "06:00 your time"],
        ["01:00 EST", "07:00 your time"],
        ["02:00", "08:00 your time"],
    ]
    window.all(night, "01:00 EST")[0].click()
    window.one("dialog dd", "Sunday, 1 November 2026, 01:00")
    assert "07:00 your time" in window.one("dialog dd").text


def test_a_session_that_is_over_comes_back_to_signing_in(
    clinic: Serving, enter: Opening, windows: Windows
) -> None:
    windows.allowed = REFUSED
    ann = enter("ann")
    ann.slot(MONDAY, "11:00").click()
    ann.one("dialog textarea")
    with clinic.service.store.engine.begin() as connection:
        connection.execute(SESSION.delete().where(SESSION.c.account == clinic.accounts["ann"]))
    ann.heading("Sign in")  # by itself: what it follows has ended
    assert "signed out" in ann.one("[role=alert]").text
    assert not ann.all("dialog, nav, .slot")
    ann.focus("Sign in")
    ann.one("[name=email]").send_keys(email(clinic, "ann"))
    ann.one("[name=password]").send_keys(PASSWORD, Keys.ENTER)
    ann.heading("Book a visit")


def _turns(clinic: Serving, name: str) -> list[int]:
    """How often the tokens of each session that is not over were refreshed."""
    query = SESSION.select().where(SESSION.c.account == clinic.accounts[name])
    with clinic.service.store.engine.connect() as connection:
        return [one.turn for one in connection.execute(query)]


def test_tokens_are_refreshed_once_and_only_for_somebody_who_is_there(
    clinic: Serving, enter: Opening
) -> None:
    ann = enter("ann")
    ann.run(OVERHEARD)
    ann.go("My visits")
    ann.go("Book a visit")
    free(ann, TUESDAY, "09:00")
    ann.press(Keys.SHIFT)  # before, or the page might refresh it in between, and once more then
    ann.run("window.later = 580_000")  # the token has twenty seconds left
    clinic.clinic.holds.place(start(clinic, TUESDAY, 9), patient="bob")
    taken(ann, TUESDAY, "09:00")
    assert _turns(clinic, "ann") == [1]
    ann.run("window.later += 580_000; window.heard = ''")  # and now nobody is there
    clinic.clinic.holds.place(start(clinic, TUESDAY, 10), patient="bob")
    after = "return heard.split('event: time').pop().split('still here').length"
    ann.until(lambda: ann.run("return heard.includes('event: time')") and ann.run(after) > 5)
    free(ann, TUESDAY, "10:00")
    assert _turns(clinic, "ann") == [1]
    ann.press(Keys.SHIFT)  # somebody is there
    taken(ann, TUESDAY, "10:00")
    assert _turns(clinic, "ann") == [2]
    ann.run("window.later += 580_000")
    ann.go("My visits")  # which reads two things at once
    ann.one("main p", "No visit is booked")
    assert _turns(clinic, "ann") == [3]


def test_a_broken_line_is_taken_up_where_it_broke(
    clinic: Serving, enter: Opening, windows: Windows
) -> None:
    windows.allowed = ("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK")
    ann = enter("ann")
    ann.run(OVERHEARD)
    ann.go("My visits")
    ann.go("Book a visit")
    free(ann, TUESDAY, "09:00")
    ann.until(lambda: ann.run("return asked.length") == 2)
    line = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    ann.cdp("Network.enable")
    ann.cdp("Network.emulateNetworkConditions", offline=True, **line)
    ann.run("lines.at(-1).abort()")
    ann.one(".live", "The connection is lost")
    clinic.clinic.appointments.book(start(clinic, TUESDAY, 9), patient="bob")
    free(ann, TUESDAY, "09:00")
    ann.cdp("Network.emulateNetworkConditions", offline=False, **line)
    taken(ann, TUESDAY, "09:00")
    ann.gone(".live", "lost")
    assert ann.run("return asked.slice(2).every(Boolean) && asked.length > 2")


def test_an_offer_comes_and_is_accepted(clinic: Serving, enter: Opening, windows: Windows) -> None:
    windows.allowed = REFUSED
    ann = enter("ann", "Europe/Berlin")
    ann.go("Waitlist")
    ann.click("main [type=submit]")
    ann.one(".entry", "number 1 of 1")
    ann.click("main [type=submit]")
    ann.one("main [role=alert]", "You are waiting for this already.")
    (entry,) = clinic.clinic.waitlist.entries.list()
    half = timedelta(minutes=30)
    clinic.clinic.waitlist.offer(
        entry.id, start(clinic, TUESDAY, 10), reason="urgent", lasting=half
    )
    ann.click(".offer button", "Decline")
    ann.gone(".offer")
    ann.focus("Waitlist")
    slot = start(clinic, TUESDAY, 9)
    clinic.clinic.waitlist.offer(entry.id, slot, reason="urgent", lasting=half)
    offer = ann.one(".offer", "Tuesday, 3 March 2026, 09:00 New York time (15:00 your time)")
    assert "until 13:30 your time" in offer.text
    assert ann.faults() == []
    ann.click(".offer button", "Accept")
    ann.gone(".offer")
    ann.focus("Waitlist")
    assert booked(clinic) == [("ann", "")]


def test_registering_the_second_factor_and_what_is_wrong_with_them(
    clinic: Serving, windows: Windows, server: Serving
) -> None:
    windows.allowed = REFUSED
    accounts = clinic.service.accounts
    factor = pyotp.TOTP(accounts.begin_totp(clinic.accounts["ann"]))
    accounts.confirm_totp(clinic.accounts["ann"], factor.at(int(time.time()) - 30))
    window = windows.open(clinic.url, NOW).open()
    assert window.faults() == []
    window.one("[name=email]").send_keys(email(clinic, "ann"))
    window.one("[name=password]").send_keys("wrong", Keys.ENTER)
    window.one("[role=alert]", "Address or password is not right.")
    assert not window.all("[name=code]")
    window.one("[name=password]").clear()
    window.one("[name=password]").send_keys(PASSWORD, Keys.ENTER)
    window.one("[name=code]")
    assert window.focused.get_attribute("name") == "code"
    window.press(factor.now(), Keys.ENTER)
    window.heading("Book a visit")
    window.click("#sign-out")

    new = f"new@{clinic.practice}.example.org"
    window.click("a", "Register as a patient")
    window.heading("Register")
    assert window.faults() == []
    window.one("[name=first_name]").send_keys(" ")
    for name, said in (("last_name", "Noor"), ("email", new), ("password", PASSWORD)):
        window.one(f"[name={name}]").send_keys(said)
    window.click("[type=submit]")
    window.one(".error", "String should match pattern")
    assert window.focused.get_attribute("name") == "first_name"
    window.press("Nia", Keys.ENTER)
    window.heading("Book a visit")
    window.one(".none", "There is no free time in this week.")
    (patient,) = server.clinic.patients.list(email=new)
    assert patient.name.strip() == "Nia Noor"


def test_nobody_is_left_out_and_what_is_sent_twice_is_done_once(
    clinic: Serving, enter: Opening
) -> None:
    ann = enter("ann", "Europe/Berlin")
    free(ann, MONDAY, "09:00")
    assert ann.faults() == []
    ann.slot(MONDAY, "09:00").click()
    ann.one("dialog textarea")
    assert ann.faults() == []
    ann.run(LOST)
    twice = "arguments[0].click(); arguments[0].click()"
    ann.run(twice, ann.one("dialog button", "Book this time"))
    ann.one("dialog h2", "Your visit is booked")
    assert booked(clinic) == [("ann", "")]
    assert ann.faults() == []
    ann.click("dialog a", "Show my visits")
    ann.one(".visit", "Monday, 2 March 2026, 09:00 New York time (15:00 your time)")
    assert ann.faults() == []
    ann.click(".visit button")
    assert ann.faults() == []
    ann.run(twice, ann.one("dialog button", "Cancel the visit"))
    ann.gone("dialog")
    ann.go("Waitlist")
    ann.run(twice, ann.one("main [type=submit]"))
    ann.one(".entry", "number 1 of 1")
    assert ann.faults() == []
    ann.go("Book a visit")
    Select(ann.one("[name=location]")).select_by_visible_text("Far")
    ann.set("[name=date]", "2026-06-01")
    ann.one(".none", "There is no free time in this week.")
    assert ann.faults() == []
    focus = "arguments[0].focus()"
    ann.run(focus, ann.one(".none button", "Find the next free time"))
    more = Override.extra("kim", date(2026, 6, 3), hours="09:00-10:00")
    clinic.clinic.availability.add(more)
    free(ann, "2026-06-03", "09:00")
    ann.focus("1 – 7 June 2026")  # its button is hidden now
    ann.click(".bar button", "Next")
    ann.run(focus, ann.one(".none button", "Find the next free time"))
    ann.press(Keys.ENTER)
    ann.one("h2", "26 October – 1 November 2026")
    ann.focus("00:00")
