"""What is counted, in the names and units of Prometheus. Nothing of a text is among it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from translator.version import __version__

_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        build = Info("translator_build", "Which translator serves.", registry=self._registry)
        build.info({"version": __version__})
        self.model = Info(
            "translator_model",
            "Which run translates from one language into another.",
            ["run", "source", "target"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "translator_request_seconds",
            "Time from a request's head to the end of its answer.",
            ["path", "status"],
            registry=self._registry,
        )
        self.characters = Counter(
            "translator_source_characters", "Characters translated.", registry=self._registry
        )
        self.batch_texts = Histogram(
            "translator_batch_texts",
            "Texts translated together.",
            buckets=_BATCHES,
            registry=self._registry,
        )
        self.waiting = Gauge(
            "translator_waiting_requests", "Requests in the queue.", registry=self._registry
        )
        self.wait_seconds = Gauge(
            "translator_wait_seconds",
            "Estimated time until all that was accepted is translated.",
            registry=self._registry,
        )
        self.refused = Counter(
            "translator_refused_requests",
            "Requests for a translation that were not accepted, with status 503.",
            registry=self._registry,
        )
        self.cancelled = Counter(
            "translator_cancelled_requests",
            "Accepted requests whose client left or whose time was over.",
            registry=self._registry,
        )

    def text(self) -> bytes:
        """All figures as /metrics gives them."""
        return generate_latest(self._registry)
