"""Counters and latencies for Prometheus, on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from actfusion_stream.engine.stats import PERCENTILES, STAGES, Stats
from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.sink import Sink

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class StatsCollector:
    """Hands the numbers of a running stream to prometheus_client whenever somebody asks.

    Args:
        stats: of the stream.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        stats = self._stats
        counts = {
            "frames": stats.frames,
            "features": stats.features,
            "ticks": stats.ticks,
            "gaps": stats.gaps,
        }
        for name, count in counts.items():
            yield CounterMetricFamily(f"actfusion_{name}", f"{name} so far", value=count)
        drops = CounterMetricFamily("actfusion_drops", "what was left out to keep up", labels=["cause"])
        for cause, count in stats.drops.items():
            drops.add_metric([cause], count)
        yield drops
        yield GaugeMetricFamily("actfusion_seen_until_seconds", "time of the last frame", stats.seen_until)
        yield GaugeMetricFamily("actfusion_speed_ratio", "seconds of source a second", stats.speed)
        latency = GaugeMetricFamily(
            "actfusion_latency_seconds", "from capture, over recent ticks", labels=["stage", "quantile"]
        )
        for stage in STAGES:
            for percentile in PERCENTILES:
                value = stats.latency(percentile, stage) / 1000
                latency.add_metric([stage, f"{percentile / 100:g}"], value)
        yield latency


class Metrics(Sink):
    """Serves the numbers of the stream at http://127.0.0.1:port/metrics while it runs.

    Args:
        port: 0 takes a free one.
        on_start: called with the port once it is served.
    """

    def __init__(self, port: int, on_start: Callable[[int], None] = lambda port: None) -> None:
        self._port, self._on_start = port, on_start
        self._stop: Callable[[], None] = lambda: None

    def start(self, info: StreamInfo) -> None:
        """Begin to serve.

        Raises:
            StreamError: prometheus_client is not installed, or the port is taken.
        """
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError as error:
            raise StreamError("--metrics: needs prometheus_client; pip install '.[metrics]'") from error
        registry = CollectorRegistry()
        registry.register(StatsCollector(info.stats))
        try:
            server, thread = start_http_server(self._port, addr="127.0.0.1", registry=registry)
        except OSError as error:
            raise StreamError(
                f"--metrics {self._port}: cannot listen there ({error.strerror}); give another port"
            ) from error

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._stop = stop
        self._on_start(server.server_port)

    def close(self) -> None:
        stop, self._stop = self._stop, lambda: None
        stop()
