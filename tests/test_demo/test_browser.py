"""A visitor of the web page, in a headless Chromium."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import pytest

pytest.importorskip('gradio', reason='the web page needs gradio: pip install "ranfer[web]"')
pytest.importorskip('selenium', reason='driving a browser needs: pip install selenium')
BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'chrome'))), None)
DRIVER = shutil.which('chromedriver')
if not BROWSER or not DRIVER:
    pytest.skip('there is no chromium with chromedriver on the PATH', allow_module_level=True)

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / 'test_apis')]
import tiny  # noqa: E402
from browser import WHOLE, Page, chromium, served  # noqa: E402
from gradio_client import Client, handle_file  # noqa: E402

from ranfer.datasets.synthetic import draw  # noqa: E402

REQUESTS = 20


@pytest.fixture(scope='module')
def files(tmp_path_factory) -> Path:
    """A tiny model, a drawn face and a broken file."""
    folder = tmp_path_factory.mktemp('web')
    tiny.model_file().save(folder / 'tiny.pth')
    cv2.imwrite(str(folder / 'face.png'), draw('happiness', seed=3, size=128, yaw=0)[0])
    (folder / 'broken.jpg').write_text('no image')
    return folder


@pytest.fixture(scope='module')
def address(files):
    with served(files / 'tiny.pth', '--max-size', '2mb') as found:
        yield found


def test_a_visit(files, address):
    with chromium(BROWSER, DRIVER) as chrome:
        page = Page(chrome, address)
        page.click('label', WHOLE)
        page.upload(files / 'face.png')
        page.new_pictures([])
        first = page.pictures()
        page.click('button', 'anger')  # a drawn example
        page.new_pictures(first)
        page.click('button[role=tab]', 'Many pictures')
        page.upload(files / 'face.png', files / 'broken.jpg')
        page.shows('broken')
        page.click('button', 'Recognise all')
        page.shows("Image 'broken.jpg' is no image")
        page.shows('expressions')
        assert str(files) not in page.text


def test_a_broken_file_gives_a_message_on_the_page(files, address):
    with chromium(BROWSER, DRIVER) as chrome:
        page = Page(chrome, address)
        page.upload(files / 'broken.jpg')
        page.shows("Image 'broken.jpg' is no image")
        assert page.pictures() == []


def test_requests_at_once_are_all_answered(files, address):
    client = Client(address, verbose=False)
    picture = handle_file(str(files / 'face.png'))

    def ask(_: int) -> dict:
        return client.predict(
            picture, str(files / 'tiny.pth'), 'as trained', WHOLE, api_name='/recognise'
        )[2]

    with ThreadPoolExecutor(REQUESTS) as pool:
        answers = list(pool.map(ask, range(REQUESTS)))
    assert len(answers) == REQUESTS
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]['faces'][0]['regions']) == 6
