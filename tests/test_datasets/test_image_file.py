"""Images of strangers are decoded whole and true, or refused before they cost memory."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from PIL import Image
from test_datasets import fakes

from ranfer.datasets.image_file import ImageError, decode_image


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('side', [10_001, 12_000, 30_000])
def test_bomb_is_refused(monkeypatch, side):
    def decode(*_, **__):
        raise AssertionError('decoded')

    monkeypatch.setattr('ranfer.datasets.image_file.mmcv.imfrombytes', decode)
    with pytest.raises(ImageError, match='more than 100000000'):
        decode_image(fakes.claimed_png(side))


def test_sixteen_bits_that_opencv_does_not_read_are_not_cut_off():
    """Pillow would make all of them white."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 100 << 8, np.uint16)).save(buffer, 'JPEG2000', no_jp2=True)
    with contextlib.suppress(ImageError):
        assert abs(decode_image(buffer.getvalue()).mean() - 100) < 2
