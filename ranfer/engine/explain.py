"""What an error means for a user, as a sentence."""

from __future__ import annotations

import builtins
import difflib
import errno
import inspect
import re
from collections.abc import Iterator
from traceback import walk_tb
from types import FrameType

from mmengine import registry as root

from ranfer import registry as own

USER_ERRORS = (ValueError, TypeError, KeyError, FloatingPointError, ImportError, OSError)
"""Kinds of errors that a user can mend."""

_WHERE_TO_WRITE = {
    errno.ENOSPC: 'free space there',
    errno.EDQUOT: 'free space there',
    errno.EROFS: 'choose a folder that can be written, as with --work-dir',
    errno.EACCES: 'allow access or choose another path',
    errno.EEXIST: 'this is a file, choose another name for the folder',
    errno.ENOTDIR: 'a part of this path is a file, choose another one',
}

_LACKING = re.compile(r"'ConfigDict' object has no attribute '(\w+)'")
_WORKER = re.compile(r'Caught (\w+) in [^\n]+\.\nOriginal Traceback')
_STAGE = re.compile(r"'(\w+)' object has no attribute 'layer\d+'")
_CLEAR = re.compile(r'^Unknown model \(.+\)$|Please set `pad_small_map=True`')
"""What timm and MMPretrain say of a mistake in a config by errors of another kind."""
_SETS = re.compile(r'Expected 3D .* or 4D .* input to conv2d, but .*: (\[\d+(?:, \d+){4}\])')
"""What PyTorch says of crops in sets."""


