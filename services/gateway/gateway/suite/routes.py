"""How the suite is, and moving its time."""

from typing import Annotated

from fastapi import Depends, Request

from common.auth import Caller, requires
from common.http import Answer, Router, answer_of, problems, runtime_of
from gateway.dependencies import SettingsOf, resources_of
from gateway.suite.problems import ClockNotMovable
from gateway.suite.schemas import Advance, ClockView, SuiteState

router = Router(tags=["suite"])

CanMoveTime = Annotated[Caller, Depends(requires("orders:write"))]


@router.get("/v1/status")
async def get_status(request: Request) -> Answer[SuiteState]:
    """Show how every service is.

    The answer is 200 whatever the state: it is the report that was asked for.
    """
    state = await resources_of(request).board.read()
    return answer_of(state, status=200, headers={"Cache-Control": "no-store"})


@router.post("/v1/test-clock", responses=problems(ClockNotMovable))
async def move_test_clock(
    request: Request, body: Advance, caller: CanMoveTime, settings: SettingsOf
) -> Answer[ClockView]:
    """Move the business time of the whole suite forward.

    For demo and tests: it takes `TEST_CLOCK=1`. Every service has the new time before the answer is sent. It never goes
    back, and tokens do not age by it.
    """
    if not settings.test_clock:
        raise ClockNotMovable("Business time is real time: start every service with TEST_CLOCK=1 to move it.")
    offset = await resources_of(request).clock.advance(body.advance)
    return answer_of(ClockView(now=runtime_of(request).clock.now() + offset, offset=offset), status=200)
