"""What can be wrong with a question for figures."""

from common.problems import InvalidInput


class InvalidPeriod(InvalidInput):
    """The period ends before it begins, or is longer than 3,660 days."""

    slug, title = "invalid-period", "The period is not valid"
