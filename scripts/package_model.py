"""Put what translates of a run into a package that brings it to others, as models/en-es does.

    python scripts/package_model.py RUN models/en-es

The weights are rounded to bfloat16, half the size; nothing of the machine goes along. The run's
scores are those of the rounded weights: `translator evaluate --run model:en-es`.
"""

import argparse
import shutil
from pathlib import Path

import torch

from translator.export.publishing import shared_files
from translator.runs import RunDirectory


def package(run: RunDirectory, folder: Path) -> Path:
    """Fill run/ beside the one module of a package with the files of a run."""
    run.check_model()
    [module] = folder.glob("*/__init__.py")
    packaged = RunDirectory(module.parent / "run")
    shutil.rmtree(packaged.path, ignore_errors=True)
    packaged.path.mkdir()
    for name, content in shared_files(run).items():
        file = packaged.path / name
        file.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    tokenizer = packaged.read_tokenizer()
    weights = run.read_model(tokenizer)
    packaged.write_model(
        {name: each.to(torch.bfloat16) for name, each in weights.items()}, tokenizer
    )
    return packaged.path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    folder = package(RunDirectory(options.run), options.folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
