"""Images that would unpack to far more than they weigh are refused before they are decoded."""

from __future__ import annotations

import struct
import zlib

import pytest

from ranfer.datasets.converters.images import SkipImage, decode_image


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size; its pixels are missing, so decoding it would be a mistake."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
        )

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    body = chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(bytes(1000))) + chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + body


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('side', [10_001, 12_000, 30_000])
def test_bomb_is_refused(monkeypatch, side):
    def decode(*_):
        raise AssertionError('decoded')

    monkeypatch.setattr('ranfer.datasets.converters.images.cv2.imdecode', decode)
    with pytest.raises(SkipImage, match='more than 100000000'):
        decode_image(png(side, side))
