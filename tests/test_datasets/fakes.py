"""Fake archives in the layouts of the data sets' owners, scaled down, for the tests."""

import csv
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from ranfer.datasets import FERPlus
from ranfer.datasets.synthetic import draw

COLUMNS = [*FERPlus.METAINFO['classes'], 'unknown', 'NF']


def face(seed: int, size: int = 48) -> np.ndarray:
    """A drawn face, uint8 (size, size, 3)."""
    return draw(seed=seed, size=size, yaw=0)[0]


def write_image(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def noise(seed: int, size: tuple[int, ...] = (48, 48)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def claimed_png(side: int) -> bytes:
    """A PNG of few bytes that claims a size; most of its pixels are missing."""
    chunks = (
        (b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)),
        (b'IDAT', zlib.compress(bytes(1000))),
        (b'IEND', b''),
    )
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
        for kind, data in chunks
    )


def ferplus_rows(count: int = 6) -> list[dict]:
    """Vote rows of three splits; every third class is clear, the row before the last is removed."""
    rows = []
    for usage, first in (('Training', 0), ('PublicTest', 28638), ('PrivateTest', 32219)):
        for i in range(count):
            votes = [0] * 10
            votes[i % 8], votes[(i + 1) % 8] = 8, 2
            rows.append({'Usage': usage, 'Image name': f'fer{first + i:07d}.png', 'votes': votes})
    rows[-2]['Image name'] = ''
    return rows


def write_votes(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['Usage', 'Image name', *COLUMNS])
        writer.writerows([row['Usage'], row['Image name'], *row['votes']] for row in rows)
    return path


def write_fer2013(path: Path, rows: list[dict], kaggle: bool = False) -> Path:
    """Pixels in the same order; ``kaggle`` writes the form with a blank after each comma."""
    path.parent.mkdir(parents=True, exist_ok=True)
    comma = ', ' if kaggle else ','
    with path.open('w') as file:
        names = ('emotion', 'Usage', 'pixels') if kaggle else ('emotion', 'pixels', 'Usage')
        file.write(comma.join(names) + '\n')
        for i, row in enumerate(rows):
            pixels = ' '.join(map(str, noise(i).ravel()))
            values = (row['Usage'], pixels) if kaggle else (pixels, row['Usage'])
            file.write(comma.join(('0', *values)) + '\n')
    return path


def write_fer_folders(root: Path, rows: list[dict]) -> Path:
    folders = {
        'Training': 'FER2013Train',
        'PublicTest': 'FER2013Valid',
        'PrivateTest': 'FER2013Test',
    }
    for i, row in enumerate(rows):
        if row['Image name']:
            write_image(root / folders[row['Usage']] / row['Image name'], noise(i))
    return root


def write_rafdb(root: Path, train: int = 7, test: int = 7) -> Path:
    """``basic/`` with aligned and original images, labels and manual landmarks."""
    lines = []
    points = np.array([[60, 70], [100, 70], [80, 95], [65, 115], [95, 115]], float)
    for split, count in (('train', train), ('test', test)):
        for i in range(1, count + 1):
            name = f'{split}_{i:05d}'
            lines.append(f'{name}.jpg {(i - 1) % 7 + 1}')
            write_image(root / f'Image/aligned/{name}_aligned.jpg', face(i, 100))
            write_image(root / f'Image/original/{name}.jpg', noise(i, (160, 170, 3)))
            attributes = root / f'Annotation/manual/{name}_manu_attri.txt'
            attributes.parent.mkdir(parents=True, exist_ok=True)
            text = ''.join(f'{x:.6f}\t{y:.6f}\n' for x, y in points)
            attributes.write_text(text + '0\n0\n2\n')
    labels = root / 'EmoLabel/list_patition_label.txt'
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text('\n'.join(lines) + '\n')
    return root


def affectnet_points(size: int = 120) -> np.ndarray:
    """68 plausible points in a square of that side."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0.2, 0.8, (68, 2))
    points[36:42] = [0.35, 0.4]
    points[42:48] = [0.65, 0.4]
    points[30], points[48], points[54] = [0.5, 0.6], [0.38, 0.75], [0.62, 0.75]
    return points * size


def write_affectnet_csv(root: Path, count: int = 11) -> Path:
    """``Manually_Annotated_Images/`` with both csv files, expressions 0..10 in turn."""
    header = ['subDirectory_filePath', 'face_x', 'face_y', 'face_width', 'face_height']
    header += ['facial_landmarks', 'expression', 'valence', 'arousal']
    root.mkdir(parents=True, exist_ok=True)
    for split, folder in (('training', 1), ('validation', 2)):
        with (root / f'{split}.csv').open('w', newline='') as file:
            writer = csv.writer(file)
            if split == 'training':
                writer.writerow(header)
            for i in range(count):
                path = f'{folder}/{i:056x}.jpg'
                image = cv2.copyMakeBorder(face(i, 96), 20, 10, 15, 25, cv2.BORDER_REPLICATE)
                write_image(root / 'Manually_Annotated_Images' / path, image)
                marks = affectnet_points(96) + np.array([15, 20])
                text = ';'.join(f'{v:.2f}' for v in marks.ravel())
                writer.writerow([path, 15, 20, 96, 96, text, i % 11, 0.1, 0.2])
    return root


def write_affectnet_npy(root: Path, count: int = 8) -> Path:
    """``train_set/`` and ``val_set/`` with images and annotations."""
    for split in ('train_set', 'val_set'):
        (root / split / 'annotations').mkdir(parents=True)
        for i in range(count):
            write_image(root / split / f'images/{i}.jpg', face(i, 112))
            notes = {'exp': np.array(str(i % 8)), 'lnd': affectnet_points(112).ravel()}
            notes |= {'val': np.array('0.1'), 'aro': np.array('0.1')}
            for key, value in notes.items():
                np.save(root / split / f'annotations/{i}_{key}.npy', value)
    return root


def write_sfew(root: Path, aligned: bool, count: int = 1) -> Path:
    """Film frames (720 x 576, a face in the middle) or aligned faces of all seven classes."""
    classes = ('Angry', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise')
    for split in ('Train', 'Val'):
        folder = root / (f'{split}_Aligned_Faces' if aligned else split)
        for label, name in enumerate(classes):
            for i in range(count):
                image = face(10 * label + i, 160)
                if not aligned:
                    image = cv2.copyMakeBorder(image, 208, 208, 280, 280, cv2.BORDER_REPLICATE)
                write_image(folder / name / f'Film_{label}{i}00.png', image)
    return root
