"""A run as a package of Argos Translate, which LibreTranslate installs, too.

https://github.com/argosopentech/argos-translate: a zip archive named .argosmodel whose one folder
holds metadata.json, README.md, the SentencePiece model and a CTranslate2 model. A model that finds
the ends of sentences may lie in it; without one Argos fetches its own when it first translates.
"""

import json
import shutil
import zipfile
from pathlib import Path

from translator.errors import RunError
from translator.export.card import write_card
from translator.export.ctranslate2 import Quantization, export_ctranslate2
from translator.runs import RunDirectory
from translator.text.languages import name_of, standard

_ARGOS_VERSION = "1.5"  # the oldest that is known to read such a package
_PACKAGE_VERSION = "1.0"


def export_argos(run: RunDirectory, folder: Path, quantization: Quantization = "float32") -> Path:
    """Write a run as translate-SOURCE_TARGET-1_0.argosmodel in a new folder; the file's path.

    Of two tokenizers Argos gets that of the source language: it knows the pieces of the other one
    and how they are spelled, which is all that a translation asks of it.
    """
    data = run.read_config().data
    if data.directions:
        raise RunError(
            "a package of Argos Translate has one direction and no room for the tag of another: "
            f"{run.name} translates {', '.join(map(str, data.directions))}",
            "Export it to ctranslate2 or huggingface, or `translator serve` it.",
        )
    source, target = standard(data.source_language), standard(data.target_language)
    name = f"translate-{source}_{target}-{_PACKAGE_VERSION.replace('.', '_')}"
    package = folder / name
    package.mkdir(parents=True)
    export_ctranslate2(run, package / "model", quantization)
    for file in run.tokenizer_files:
        (package / "model" / file.name).unlink()
    shutil.copyfile(run.tokenizer_file, package / "sentencepiece.model")
    metadata = {
        "package_version": _PACKAGE_VERSION,
        "argos_version": _ARGOS_VERSION,
        "from_code": source,
        "from_name": name_of(source),
        "to_code": target,
        "to_name": name_of(target),
    }
    text = json.dumps(metadata, indent=2) + "\n"
    (package / "metadata.json").write_text(text, encoding="utf-8", newline="\n")
    write_card(run, package, "argos-translate", _USAGE.format(file=f"{name}.argosmodel"))
    file = folder / f"{name}.argosmodel"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(path for path in package.rglob("*") if path.is_file()):
            archive.write(each, each.relative_to(folder))
    shutil.rmtree(package)
    return file


_USAGE = """\
```
argospm install {file}
argos-translate --from-lang … --to-lang … "Hello."
```
"""
