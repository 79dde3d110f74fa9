"""Durable work: jobs queued in a transaction and run after it, and sweeps that look for what has fallen due."""

from common.scheduling._job import Backoff, HandBack, Job, JobRun
from common.scheduling._queue import ParkedJob, enqueue_all, parked_jobs, requeue_parked
from common.scheduling._runner import JobRunner
from common.scheduling._sweeps import Sweep, SweepRunner
from common.scheduling.ddl import queue_ddl

__all__ = [
    "Backoff",
    "HandBack",
    "Job",
    "JobRun",
    "JobRunner",
    "ParkedJob",
    "Sweep",
    "SweepRunner",
    "enqueue_all",
    "parked_jobs",
    "queue_ddl",
    "requeue_parked",
]
