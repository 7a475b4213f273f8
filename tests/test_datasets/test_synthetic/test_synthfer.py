import cv2
import numpy as np
import pytest
from test_tools.conftest import run_tool

from ranfer.datasets.synthetic import CLASSES
from ranfer.datasets.synthfer import SynthFER
from ranfer.registry import DATASETS

TINY = dict(train=7, val=7, test=7, occlusion=7, pose30=7, pose45=7, size=32)
TOOL = 'dataset_converters/synthfer.py'


def test_first_use_makes_the_data(tmp_path):
    config = dict(
        type='ranfer.SynthFER',
        data_root=str(tmp_path / 'data'),
        ann_file='test.json',
        generate=TINY,
        pipeline=[],
        test_mode=True,
    )
    first = DATASETS.build(config)
    assert len(first) == 28
    assert tuple(first.metainfo['classes']) == CLASSES
    sample = first[0]
    assert sample['gt_keypoints'].shape == (1, 5, 3)
    assert 'natural' in sample['conditions']
    assert cv2.imread(sample['img_path']).shape == (32, 32, 3)
    assert not (tmp_path / 'data/train.json').exists()
    again = DATASETS.build({**config, 'generate': None})
    np.testing.assert_array_equal(again.get_gt_labels(), first.get_gt_labels())


def test_without_generate_a_missing_root_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'data_root: .*synthfer\.py --out data/synthfer'):
        SynthFER(data_root=str(tmp_path / 'none'), ann_file='train.json', pipeline=[])


@pytest.mark.parametrize(
    ('ann_file', 'generate', 'message'),
    [
        ('train.json', dict(images=3), "generate: unknown key 'images'; use train, val"),
        ('all.json', dict(), "ann_file: got '.*all.json', generate makes train.json"),
    ],
)
def test_wrong_keys_are_named(tmp_path, ann_file, generate, message):
    with pytest.raises(ValueError, match=message):
        SynthFER(data_root=str(tmp_path), ann_file=ann_file, generate=generate, pipeline=[])


def test_command_line(tmp_path, capsys):
    sizes = [x for key, value in TINY.items() for x in (f'--{key}', value)]
    sheet = tmp_path / 'sheet.png'
    arguments = ('--out', tmp_path / 'data', '--workers', 1, *sizes)
    run_tool(TOOL, *arguments, '--preview', sheet)
    assert 'wrote train, val, test' in capsys.readouterr().out
    assert cv2.imread(str(sheet)).shape == (7 * 32, 10 * 32, 3)
    run_tool(TOOL, *arguments)
    assert 'all splits are there already' in capsys.readouterr().out


def test_command_line_reports_one_sentence(tmp_path):
    with pytest.raises(SystemExit, match='error: size=8: use a whole number of at least 32'):
        run_tool(TOOL, '--out', tmp_path, '--size', 8)
    sizes = [x for part in TINY if part != 'size' for x in (f'--{part}', 1)]
    with pytest.raises(SystemExit, match="error: Picture 'sheet' has the suffix '', expected"):
        run_tool(TOOL, '--out', tmp_path, *sizes, '--size', 32, '--preview', 'sheet')


def test_one_process_of_a_machine_draws(tmp_path, monkeypatch):
    config = dict(ann_file='val.json', data_root=str(tmp_path), generate=dict(val=2, size=32))
    monkeypatch.setenv('LOCAL_RANK', '1')
    with pytest.raises(FileNotFoundError):
        SynthFER(**config, pipeline=[])
    monkeypatch.setenv('LOCAL_RANK', '0')
    assert len(SynthFER(**config, pipeline=[])) == 2
