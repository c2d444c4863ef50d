"""The first sentence of each text of a run's test set, one a line: a summary that costs nothing.

python scripts/lead_sentences.py runs/summarise > lead.txt
translator compare lead.txt runs/summarise --metric rouge
"""

import argparse
import sys
from pathlib import Path

from translator.evaluation import sets_of_split
from translator.runs import RunDirectory
from translator.text.sentences import split_sentences


def lead_sentence(text: str) -> str:
    """The first sentence of a text, in one line."""
    sentence, _ = next(iter(split_sentences(" ".join(text.split()))), ("", ""))
    return sentence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run directory")
    parser.add_argument("--split", default="test", help="test, valid or test/NAME: one set")
    options = parser.parse_args()
    [test_set] = sets_of_split(RunDirectory.find(options.run), options.split)
    lines = "".join(f"{lead_sentence(source)}\n" for source in test_set.sources)
    sys.stdout.buffer.write(lines.encode())


if __name__ == "__main__":
    main()
