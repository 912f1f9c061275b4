"""Headless Chromium, driven through chromedriver's HTTP protocol (W3C WebDriver)."""

from __future__ import annotations

import base64
import shutil
import time
from pathlib import Path
from typing import Any, Self

import httpx2

from tests.integration.processes import ServerProcess, free_port

_FLAGS = (
    "--headless",
    "--no-sandbox",  # root in a container cannot have the sandbox
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,2300",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the standard gives to element references


def programs() -> tuple[Path, Path] | None:
    """Chromium (or Chrome) and chromedriver, or None where one is missing."""
    driver = shutil.which("chromedriver")
    browsers = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    browser = next(browsers, None)
    return (Path(browser), Path(driver)) if browser and driver else None


class Browser:
    """One window; a context manager.

    Args:
        chromium: The browser.
        driver: chromedriver.
        profile: An empty folder for the browser's profile.
    """

    def __init__(self, chromium: Path, driver: Path, profile: Path) -> None:
        port = free_port()
        self._driver = ServerProcess(
            "chromedriver", [str(driver), f"--port={port}"], f"http://127.0.0.1:{port}", health="/status"
        )
        options = {"binary": str(chromium), "args": [*_FLAGS, f"--user-data-dir={profile}"]}
        self._capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        self._http = httpx2.Client(base_url=self._driver.url, timeout=120)
        self._session = ""

    def __enter__(self) -> Self:
        self._driver.__enter__()
        try:
            made = self._send("POST", "/session", {"capabilities": self._capabilities})
        except BaseException:
            self._driver.stop()
            raise
        self._session = f"/session/{made['sessionId']}"
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._send("DELETE", self._session)
        finally:
            self._http.close()
            self._driver.stop()

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._send("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function; returns what it returns."""
        return self._send("POST", f"{self._session}/execute/sync", {"script": script, "args": list(arguments)})

    def type(self, selector: str, text: str) -> None:
        """Type into the element that a CSS selector names."""
        found = self._send("POST", f"{self._session}/element", {"using": "css selector", "value": selector})
        self._send("POST", f"{self._session}/element/{found[_ELEMENT]}/value", {"text": text})

    def wait_for(self, script: str, *arguments: Any, timeout_s: float = 90) -> Any:
        """Run a script again and again until it returns something true; returns that.

        Raises:
            TimeoutError: It did not; the message holds the page's address and text.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if value := self.run(script, *arguments):
                return value
            time.sleep(0.2)
        page = self.run("return location.href + '\\n' + document.body.innerText.slice(0, 2000)")
        raise TimeoutError(f"waited {timeout_s:.0f} s for {script!r} on {page}")

    def screenshot(self, path: Path) -> None:
        """Save what the window shows, as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._send("GET", f"{self._session}/screenshot")))

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, path, json=body if method == "POST" else None)
        value = answer.json()["value"]
        if answer.is_error:
            raise RuntimeError(f"chromedriver: {value['error']}: {value['message']}")
        return value


def log_in(browser: Browser, url: str, username: str, password: str) -> None:
    """Log in to Label Studio through its form; nothing to do where the browser is logged in already."""
    browser.open(f"{url}/user/login/")
    form = "document.querySelector('input[name=email]')"
    browser.wait_for(f"return {form} || !location.pathname.startsWith('/user/login')")
    if not browser.run(f"return {form} !== null"):
        return
    browser.type("input[name=email]", username)
    browser.type("input[name=password]", password + "\ue007")  # the key code of Enter
    browser.wait_for("return !location.pathname.startsWith('/user/login')")
