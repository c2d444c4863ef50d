"""The server under load: latency, throughput against offline decoding, memory, and no lost answer.

    python scripts/bench_serve.py [--run RUN] [--sources FILE] [--clients 64] [--seconds 60]
        [--requests 10000] [--json FILE]

The server is a process of its own, the clients are threads of another; all share this machine.
Each client sends one request after the other over one connection, with a list of 1 to 3 lines of
the sources (by default those of the run's validation set), and compares each answer with the
translations that `Translator.translate` gave before. Throughput is in sentences of the sources;
offline, all of them are translated in one call. Memory is the server's resident set.
"""

import argparse
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit


class Load:
    """Clients that ask until they are told to stop, and what they met."""

    def __init__(
        self, address: str, requests: Sequence[tuple[Sequence[str], Sequence[str]]]
    ) -> None:
        self._place = urlsplit(address).netloc
        self._requests = requests
        self._stop = threading.Event()
        self.seconds: list[float] = []
        self.sentences = 0
        self.errors: list[str] = []
        self.wrong = 0

    def run(self, clients: int, seconds: float | None = None, requests: int = 0) -> float:
        """Ask for so many seconds, or so many times; the seconds that it took."""
        share = requests // clients if requests else None
        threads = [
            threading.Thread(target=self._client, args=(seed, share)) for seed in range(clients)
        ]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        if seconds:
            time.sleep(seconds)
            self._stop.set()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started

    def _client(self, seed: int, requests: int | None) -> None:
        draw = random.Random(seed)
        connection = http.client.HTTPConnection(self._place, timeout=120)
        done = 0
        while not self._stop.is_set() and (requests is None or done < requests):
            texts, expected = draw.choice(self._requests)
            body = json.dumps({"q": texts, "source": self.source, "target": self.target})
            started = time.perf_counter()
            try:
                connection.request(
                    "POST", "/translate", body.encode(), {"Content-Type": "application/json"}
                )
                response = connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.errors.append(repr(error))
                connection.close()
                continue
            self.seconds.append(time.perf_counter() - started)
            done += 1
            if response.status != 200:
                self.errors.append(f"{response.status} {answer}")
            elif answer["translatedText"] != expected:
                self.wrong += 1
            else:
                self.sentences += len(texts)

    source = target = ""


def offline(run: Path, texts: Sequence[str]) -> tuple[list[str], float]:
    """The translations, and the seconds that they take once the model is warm."""
    from translator import Translator

    translator = Translator.from_run(run)
    Load.source = translator.config.data.source_language
    Load.target = translator.config.data.target_language
    translator.translate(texts[:50])
    started = time.perf_counter()
    found = [each.text for each in translator.translate(texts)]
    return found, time.perf_counter() - started


def mixed_requests(
    sources: Sequence[str], found: Sequence[str]
) -> list[tuple[Sequence[str], Sequence[str]]]:
    """Lists of 1 to 3 texts, and what they must become."""
    draw = random.Random(1)
    requests, start = [], 0
    while start < len(sources):
        chosen = slice(start, start + draw.randint(1, 3))
        requests.append((sources[chosen], found[chosen]))
        start = chosen.stop
    return requests


def memory_mb(process: int) -> float:
    """The resident set of a process; 0 where there is no /proc."""
    status = Path(f"/proc/{process}/status")
    text = status.read_text(encoding="utf-8") if status.is_file() else ""
    match = re.search(r"VmRSS:\s+(\d+)", text)
    return int(match[1]) / 1024 if match else 0.0


def start_server(run: Path) -> tuple["subprocess.Popen[str]", str]:
    command = [sys.executable, "-m", "translator", "serve", "--run", str(run), "--port", "0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, encoding="utf-8"
    )
    assert process.stderr
    address = process.stderr.readline().strip()
    threading.Thread(target=process.stderr.read, daemon=True).start()  # its log must not fill up
    return process, address


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def measure(options: argparse.Namespace) -> dict[str, object]:
    from translator.evaluation.sets import read_sentences, sets_of_split
    from translator.runs import RunDirectory

    run = RunDirectory.find(options.run)
    if options.sources:
        lines = read_sentences(options.sources)
    else:
        [valid, *_] = sets_of_split(run, "valid")
        lines = valid.sources
    sources = [line for line in lines if line.strip()][: options.sentences]
    found, seconds = offline(run.path, sources)
    requests = mixed_requests(sources, found)
    process, address = start_server(run.path)
    try:
        Load(address, requests).run(options.clients, 3)  # warm
        load = Load(address, requests)
        taken = load.run(options.clients, options.seconds)
        memory = [memory_mb(process.pid)]
        more = []
        for _ in range(4):
            more.append(Load(address, requests))
            more[-1].run(options.clients, requests=options.requests // 4)
            memory.append(memory_mb(process.pid))
    finally:
        process.terminate()
        process.wait()
    offline_speed = len(sources) / seconds
    return {
        "clients": options.clients,
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
        "requests": len(load.seconds),
        "errors": [error for each in (load, *more) for error in each.errors],
        "wrong": sum(each.wrong for each in (load, *more)),
        "p50_ms": 1000 * percentile(load.seconds, 50),
        "p95_ms": 1000 * percentile(load.seconds, 95),
        "p99_ms": 1000 * percentile(load.seconds, 99),
        "requests_per_second": len(load.seconds) / taken,
        "sentences_per_second": load.sentences / taken,
        "offline_sentences_per_second": offline_speed,
        "share_of_offline": load.sentences / taken / offline_speed,
        "memory_mb_over_requests": memory,
        "requests_for_memory": sum(len(each.seconds) for each in more),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    measured = measure(options)
    for name, value in measured.items():
        print(f"{name:32}{value:,.2f}" if isinstance(value, float) else f"{name:32}{value}")
    if options.json:
        text = json.dumps(measured, indent=1) + "\n"
        options.json.write_text(text, encoding="utf-8", newline="\n")
    sys.exit(1 if measured["errors"] or measured["wrong"] else 0)


if __name__ == "__main__":
    main()
