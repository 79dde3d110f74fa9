"""What tests of every package stand on: real PostgreSQL and Kafka once a run, a database a module, a client in process.

Production code may not import it. The fixtures are in ``plugin``, which pytest loads by itself.
"""

from common.testing._api import Api
from common.testing._clock import TestClock
from common.testing._keys import Keyring
from common.testing._platform import Platform
from common.testing._probe import EventProbe
from common.testing._statements import StatementCount

__all__ = ["Api", "EventProbe", "Keyring", "Platform", "StatementCount", "TestClock"]
