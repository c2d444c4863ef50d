"""What are the embeddings of runs worth? Classes, clusters, and partners in another language.

    python scripts/measure_embeddings.py classes RUN... --corpus FILE --corpus FILE ...
        [--sentences 1000]
    python scripts/measure_embeddings.py partners RUN... --pairs FILE --others FILE

`classes` (needs scikit-learn): which file is a sentence from? A linear classifier on the vectors of
each run and on TF-IDF, and k-means on the vectors against the same labels. A file has a sentence a
line; of a table the first column counts.

`partners`: for each of the first 1,000 source sentences of PAIRS (source, tab, target) its partner
among their targets and 10,000 targets of OTHERS, and what `translator data mine` finds of them.
"""

import argparse
import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from translator.data import read_lines
from translator.embedding import Embedder, Scores, Vectors, cosines, normalized
from translator.errors import DataError, TranslatorError
from translator.mining import NEIGHBOURS, THRESHOLD, half_whitened, mine

_PAIRS, _OTHERS = 1000, 10_000


def classes(runs: list[Path], corpora: list[Path], count: int) -> Iterator[str]:
    """A line of figures for TF-IDF and for each run, from `count` sentences of each corpus."""
    texts = [text for file in corpora for text in sentences(file, count)]
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import adjusted_rand_score

    labels = np.repeat(np.arange(len(corpora)), count)
    order = np.random.default_rng(1).permutation(len(texts))
    tests = len(texts) // 5
    learned, tested = order[tests:], order[:tests]

    def accuracy(features: Any) -> float:
        model = LogisticRegression(max_iter=2000, C=10.0)
        model.fit(features[learned], labels[learned])
        return float(model.score(features[tested], labels[tested]))

    tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    tfidf.fit([texts[i] for i in learned])
    yield f"TF-IDF: accuracy {accuracy(tfidf.transform(texts)):.1%}"
    for run in runs:
        vectors = _less_mean(Embedder.from_run(run).embed(texts))
        clusters = KMeans(len(corpora), n_init=10, random_state=1).fit_predict(vectors)
        rand = adjusted_rand_score(labels, clusters)
        yield f"{run}: accuracy {accuracy(vectors):.1%}, adjusted Rand index of k-means {rand:.2f}"


def sentences(file: Path, count: int) -> list[str]:
    """Different sentences of a file, of four words at least, drawn at random.

    DataError where it has fewer than `count`.
    """
    texts = dict.fromkeys(line.split("\t")[0].strip() for line in read_lines(file))
    long_enough = [text for text in texts if len(text.split()) >= 4]
    if len(long_enough) < count:
        raise DataError(
            f"{file} has {len(long_enough):,} different sentences of four words at least, fewer "
            f"than --sentences {count:,}",
            "Ask for fewer, or name a larger file.",
        )
    return random.Random(1).sample(long_enough, count)


def partners(runs: list[Path], pairs: Path, others: Path) -> Iterator[str]:
    """A line of figures for each run."""
    both = [line.split("\t") for line in itertools.islice(read_lines(pairs), _PAIRS)]
    own = [target for _, target, *_ in both]
    rest = dict.fromkeys(line.split("\t")[1] for line in read_lines(others))
    targets = [*own, *itertools.islice((text for text in rest if text not in own), _OTHERS)]
    random.Random(1).shuffle(targets)
    for run in runs:
        embedder = Embedder.from_run(run)
        vectors = embedder.embed([source for source, *_ in both]), embedder.embed(targets)
        yield f"{run}: " + "; ".join(_figures(own, targets, embedder, *vectors))


def _figures(
    own: list[str], targets: list[str], embedder: Embedder, source: Vectors, target: Vectors
) -> Iterator[str]:
    read = embedder.as_read(source), embedder.as_read(target)
    whitened = half_whitened(*read)
    for name, scores in (
        ("cosine", cosines(source, target)),
        ("cosine less the mean of each side", cosines(_less_mean(source), _less_mean(target))),
        ("cosine as read by the decoder", cosines(*read)),
        ("product of half-whitened vectors", cosines(*whitened)),
        ("their margin", _margins(*whitened)),
    ):
        first = [targets[nearest] for nearest in scores.argmax(1)]
        right = np.mean([text == partner for text, partner in zip(first, own, strict=True)])
        yield f"right at rank 1 by {name} {right:.1%}"
    for threshold in (0.0, THRESHOLD, 1.2, 1.4, 1.7, 2.0):
        found = mine(*read, threshold=threshold)
        right = sum(targets[pair.target] == own[pair.source] for pair in found)
        precision, recall = right / max(1, len(found)), right / len(own)
        yield f"margin ≥ {threshold}: precision {precision:.1%}, recall {recall:.1%}"


def _less_mean(vectors: Vectors) -> Vectors:
    """Vectors [N, D] less their mean, of length 1 again."""
    return normalized(vectors - vectors.mean(0))


def _margins(source: Vectors, target: Vectors) -> Scores:
    """The ratio margin of each source [N, D] and each target [M, D], as `mine` has it: [N, M]."""
    scores = cosines(source, target)
    own = np.sort(scores, 1)[:, -NEIGHBOURS:].mean(1)
    others = np.sort(scores, 0)[-NEIGHBOURS:].mean(0)
    margins: Scores = scores * 2 / (own[:, None] + others)
    return margins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, files in (("classes", ("corpus",)), ("partners", ("pairs", "others"))):
        command = commands.add_parser(name)
        command.add_argument("runs", type=Path, nargs="+")
        for file in files:
            action = "append" if file == "corpus" else "store"
            command.add_argument(f"--{file}", type=Path, required=True, action=action)
        if name == "classes":
            command.add_argument("--sentences", type=int, default=1000, help="of each corpus")
    options = parser.parse_args()
    if options.command == "classes":
        lines = classes(options.runs, options.corpus, options.sentences)
    else:
        lines = partners(options.runs, options.pairs, options.others)
    try:
        for line in lines:
            print(line, flush=True)
    except TranslatorError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")


if __name__ == "__main__":
    main()
