import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rag_pipelines.chat.admission import Admission, Overloaded


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), 20)

    asyncio.run(bounded())


async def hold(admission: Admission, slots: int, until: asyncio.Event, log: list[int], n: int):
    async with admission.slot(slots):
        log.append(n)
        await until.wait()


def test_slots_are_filled_the_queue_waits_and_the_rest_is_sent_away():
    async def work() -> None:
        admission, end, log = Admission(queue=3), asyncio.Event(), list[int]()
        asked = [asyncio.create_task(hold(admission, 2, end, log, n)) for n in range(10)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (admission.busy, admission.waiting, log) == (2, 3, [0, 1])
        end.set()
        ended = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(one, Overloaded) for one in ended] == [False] * 5 + [True] * 5
        assert all(one.retry_after >= 1 for one in ended if isinstance(one, Overloaded))
        assert log == [0, 1, 2, 3, 4], "first come, first served"
        assert (admission.busy, admission.waiting) == (0, 0)

    run(work)


def test_a_wait_ends():
    async def work() -> None:
        admission, end = Admission(queue=1, wait_seconds=0.05), asyncio.Event()
        holding = asyncio.create_task(hold(admission, 1, end, [], 0))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="none came free"):
            await hold(admission, 1, end, [], 1)
        assert (admission.busy, admission.waiting) == (1, 0)
        end.set()
        await holding
        assert admission.busy == 0

    run(work)


@pytest.mark.parametrize("handed_over", [False, True], ids=["waiting", "handed a slot"])
def test_one_that_goes_away_gives_its_place_to_the_next(handed_over: bool):
    async def work() -> None:
        admission, first_end, end = Admission(queue=5), asyncio.Event(), asyncio.Event()
        log: list[int] = []
        first = asyncio.create_task(hold(admission, 1, first_end, log, 0))
        await asyncio.sleep(0)
        gone = asyncio.create_task(hold(admission, 1, end, log, 1))
        last = asyncio.create_task(hold(admission, 1, end, log, 2))
        await asyncio.sleep(0)
        if handed_over:
            first_end.set()
            await asyncio.sleep(0)  # the slot is gone's now, and gone has not run yet
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        first_end.set()
        end.set()
        await asyncio.gather(first, last)
        assert log == [0, 2]
        assert (admission.busy, admission.waiting) == (0, 0)

    run(work)


def test_more_slots_let_more_in():
    async def work() -> None:
        admission, end, log = Admission(queue=5), asyncio.Event(), list[int]()
        asked = [asyncio.create_task(hold(admission, 1, end, log, n)) for n in range(3)]
        await asyncio.sleep(0)
        asked.append(asyncio.create_task(hold(admission, 3, end, log, 3)))
        await asyncio.sleep(0)
        end.set()
        await asyncio.gather(*asked)
        assert sorted(log) == [0, 1, 2, 3]
        assert admission.busy == 0

    run(work)
