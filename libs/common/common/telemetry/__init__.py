"""Logs and metrics; ids come from ``common.context``."""

from common.telemetry import _metrics as metrics
from common.telemetry._logs import configure_logs, logger
from common.telemetry._metrics import COMMON_METRICS, Metric, Metrics

__all__ = ["COMMON_METRICS", "Metric", "Metrics", "configure_logs", "logger", "metrics"]
