"""Names of devices."""

import pytest
import torch

from ranfer.apis.device import find_device


def test_a_device_without_autocast_is_not_taken(monkeypatch):
    """MPS of older releases of PyTorch, where turning autocast off raises an error."""
    known = torch.autocast

    def autocast(device_type, *args, **keys):
        if device_type == 'mps':
            raise RuntimeError("User specified an unsupported autocast device_type 'mps'")
        return known(device_type, *args, **keys)

    empty = torch.empty
    monkeypatch.setattr(torch, 'autocast', autocast)
    monkeypatch.setattr(torch, 'empty', lambda size, device: empty(size))
    monkeypatch.setattr('ranfer.apis.device.get_device', lambda: 'mps')
    assert find_device('auto') == torch.device('cpu')
    with pytest.raises(ValueError, match='Device .mps. is not available .User specified'):
        find_device('mps')