def explain(error: BaseException) -> str:
    """Return what went wrong as a sentence; for a mistyped name, with the nearest known one."""
    whole = isinstance(error, UnicodeError) or not error.args  # its first argument is the codec
    text = ' '.join(_without_worker(str(error if whole else error.args[0])).split())
    sets = _SETS.search(text)
    if sets:
        return (
            f'The backbone got the crops of a face as a set {sets[1]}; set '
            f'data_preprocessor.with_mask=False, or take ranfer.RANClassifier.'
        )
    unknown = re.search(r'(\S+) is not in the (?:\S+::)?(.+?) registry', text)
    if unknown:
        return _unknown_type(unknown[1], unknown[2])
    argument = re.search(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", text)
    if argument:
        return _unknown_key(error, argument[1], argument[2])
    missing = re.search(r'(\w+)\.__init__\(\) missing .*?: (.+)', text)
    if missing:
        return f'The config of {missing[1]} lacks the key {missing[2]}; add it.'
    if isinstance(error, OSError) and error.strerror:
        sentence = f'{error.strerror}: {error.filename}' if error.filename else error.strerror
        where = _WHERE_TO_WRITE.get(error.errno or 0)
        return f'{sentence}; {where}.' if where else f'{sentence}.'
    codec = re.match(r"'\S+' codec can't (en|de)code", text)
    if codec:
        advice = dict(de='save the file as UTF-8', en='rename the file or class that has it')
        return f'{text}; {advice[codec[1]]}.'
    compared = re.search(r"'[<>]=?' not supported between instances of '(\w+)' and '(\w+)'", text)
    if compared:
        return _no_number(error, compared.groups()) or text
    lacking = _LACKING.match(text)
    if lacking or (isinstance(error, KeyError) and ' ' not in text):
        key = lacking[1] if lacking else text
        return f'The config lacks the key {key!r}, or it is mistyped.'
    return _unnamed_key(error) or text


def can_be_mended(error: BaseException) -> bool:
    """Whether an error is one of the user, not of ranfer.

    An error of a data worker that PyTorch cannot make anew comes as a ``RuntimeError``.
    """
    if isinstance(error, AttributeError):
        return _LACKING.match(str(error)) is not None or _unnamed_key(error) is not None
    of_config = _CLEAR.search(str(error)) or _SETS.search(str(error))
    if isinstance(error, (AssertionError, RuntimeError)) and of_config:
        return True
    worker = _WORKER.match(str(error))
    kind = getattr(builtins, worker[1], None) if worker else None
    return isinstance(error, USER_ERRORS) or (kind is not None and issubclass(kind, USER_ERRORS))


def _without_worker(text: str) -> str:
    """What an error of a data worker said before PyTorch put its traceback around it."""
    worker = _WORKER.match(text)
    if not worker:
        return text
    text = re.split(rf'\n(?:[\w.]+\.)?{worker[1]}: ', text)[-1]
    return text.strip().strip('\'"') if worker[1] == 'KeyError' else text


def _unknown_type(name: str, registry_name: str) -> str:
    names = {
        known.split('.')[-1]: prefix + known
        for registry, prefix in _registries(registry_name)
        for known in registry.module_dict
    }
    sentence = f'The config names type={name!r}, which no {registry_name} component is called'
    near = difflib.get_close_matches(name.split('.')[-1], names, n=1, cutoff=0.5)
    if near:
        return f'{sentence}; did you mean {names[near[0]]!r}?'
    return f'{sentence}; correct the name.'


def _registries(name: str) -> Iterator[tuple]:
    """All registries of one kind, with the prefix under which configs reach them."""
    for module in (own, root):
        for value in vars(module).values():
            if isinstance(value, root.Registry) and value.name == name:
                prefix = 'ranfer.' if module is own else ''
                yield value, prefix
                for child in value.children.values():
                    yield child, f'{child.scope}.' if child.scope == 'ranfer' else ''


def _unknown_key(error: BaseException, owner: str, key: str) -> str:
    cls = _class_built(error, owner)
    name, known = (cls.__name__, _parameters(cls)) if cls else (owner, [])
    sentence = f'The config of {name} has the key {key!r}, which {name} does not know'
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if near:
        return f'{sentence}; did you mean {near[0]!r}?'
    return f'{sentence}; its keys are {", ".join(known)}.' if known else f'{sentence}.'


def _no_number(error: BaseException, kinds: tuple[str, ...]) -> str | None:
    """Name the key of the object being built whose value could not be compared with a number."""
    frame = next(_frames(error), None)
    if frame is None or frame.f_code.co_name != '__init__':
        return None
    owner, code = frame.f_locals.get('self'), frame.f_code
    if owner is None:
        return None
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    for name in names:
        value = frame.f_locals.get(name)
        if isinstance(value, (str, type(None))) and type(value).__name__ in kinds:
            return f'The key {name!r} of {type(owner).__name__} must be a number, got {value!r}.'
    return None


def _unnamed_key(error: BaseException) -> str | None:
    """Name the key behind an error that does not, by the function that raised it."""
    text = str(error)
    for frame in _frames(error):
        function, values = frame.f_code.co_name, frame.f_locals
        frozen = getattr(values.get('self'), 'frozen_stages', None)
        if function == '_freeze_stages' and _STAGE.match(text) and frozen is not None:
            name = type(values['self']).__name__
            return (
                f"The key 'frozen_stages' of {name} is {frozen}, more than the stages that it has; "
                f'lower it.'
            )
        if text == 'None is not a callable object' and 'optimizer_cfg' in values:
            return _unknown_type(values['optimizer_cfg']['type'], 'optimizer')
    return None


def _frames(error: BaseException) -> Iterator[FrameType]:
    """The frames that an error passed, first the one that raised it."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return reversed(frames)


def _class_built(error: BaseException, owner: str) -> type | None:
    """The class that was being built: the config's, a child of the owner, or the owner itself."""
    frames = list(_frames(error))
    for frame in frames:
        cls = frame.f_locals.get('obj_cls')  # of a registry
        if inspect.isclass(cls) and owner in (parent.__name__ for parent in cls.__mro__):
            return cls
    cls = frames[0].f_globals.get(owner) if frames else None
    return cls if inspect.isclass(cls) else None


def _parameters(cls: type) -> list[str]:
    """Parameters of a class, and of its parents as far as it hands keys on to them."""
    names: list[str] = []
    for parent in cls.__mro__:
        if '__init__' in vars(parent):
            parameters = inspect.signature(vars(parent)['__init__']).parameters.values()
            kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            names += [one.name for one in parameters if one.kind in kinds]
            if all(one.kind is not inspect.Parameter.VAR_KEYWORD for one in parameters):
                break
    return [name for name in dict.fromkeys(names) if name != 'self']
