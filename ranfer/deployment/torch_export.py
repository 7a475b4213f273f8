"""From a trained model to a program of ``torch.export``, or one that is compiled ahead of time."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from ranfer.deployment.export import (
    ExportableRAN,
    description,
    example_inputs,
    exportable,
    largest_difference,
)
from ranfer.deployment.runtime import KEY
from ranfer.engine.atomic import draft_of


def export_torch(
    model: nn.Module,
    path: str,
    metadata: Mapping | None = None,
    boxes: np.ndarray | None = None,
    size: tuple[int, int] = (112, 112),
    compiled: bool = False,
) -> float:
    """Write a model as a program that PyTorch runs without ranfer, and compare the two.

    Inputs and outputs are those of :class:`ExportableRAN`; batch size, number of regions (at least
    ``num_regions`` of the preprocessor), height and width are free. A program is loaded by
    ``torch.export.load`` (its metadata is the extra file ``ranfer.json``) after ``import
    torchvision``, whose operator cuts the regions; a compiled one, bound to this kind of machine,
    by ``torch._inductor.aoti_load_package`` or from C++.

    Args:
        model: Model as :class:`ExportableRAN` takes it; a copy of it in float32 is exported.
        path: File to write, ``.pt2``. If the export fails, a former file stays as it was.
        metadata: Plain values stored in the file. Defaults to none.
        boxes: Boxes ``(R, 4)`` to bake in, xyxy as fractions of width and height. Defaults to None.
        size: Height and width of the images of the comparison.
        compiled: Whether to compile the program ahead of time (AOTInductor), which needs a C++
            compiler. Defaults to False.

    Returns:
        float: Largest difference of a logit over images of this and another size, batch size and
        number of regions.

    Raises:
        ImportError: If PyTorch is older than 2.6.
        ValueError: If the path does not end in ``.pt2``, the backbone cannot be traced or
            fixes its sizes, or the program and the model differ by more than 1e-4.
    """
    inductor = _inductor()
    if not path.endswith('.pt2'):
        raise ValueError(f'path of a program must end in .pt2, got {path!r}.')
    module = exportable(model, boxes)
    program = _program(module, size)
    text = description(module, metadata)
    with draft_of(path) as draft:
        if compiled:
            _compile(inductor, program, draft, text)
            run = inductor.aoti_load_package(draft)
        else:
            torch.export.save(program, draft, extra_files={f'{KEY}.json': text})
            run = torch.export.load(draft).module()

        def logits(data: dict[str, Tensor]) -> Tensor:
            with torch.no_grad():
                return run(*data.values())[0]

        return largest_difference(module, logits, path, size)


def _compile(inductor, program: torch.export.ExportedProgram, path: str, text: str) -> None:
    options = {'aot_inductor.metadata': {KEY: text}}
    try:
        inductor.aoti_compile_and_package(program, package_path=path, inductor_configs=options)
    except RuntimeError as error:
        raise ValueError(
            f'The program cannot be compiled ({str(error).strip().splitlines()[0]}); install a '
            f'C++ compiler such as g++, or leave the compilation out.'
        ) from error


def _inductor() -> ModuleType:
    import torch._inductor
    import torch.export

    if not hasattr(torch._inductor, 'aoti_compile_and_package'):
        raise ImportError(
            f'Programs of torch.export need PyTorch 2.6 or newer, found {torch.__version__}; run: '
            f'pip install -U torch torchvision'
        )
    return torch._inductor


def _program(module: ExportableRAN, size: tuple[int, int]) -> torch.export.ExportedProgram:
    inputs = example_inputs(module, 2, 3, size)
    count, height, width = (torch.export.Dim(name, min=1) for name in 'NHW')
    regions = torch.export.Dim('R', min=module.num_regions or 1)
    free = dict(
        images={0: count, 2: height, 3: width},
        boxes={0: count, 1: regions},
        mask={0: count, 1: regions},
    )
    shapes = {name: free[name] for name in inputs}
    try:
        return torch.export.export(module, tuple(inputs.values()), dynamic_shapes=shapes)
    except RuntimeError as error:
        raise ValueError(
            f'torch.export cannot trace the model ({str(error).strip().splitlines()[0]}); export a '
            f'backbone of convolutions, or try tools/deployment/export_onnx.py.'
        ) from error
