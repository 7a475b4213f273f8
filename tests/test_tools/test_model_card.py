"""The figures of a model card."""

from __future__ import annotations

import numpy as np
import pytest
from test_tools.conftest import run_tool

from ranfer.evaluation import make_report

CARD = '# Card\n\n<!-- figures -->\nold\n<!-- end of figures -->\n\nrest\n'


@pytest.fixture
def report(tmp_path):
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.6, 0.3, 0.1]])
    made = make_report(scores, np.array([0, 0, 1]), [('occlusion',), (), ()], ('joy', 'fear', 'x'))
    path = tmp_path / 'report.json'
    made.save(path)
    return path, made


def test_card_is_filled_between_its_marks_again_and_again(report, tmp_path):
    path, made = report
    card = tmp_path / 'card.md'
    card.write_text(CARD)
    texts = []
    for _ in range(2):
        run_tool('analysis_tools/model_card.py', card, f'Valid={path}', f'drawn occluder={path}')
        texts.append(card.read_text())
    assert texts[0] == texts[1]
    assert texts[0].startswith('# Card\n\n<!-- figures -->\n\n| split') and 'old' not in texts[0]
    assert texts[0].endswith('<!-- end of figures -->\n\nrest\n')
    assert '| Valid          |      3 |      33.33 |' in texts[0]
    assert '| drawn occluder: occlusion |      1 |     100.00 |' in texts[0]
    assert made.class_table() in texts[0]
    assert '- joy taken for fear: 50.0 % (1 of 2)' in texts[0] and 'x taken' not in texts[0]


@pytest.mark.parametrize(
    ('card', 'words', 'sentence'),
    [
        ('no marks', 'Valid={path}', 'The card lacks the marks'),
        (CARD, '{path}', 'expected NAME=REPORT_JSON'),
        (CARD, 'Valid={card}', 'is no report'),
        (CARD, 'Valid=lr=0.1/report.json', 'lr=0.1/report.json'),
        (CARD, 'Valid={path} Valid={path}', 'each with another name'),
    ],
)
def test_mistakes_are_sentences(card, words, sentence, report, tmp_path, capsys):
    target = tmp_path / 'card.md'
    target.write_text(card)
    with pytest.raises(SystemExit):
        run_tool(
            'analysis_tools/model_card.py',
            target,
            *words.format(path=report[0], card=target).split(),
        )
    assert sentence in capsys.readouterr().err
    assert target.read_text() == card
