"""Images that would unpack to far more than they weigh are refused before they are decoded."""

from __future__ import annotations

import pytest
from test_datasets import fakes

from ranfer.datasets.converters.images import SkipImage, decode_image


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('side', [10_001, 12_000, 30_000])
def test_bomb_is_refused(monkeypatch, side):
    def decode(*_):
        raise AssertionError('decoded')

    monkeypatch.setattr('ranfer.datasets.converters.images.cv2.imdecode', decode)
    with pytest.raises(SkipImage, match='more than 100000000'):
        decode_image(fakes.claimed_png(side))
