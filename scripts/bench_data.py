"""How fast pairs are read, cleaned and tokenised: pairs/s, and what of it is the tokenizer.

    python scripts/bench_data.py FILE.tsv[.xz]… [--pairs 1000000] [--languages en es]
        [--tokenizer FILE.model] [--json FILE]

The pairs are those of the files, repeated with variation until there are enough: each copy ends in
another number, so that no pair is a duplicate. Every stage is measured alone, then cleaning and
tokenising together as training would run them: one thread cleans while another tokenises, since
SentencePiece works without Python's lock.
"""

import argparse
import itertools
import json
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from translator.config import CleaningConfig, CorpusConfig, TokenizerConfig
from translator.data import Cleaner, Counts, SentencePair, read_pairs
from translator.tokenizer import Tokenizer

CHUNK = 4096


def varied(files: list[str], languages: list[str]) -> Iterator[SentencePair]:
    """The pairs of the files over and over; copy n of a pair ends in n on both sides."""
    for copy in itertools.count(1):
        for file in files:
            for source, target in read_pairs(CorpusConfig(path=file), *languages):
                yield SentencePair(f"{source} {copy}", f"{target} {copy}")


def write_corpus(files: list[str], languages: list[str], wanted: int, path: Path) -> int:
    """Write the pairs of the benchmark to a TSV file; their characters."""
    characters = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for source, target in itertools.islice(varied(files, languages), wanted):
            characters += len(source) + len(target)
            file.write(f"{source}\t{target}\n")
    return characters


def chunks(pairs: Iterable[SentencePair]) -> Iterator[list[SentencePair]]:
    iterator = iter(pairs)
    while chunk := list(itertools.islice(iterator, CHUNK)):
        yield chunk


def encode(tokenizer: Tokenizer, chunk: list[SentencePair]) -> int:
    """Tokens of a chunk."""
    ids = [tokenizer.encode([pair[side] for pair in chunk]) for side in (0, 1)]
    return sum(len(text) for side in ids for text in side)


def together(pairs: Iterable[SentencePair], cleaner: Cleaner, tokenizer: Tokenizer) -> int:
    """Clean in this thread and tokenise in another, at most four chunks ahead; the tokens."""
    tokens = 0
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[int]] = []
        for chunk in chunks(cleaner.clean(pairs, Counts())):
            waiting.append(pool.submit(encode, tokenizer, chunk))
            if len(waiting) == 4:
                tokens += waiting.pop(0).result()
        return tokens + sum(future.result() for future in waiting)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--languages", nargs=2, default=["en", "es"])
    parser.add_argument("--tokenizer", type=Path, help="otherwise one of 8,000 pieces is trained")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        result = measure(options, Path(directory))
    for key, value in result.items():
        print(f"{key:34} {value:>12,}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(options: argparse.Namespace, directory: Path) -> dict[str, float]:
    path = directory / f"bench.{'-'.join(options.languages)}.tsv"
    characters = write_corpus(options.files, options.languages, options.pairs, path)
    corpus = CorpusConfig(path=str(path))

    def read() -> Iterator[SentencePair]:
        return read_pairs(corpus, *options.languages)

    if options.tokenizer:
        tokenizer = Tokenizer.load(options.tokenizer)
    else:
        sample = itertools.chain.from_iterable(itertools.islice(read(), 50_000))
        tokenizer = Tokenizer.train(sample, TokenizerConfig(vocabulary_size=8000))
    cleaner = Cleaner(CleaningConfig(), *options.languages)
    for _ in cleaner.clean([SentencePair("warm", "up")], Counts()):
        pass
    counts = Counts()

    seconds = {"read": 0.0, "clean": 0.0, "tokenise": 0.0}
    started = time.perf_counter()
    total = sum(1 for _ in read())
    seconds["read"] = time.perf_counter() - started
    started = time.perf_counter()
    for _ in cleaner.clean(read(), counts):
        pass
    seconds["clean"] = time.perf_counter() - started - seconds["read"]
    started = time.perf_counter()
    tokens = sum(encode(tokenizer, chunk) for chunk in chunks(read()))
    seconds["tokenise"] = time.perf_counter() - started - seconds["read"]
    started = time.perf_counter()
    together(read(), cleaner, tokenizer)
    whole = time.perf_counter() - started
    return {
        "pairs": total,
        "characters_per_pair": round(characters / total, 1),
        "tokens_per_pair": round(tokens / total, 1),
        "kept": counts.kept,
        **{f"{stage}_pairs_per_second": round(total / spent) for stage, spent in seconds.items()},
        "all_on_2_cores_pairs_per_second": round(total / whole),
        "tokenizer_share_of_work": round(seconds["tokenise"] / sum(seconds.values()), 3),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()
