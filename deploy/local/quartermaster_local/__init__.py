"""The platform under the suite on one machine: real PostgreSQL, real Kafka, a mailbox, and what runs them all."""

from quartermaster_local.kafka import Kafka
from quartermaster_local.postgres import Postgres
from quartermaster_local.problems import LocalProblem

__all__ = ["Kafka", "LocalProblem", "Postgres"]
