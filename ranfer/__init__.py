"""Region Attention Networks for facial expression recognition on MMEngine and MMPretrain.

Importing this package makes every component available to OpenMMLab configs under the prefix
``ranfer.``; the modules behind them load on first use.
"""

from ranfer.utils.dependencies import check_mmcv, hide_lite_warning
from ranfer.version import __version__

check_mmcv()
hide_lite_warning()

from ranfer import registry  # noqa: E402
from ranfer.engine.checkpoint import use_safe_loading  # noqa: E402

use_safe_loading()

__all__ = ['__version__', 'registry']
