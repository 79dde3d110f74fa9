"""Who is no visitor, told from the User-Agent by the patterns of ``crawler-user-agents``."""

from functools import lru_cache

from crawleruseragents import is_crawler  # type: ignore[import-untyped] # it has no types

LONGEST = 512  # what browsers send is half of it; a pattern need not read more


@lru_cache(maxsize=4096)  # 140 µs for each that is new
def is_bot(user_agent: str) -> bool:
    """Tell whether a User-Agent is a crawler's, a script's, or nothing at all."""
    return not user_agent.strip() or bool(is_crawler(user_agent[:LONGEST]))
