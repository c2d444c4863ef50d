"""The server under load: latency, throughput against offline decoding, memory, and no lost answer.

    python scripts/bench_serve.py [--run RUN] [--sources FILE] [--sentences 2000] [--clients 64]
        [--seconds 60] [--requests 10000] [--json FILE]
    python scripts/bench_serve.py --overload [--run RUN] [--sources FILE] [--seconds 60]
        [--requests 20000] [--request-seconds 10] [--characters 1000] [--json FILE]

The server is a process of its own, the clients are threads of another; all share this machine.
Each client sends one request after the other over one connection, with a list of 1 to 3 lines of
the sources (by default those of the run's validation set), and compares each answer with the
translations that `Translator.translate` gave before. Throughput is in sentences of the sources;
offline, all of them are translated in one call. Memory is the server's resident set.

With --overload, more is asked of the server than it can do: texts of about --characters, each over
a connection of its own. First 1 to 32 clients that stay find the knee, the most requests a second
that are answered; then of 16, 64 and 200 clients every fifth closes its connection after 0.5 to 2
seconds and asks again. Who is refused comes back when Retry-After says. At last 64 such clients ask
--requests times for one line. A row of the table is printed after each.
"""

import argparse
import asyncio
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
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
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
        """Ask for `seconds`, or `requests` times; the seconds that it took."""
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


def start_server(run: Path, *options: str) -> tuple["subprocess.Popen[str]", str]:
    command = [
        sys.executable,
        "-m",
        "translator",
        "serve",
        "--quiet",
        "--run",
        str(run),
        "--port",
        "0",
    ]
    command += options
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, encoding="utf-8"
    )
    assert process.stderr
    address = process.stderr.readline().strip()
    threading.Thread(target=process.stderr.read, daemon=True).start()  # its log must not fill up
    return process, address


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def read_sources(options: argparse.Namespace) -> tuple[Path, list[str]]:
    """The run and the sentences to translate with it."""
    from translator.evaluation.sets import read_sentences, sets_of_split
    from translator.runs import RunDirectory

    run = RunDirectory.find(options.run)
    if options.sources:
        lines = read_sentences(options.sources)
    else:
        [valid, *_] = sets_of_split(run, "valid")
        lines = valid.sources
    return run.path, [line for line in lines if line.strip()][: options.sentences]


def measure(options: argparse.Namespace) -> dict[str, object]:
    run, sources = read_sources(options)
    found, seconds = offline(run, sources)
    requests = mixed_requests(sources, found)
    process, address = start_server(run)
    try:
        Load(address, requests).run(options.clients, min(3, options.seconds))  # warm
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


# --- overload -------------------------------------------------------------------------------------


@dataclass
class Crowd:
    """Clients of an overloaded server, and what they met."""

    place: tuple[str, int]
    texts: Sequence[tuple[str, str]]  # a text, and what it must become
    clients: int
    leaving: int = 0  # every fifth, say, does not wait for its answers; 0: all wait
    left: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)  # of what was answered
    taken: float = 0.0

    def run(self, process: int, seconds: float, requests: int = sys.maxsize) -> list[float]:
        """Ask for `seconds`, or `requests` times; the memory at start, half-way and end."""
        return asyncio.run(self._run(process, seconds, requests))

    async def _run(self, process: int, seconds: float, requests: int) -> list[float]:
        self._asked, self._most = 0, requests
        memory = [memory_mb(process)]
        started = time.perf_counter()
        tasks = [asyncio.create_task(self._client(number)) for number in range(self.clients)]
        while (now := time.perf_counter() - started) < seconds and not all(t.done() for t in tasks):
            if len(memory) == 1 and (now > seconds / 2 or self._asked > requests / 2):
                memory.append(memory_mb(process))
            await asyncio.sleep(0.05)
        self.taken = now
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [*memory, memory_mb(process)]

    async def _client(self, number: int) -> None:
        draw = random.Random(number)
        leaves = bool(self.leaving) and number % self.leaving == 0
        while self._asked < self._most:
            self._asked += 1
            text, expected = draw.choice(self.texts)
            started = time.perf_counter()
            try:
                async with asyncio.timeout(draw.uniform(0.5, 2.0) if leaves else 120):
                    status, answer, retry_seconds = await self._ask(text)
            except TimeoutError:
                self.left += 1
                continue
            if status == "200":
                status = "200" if answer["translatedText"] == expected else "wrong"
                self.latencies.append(time.perf_counter() - started)
            elif answer.get("error") == "the translation took too long":
                status = "late"
            self.statuses[status] += 1
            await asyncio.sleep(retry_seconds * draw.uniform(1.0, 1.5))

    async def _ask(self, text: str) -> tuple[str, dict[str, str], int]:
        """Status, answer and Retry-After; who is cancelled closes the connection."""
        body = json.dumps({"q": text, "source": Load.source, "target": Load.target}).encode()
        head = "POST /translate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        reader, writer = await asyncio.open_connection(*self.place)
        try:
            writer.write(head.encode() + body)
            head, _, answer = (await reader.read()).decode().partition("\r\n\r\n")
        finally:
            writer.close()
        retry = re.search(r"(?i)^retry-after: (\d+)", head, re.MULTILINE)
        return head.split()[1], json.loads(answer), int(retry[1]) if retry else 0


