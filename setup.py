"""The packages, and ``data/`` as package data of `engine`; all else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["bot*", "engine*", "training*"]),
        "bot.local.page",
        "engine.data",
    ],
    package_dir={"engine.data": "data"},
)
