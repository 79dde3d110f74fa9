"""What can go wrong on the way to a service, beside what every service knows."""

from common.problems import Problem


class RequestTimeout(Problem):
    """The request's body did not arrive in the time that the route allows. Send it again on a better connection."""

    status, slug, title = 408, "request-timeout", "The request did not arrive in time"
