"""The page as tests look at it: windows of a headless Chromium, at a time that tests choose."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")
MISSING: Final = (
    "the page is NOT tested: no browser is installed (apt-get install chromium chromium-driver)"
)
_PATIENCE: Final = 15
"""Seconds that are waited for what must come."""
_CLOCK: Final = """
window.later = 0;
{
  const shift = %d - Date.now(), Machine = Date;
  window.Date = class extends Machine {
    constructor(...given) { given.length ? super(...given) : super(Date.now()); }
    static now() { return Machine.now() + shift + window.later; }
  };
}
"""
_LABELLED: Final = """
const found = [];
const tell = (element, why) => found.push(`${why}: ${element.outerHTML.slice(0, 120)}`);
const shown = (one) => one.getClientRects().length;
const all = (what) => [...document.querySelectorAll(what)].filter(shown);
if (!document.documentElement.lang) found.push("no language");
if (!document.title) found.push("no title");
if (all("h1").length !== 1) found.push(`${all("h1").length} headings of level 1`);
if (all("main").length !== 1) found.push("not one main");
let level = 0;
for (const one of all("main h1, main h2, main h3")) {
  if (one.tagName[1] > level + 1) tell(one, "a level of headings is left out");
  level = Number(one.tagName[1]);
}
for (const one of all("input, select, textarea")) {
  if (!one.labels.length || !one.labels[0].textContent.trim()) tell(one, "no label");
}
for (const one of all("dialog")) {
  if (!document.getElementById(one.getAttribute("aria-labelledby"))) tell(one, "no label");
}
const words = (text) => text.toLowerCase().replace(/[^\\p{L}\\p{N}]+/gu, " ").trim();
for (const one of all("button[aria-label], a[aria-label]")) {
  const said = words(one.getAttribute("aria-label"));
  if (!said.includes(words(one.innerText))) tell(one, "what it shows is not in its name");
}
for (const one of document.querySelectorAll("img:not([alt])")) tell(one, "no alternative");
for (const name of ["aria-labelledby", "aria-describedby", "aria-errormessage", "for"]) {
  for (const one of document.querySelectorAll(`[${name}]`)) {
    if (!document.getElementById(one.getAttribute(name))) tell(one, `${name} names nothing`);
  }
}
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
if (new Set(ids).size !== ids.length) found.push("an id twice");
return found;
"""
_CONTRAST: Final = """
const parts = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
const light = (colour) => {
  const [r, g, b] = parts(colour).map((one) => {
    const part = one / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (parts(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
const found = new Set();
for (const one of document.querySelectorAll("body *")) {
  const said = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const field = one.matches("input, select, textarea");
  if (!said && !field || !one.getClientRects().length || one.closest(".unseen, .skip")) continue;
  const [a, b] = [light(getComputedStyle(one).color), light(ground(one))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) found.add(`${ratio.toFixed(2)} ${one.tagName}.${one.className}`);
}
return [...found];
"""


class Window:
    """One window, and what somebody does and sees in it."""

    def __init__(self, driver: webdriver.Chrome, url: str, now: datetime) -> None:
        self.driver, self.url = driver, url
        driver.switch_to.new_window("window")
        self.handle = driver.current_window_handle
        clock = _CLOCK % int(now.timestamp() * 1000)
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=clock)

    def here(self) -> webdriver.Chrome:
        """The driver, turned to this window."""
        if self.driver.current_window_handle != self.handle:
            self.driver.switch_to.window(self.handle)
        return self.driver

    def cdp(self, command: str, **said: Any) -> Any:
        """Ask something of the browser itself."""
        return self.here().execute_cdp_cmd(command, said)

    def run(self, script: str, *given: Any) -> Any:
        """Run a script in the page."""
        return self.here().execute_script(script, *given)

    def until(self, look: Callable[[], T], what: str = "") -> T:
        """Look until there is something."""
        self.here()

        def seen(_: object) -> T | None:
            try:
                return look()
            except (StaleElementReferenceException, IndexError):
                return None

        wait = WebDriverWait(self.driver, _PATIENCE, poll_frequency=0.05)
        return wait.until(seen, what)  # type: ignore[return-value]  # it is not None then

    def all(self, css: str, text: str = "") -> list[WebElement]:
        """What is displayed, of those that contain a text."""
        found = self.here().find_elements(By.CSS_SELECTOR, css)
        return [one for one in found if one.is_displayed() and text in one.text]

    def one(self, css: str, text: str = "") -> WebElement:
        """The first of these, waited for."""
        return self.until(lambda: self.all(css, text)[0], f"no {css} {text!r}")

    def gone(self, css: str, text: str = "") -> None:
        """Wait until nothing of this is displayed."""
        self.until(lambda: not self.all(css, text), f"still {css} {text!r}")

    def click(self, css: str, text: str = "") -> None:
        """Click the first of these."""
        self.one(css, text).click()

    def heading(self, text: str) -> None:
        """Wait for a view."""
        self.one("h1", text)

    def open(self) -> Window:
        """Load the page."""
        self.here().get(self.url)
        self.heading("Sign in")
        return self

    def sign_in(self, email: str, password: str) -> Window:
        """Load the page and sign in."""
        self.open()
        self.one("[name=email]").send_keys(email)
        self.one("[name=password]").send_keys(password)
        self.click("[type=submit]")
        self.gone("h1", "Sign in")
        return self

    def go(self, view: str) -> None:
        """Choose a view."""
        self.click("nav a", view)
        self.heading(view)

    def set(self, css: str, value: str) -> None:
        """Choose in a field, as a picker does."""
        script = (
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))"
        )
        self.run(script, self.one(css), value)

    def slot(self, day: str, time: str) -> WebElement:
        """The button of a free or taken time on a date: "2026-03-02", "09:00"."""
        return self.one(f"ul[data-date='{day}'] .slot", time)

    # ---- the keyboard

    @property
    def focused(self) -> WebElement:
        """What has the focus; it is never lost to the body."""
        found = self.run(
            "const one = document.activeElement; return one?.matches('body') ? null : one"
        )
        assert isinstance(found, WebElement), "the focus is lost"
        return found

    def focus(self, text: str) -> None:
        """Wait until the focus is on what begins so; on its way there it is never lost."""
        self.until(lambda: self.focused.text.startswith(text), f"no focus on {text!r}")

    def press(self, *keys: str) -> WebElement:
        """Type where the focus is, and tell where it is then."""
        self.focused.send_keys(*keys)
        return self.focused

    def tab_to(self, css: str, text: str = "", *, back: bool = False) -> WebElement:
        """Press Tab, or Shift and Tab, until something has the focus."""
        keys = (Keys.SHIFT, Keys.TAB) if back else (Keys.TAB,)
        for _ in range(80):
            self.here().switch_to.active_element.send_keys(*keys)
            one = self.driver.switch_to.active_element
            if self.run("return arguments[0].matches(arguments[1])", one, css) and text in one.text:
                return one
        raise AssertionError(f"{css} {text!r} is not reached by Tab")

    # ---- what is wrong with it

    def faults(self) -> list[str]:
        """What would hinder somebody: names, labels, contrast by day and night, what sticks out."""
        found: list[str] = self.run(_LABELLED)
        modal = "dialog, dialog button, dialog a" if self.all("dialog") else "button, a"
        for one in self.all(modal):
            if not one.accessible_name.strip():
                found.append(f"no name: {one.get_attribute('outerHTML')}")
        for scheme in ("dark", "light"):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            self.cdp("Emulation.setEmulatedMedia", features=[feature])
            found += [f"{scheme}: {one}" for one in self.run(_CONTRAST)]
        for width in (320, 640, 1280):
            self.resize(width)
            if self.run("return document.documentElement.scrollWidth > innerWidth"):
                found.append(f"sticks out at {width} pixels")
        return found

    def resize(self, width: int) -> None:
        """Be so wide."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.cdp("Emulation.setDeviceMetricsOverride", **size)


class Windows:
    """All windows of one test. What the browser complains of must be what the test allows."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver, self.allowed = driver, tuple[str, ...]()
        self._first = driver.current_window_handle

    def open(self, url: str, now: datetime) -> Window:
        """One more."""
        return Window(self.driver, url, now)

    def close(self) -> None:
        """Close all but the first, which keeps the browser alive."""
        for handle in self.driver.window_handles:
            if handle != self._first:
                self.driver.switch_to.window(handle)
                self.driver.close()
        self.driver.switch_to.window(self._first)

    def complaints(self) -> list[str]:
        """What the browser has logged, and nobody said it would."""
        logged = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        told = [str(one["message"]) for one in logged]
        return [one for one in told if not any(part in one for part in self.allowed)]


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A headless Chromium; the test is skipped where none is installed. Nothing is downloaded."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip(MISSING)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    said = ["--headless=new", "--disable-dev-shm-usage", "--window-size=1280,900", "--lang=en-US"]
    said += ["--disable-background-timer-throttling", "--disable-renderer-backgrounding"]
    said += ["--disable-backgrounding-occluded-windows"]
    for one in [*said, *(["--no-sandbox"] if os.geteuid() == 0 else [])]:
        options.add_argument(one)
    running = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield running
    finally:
        running.quit()
