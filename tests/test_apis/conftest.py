import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import tiny


@pytest.fixture(scope='session')
def inferencer():
    return tiny.inferencer()