@dataclass
class Row:
    """A line of the table."""

    clients: int
    leaving: str
    seconds: float
    offered: int
    answered: int
    per_second: float
    share_of_knee: float | None  # None where the knee is looked for
    p50: float
    p99: float
    late: int  # accepted, and not answered within the limit
    refused: int  # with 503
    left: int
    wrong: int
    other: int
    rss_mb: list[float]

    def print(self) -> None:
        share = "" if self.share_of_knee is None else f"{self.share_of_knee:.0%}"
        print(
            f"| {self.clients} | {self.leaving} | {self.seconds:.0f} | {self.offered} "
            f"| {self.answered} | {self.per_second:.2f} | {share} "
            f"| {self.p50:.2f}, {self.p99:.2f} | {self.late} | {self.refused} | {self.left} "
            f"| {self.wrong}, {self.other} | {' → '.join(f'{mb:,.0f}' for mb in self.rss_mb)} |",
            flush=True,
        )


TABLE_HEAD = (
    "| clients | leaving | seconds | offered | answered | a second | of the knee "
    "| p50, p99 in s | late | 503 | left | wrong, other | memory in MB |\n" + 13 * "|---" + "|"
)


def row_of(crowd: Crowd, memory: list[float], knee: float) -> Row:
    seen = crowd.statuses
    speed = seen["200"] / crowd.taken
    latencies = crowd.latencies * 2 if len(crowd.latencies) == 1 else crowd.latencies or [0.0, 0.0]
    return Row(
        clients=crowd.clients,
        leaving=f"1 of {crowd.leaving}" if crowd.leaving else "none",
        seconds=crowd.taken,
        offered=sum(seen.values()) + crowd.left,
        answered=seen["200"],
        per_second=speed,
        share_of_knee=speed / knee if knee else None,
        p50=percentile(latencies, 50),
        p99=percentile(latencies, 99),
        late=seen["late"],
        refused=seen["503"],
        left=crowd.left,
        wrong=seen["wrong"],
        other=sum(seen.values()) - sum(seen[name] for name in ("200", "late", "503", "wrong")),
        rss_mb=memory,
    )


def long_texts(sources: Sequence[str], characters: int) -> Iterator[str]:
    """Lines of the sources, joined to texts of about `characters` characters."""
    text = ""
    for line in sources:
        text = f"{text}\n{line}" if text else line
        if len(text) >= characters:
            yield text
            text = ""


def overload(options: argparse.Namespace) -> None:
    run, sources = read_sources(options)
    texts = list(long_texts(sources, options.characters))[:100]
    lines = sources[:200]
    found, _ = offline(run, texts + lines)
    long = list(zip(texts, found, strict=False))
    short = list(zip(lines, found[len(texts) :], strict=True))
    process, address = start_server(run, "--request-seconds", str(options.request_seconds))
    place = urlsplit(address).hostname or "", urlsplit(address).port or 0
    rows: list[Row] = []

    def measured(crowd: Crowd, seconds: float, requests: int = sys.maxsize, knee: float = 0) -> Row:
        rows.append(row_of(crowd, crowd.run(process.pid, seconds, requests), knee))
        rows[-1].print()
        return rows[-1]

    print(f"texts of {statistics.mean(map(len, texts)):.0f} characters", TABLE_HEAD, sep="\n\n")
    try:
        Crowd(place, long, clients=8).run(process.pid, 5)  # warm
        sweep = [measured(Crowd(place, long, n), options.seconds) for n in (1, 2, 4, 8, 16, 32)]
        knee = max(row.per_second for row in sweep)
        for clients in (16, 64, 200):
            measured(Crowd(place, long, clients, leaving=5), options.seconds, knee=knee)
        most = 1 + options.requests / 5  # seconds
        measured(Crowd(place, short, clients=64, leaving=5), most, options.requests)
    finally:
        process.terminate()
        process.wait()
    write_json(options.json, [asdict(row) for row in rows])


def write_json(path: Path | None, measured: object) -> None:
    if path:
        text = json.dumps(measured, indent=1) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--overload", action="store_true")
    parser.add_argument("--request-seconds", type=float, default=10)
    parser.add_argument("--characters", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.requests = options.requests or (20_000 if options.overload else 10_000)
    if options.overload:
        overload(options)
        return
    measured = measure(options)
    for name, value in measured.items():
        print(f"{name:32}{value:,.2f}" if isinstance(value, float) else f"{name:32}{value}")
    write_json(options.json, measured)
    sys.exit(1 if measured["errors"] or measured["wrong"] else 0)


if __name__ == "__main__":
    main()
