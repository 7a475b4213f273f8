"""The web page in a headless Chromium, driven as a visitor drives it.

``python tests/test_demo/browser.py MODEL PHOTO FOLDER`` writes the screenshots of the docs.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300
"""Seconds that a slow machine has for a step."""

WHOLE = 'the whole picture is one face'


def until(condition: Callable[[], object], what: str) -> object:
    """What ``condition`` gives as soon as it is true; the page may change while it is read."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except (WebDriverException, StopIteration):
            pass
        time.sleep(0.3)
    raise AssertionError(f'No {what} within {PATIENCE} s.')


@contextmanager
def served(model: Path | str, *options: str) -> Iterator[str]:
    """The address of a running page."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(ROOT / 'demo/web_demo.py'), '--model', str(model)]
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    quiet = dict(GRADIO_ANALYTICS_ENABLED='False', HF_HUB_OFFLINE='1', OMP_NUM_THREADS='1')
    server = subprocess.Popen(
        [*command, '--port', str(port), '--max-seconds', '600', *options],
        env=os.environ | quiet | dict(PYTHONPATH=path),
    )
    address = f'http://127.0.0.1:{port}'

    def answers() -> bool:
        assert server.poll() is None, 'The page ended before it answered.'
        try:
            return urllib.request.urlopen(address, timeout=10).status == 200
        except (urllib.error.URLError, OSError):
            return False

    try:
        until(answers, 'answer of the server')
        yield address
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def chromium(browser: str, driver: str, size: str = '1280,1500') -> Iterator[webdriver.Chrome]:
    """A headless Chromium."""
    options = Options()
    options.binary_location = browser
    for argument in ('headless=new', 'no-sandbox', 'disable-gpu', 'disable-dev-shm-usage'):
        options.add_argument(f'--{argument}')
    options.add_argument(f'--window-size={size}')
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    chrome.set_page_load_timeout(PATIENCE)
    try:
        yield chrome
    finally:
        chrome.quit()


class Page:
    """What a visitor does and sees.

    Args:
        chrome: Browser.
        address: Address of the page.
    """

    def __init__(self, chrome: webdriver.Chrome, address: str) -> None:
        self.chrome = chrome
        chrome.get(address)
        self.shows('Recognise')

    @property
    def text(self) -> str:
        return self.chrome.find_element(By.TAG_NAME, 'body').text

    def shows(self, text: str) -> None:
        """Wait for a text."""
        until(lambda: text in self.text, f'text {text!r}')

    def click(self, selector: str, text: str) -> None:
        """Click on the visible element with a text."""

        def clicked() -> bool:
            elements = self.chrome.find_elements(By.CSS_SELECTOR, selector)
            next(x for x in elements if text in x.text and x.is_displayed()).click()
            return True

        until(clicked, f'{selector} {text!r} to click')

    def upload(self, *paths: Path | str) -> None:
        """Hand files to the upload of the open tab: one file, or several for the batch."""
        several = 'true' if len(paths) > 1 else None

        def sent() -> bool:
            fields = self.chrome.find_elements(By.CSS_SELECTOR, 'input[type=file]')
            field = next(x for x in fields if x.get_attribute('multiple') == several)
            field.send_keys('\n'.join(map(str, paths)))
            return True

        until(sent, 'field for files')

    def pictures(self) -> list[str]:
        """Addresses of the shown results."""
        images = self.chrome.find_elements(By.CSS_SELECTOR, '.image-frame img')
        return [x.get_attribute('src') for x in images if x.is_displayed()]

    def new_pictures(self, before: list[str]) -> None:
        """Wait for both pictures of a result that is not the one before."""
        until(lambda: len(now := self.pictures()) >= 2 and now != before, 'new result')

    def save(self, path: Path) -> None:
        """Write a screenshot of the page with few colours, a small file."""
        time.sleep(2)  # pictures fade in
        self.chrome.save_screenshot(str(path))
        image = Image.open(path).convert('RGB')
        image = image.resize((image.width * 5 // 8, image.height * 5 // 8), Image.LANCZOS)
        image.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def main(model: str, photo: str, folder: str) -> None:
    """Write the screenshots."""
    from shutil import which

    broken = Path(folder) / 'broken.jpg'
    broken.write_text('no image')
    with (
        served(model) as address,
        chromium(which('chromium') or 'chromium', which('chromedriver') or '') as chrome,
    ):
        page = Page(chrome, address)
        page.upload(photo)
        page.new_pictures([])
        page.save(Path(folder) / 'web_page.png')
        page.click('button[role=tab]', 'Many pictures')
        page.upload(photo, broken)
        page.shows(broken.stem)
        page.click('button', 'Recognise all')
        page.shows('is no image')
        page.save(Path(folder) / 'web_batch.png')
    broken.unlink()


if __name__ == '__main__':
    main(*sys.argv[1:])
