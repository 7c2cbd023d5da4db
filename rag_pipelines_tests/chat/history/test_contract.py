"""What every store of conversations promises, held against each of them."""

import asyncio
from dataclasses import replace

import pytest

from rag_pipelines.chat.history.protocol import ChatHistory, UnknownAnswer, UnknownSession
from rag_pipelines_tests.chat.history.conftest import Opener
from rag_pipelines_tests.chat.history.talk import answer_to, exchange, opinion, question

pytestmark = pytest.mark.anyio
SECONDS = 1 / 86_400
STRANGE = ['{"$gt": ""}', "$where", "../../etc", "a' OR '1'='1", "%", "", "s1\0", "ann.*", "🦊"]


async def test_turns_come_back_as_they_were_stored(opened: Opener):
    asked, told = await exchange(opened(), "How many volts?")
    session, turns = await opened().read("ann", "s1")
    assert turns == [asked, told]
    assert [turn.seq for turn in turns] == [1, 2]
    assert turns[1] == replace(answer_to(asked), seq=2, created_at=told.created_at)
    assert (session.turns, session.title) == (2, "How many volts?")
    assert session.created_at <= asked.created_at < session.updated_at == told.created_at


async def test_turns_keep_their_order(history: ChatHistory):
    for number in range(15):
        await exchange(history, f"question {number}")
    _, turns = await history.read("ann", "s1")
    assert [turn.seq for turn in turns] == list(range(1, 31))
    assert [turn.content for turn in turns[::2]] == [f"question {n}" for n in range(15)]
    recent = await history.recent("ann", "s1", 3)
    assert recent == turns[-3:]


async def test_concurrent_turns_leave_no_gap_and_no_duplicate(opened: Opener):
    stores = [opened() for _ in range(4)]
    asked = [question(f"q{number}") for number in range(40)]
    stored = await asyncio.gather(
        *(stores[n % 4].append(turn) for n, turn in enumerate([*asked, *asked]))
    )
    session, turns = await stores[0].read("ann", "s1")
    assert [turn.seq for turn in turns] == list(range(1, 41))
    assert {turn.answer_id for turn in turns} == {turn.answer_id for turn in asked}
    assert session.turns == 40
    assert stored[:40] == stored[40:]


async def test_one_of_two_users_gets_a_session_that_both_begin(opened: Opener):
    stores = [opened(), opened()]
    begun = await asyncio.gather(
        stores[0].append(question("mine", user="ann")),
        stores[1].append(question("mine too", user="ben")),
        return_exceptions=True,
    )
    assert sorted(type(turn).__name__ for turn in begun) == ["Turn", "UnknownSession"]


async def test_a_turn_that_is_stored_twice_is_kept_once(history: ChatHistory):
    asked, told = await exchange(history, "once")
    assert await history.append(answer_to(asked, "something else")) == told
    assert (await history.read("ann", "s1"))[1] == [asked, told]


async def test_what_a_model_cannot_have_meant_is_stored_all_the_same(history: ChatHistory):
    stored = await history.append(question("half \ud83d a character and a NUL \0", answer="a1"))
    assert stored.content == "half ? a character and a NUL \0"
    assert (await history.read("ann", "s1"))[1] == [stored]


async def test_a_session_is_unknown_to_other_users(history: ChatHistory):
    asked, _ = await exchange(history, "private")
    with pytest.raises(UnknownSession):
        await history.append(question("let me in", user="ben"))
    with pytest.raises(UnknownSession):
        await history.recent("ben", "s1", 5)
    with pytest.raises(UnknownSession):
        await history.read("ben", "s1")
    with pytest.raises(UnknownSession):
        await history.rename("ben", "s1", "mine")
    with pytest.raises(UnknownSession):
        await history.delete("ben", "s1")
    with pytest.raises(UnknownAnswer):
        await history.answer("ben", asked.answer_id)
    with pytest.raises(UnknownAnswer):
        await history.rate(opinion(asked, "down", user="ben"))
    assert await history.sessions("ben") == []
    session, turns = await history.read("ann", "s1")
    assert (session.title, len(turns), await history.feedback()) == ("private", 2, [])


async def test_sessions_are_listed_with_the_last_used_first(history: ChatHistory):
    for number, name in enumerate(("s1", "s2", "s3", "s1")):
        await exchange(history, f"question {number}", name)
        await exchange(history, f"question {number}", f"bens-{name}", "ben")
    listed = await history.sessions("ann")
    assert [session.session_id for session in listed] == ["s1", "s3", "s2"]
    first = await history.sessions("ann", most=2)
    assert first == listed[:2]
    assert await history.sessions("ann", most=2, before=first[-1].updated_at) == listed[2:]
    assert await history.recent("ann", "new", 5) == []
    assert await history.sessions("nobody") == []


async def test_a_title_is_the_first_question_cut_until_a_person_gives_one(history: ChatHistory):
    await exchange(history, "How\nmany   volts " + "and " * 40)
    (session,) = await history.sessions("ann")
    assert session.title.startswith("How many volts and")
    assert session.title.endswith("and…")
    assert len(session.title) <= 80
    renamed = await history.rename("ann", "s1", "Volts")
    assert renamed == replace(session, title="Volts")
    await exchange(history, "and now?")
    assert (await history.read("ann", "s1"))[0].title == "Volts"


async def test_a_deleted_session_is_gone_with_turns_and_feedback(history: ChatHistory):
    asked, _ = await exchange(history, "forget me")
    other, _ = await exchange(history, "keep me", "s2")
    await history.rate(opinion(asked, "up"))
    await history.rate(opinion(other, "up"))
    await history.delete("ann", "s1")
    with pytest.raises(UnknownSession):
        await history.read("ann", "s1")
    with pytest.raises(UnknownSession):
        await history.delete("ann", "s1")
    with pytest.raises(UnknownAnswer):
        await history.answer("ann", asked.answer_id)
    with pytest.raises(UnknownAnswer):
        await history.rate(opinion(asked, "down"))
    assert [each.answer_id for each in await history.feedback()] == [other.answer_id]
    again, _ = await exchange(history, "forget me", user="ben")
    assert again.seq == 1


async def test_an_answer_does_not_bring_a_deleted_session_back(history: ChatHistory):
    asked = await history.append(question("forget me"))
    await history.delete("ann", "s1")
    with pytest.raises(UnknownSession):
        await history.append(answer_to(asked))
    assert await history.sessions("ann") == []


async def test_an_answer_id_belongs_to_one_session(history: ChatHistory):
    await history.append(question("first", answer="a1"))
    with pytest.raises(UnknownSession):
        await history.append(question("second", "s2", answer="a1"))
    with pytest.raises(UnknownSession):
        await history.append(answer_to(question("second", "s2", answer="a1")))


async def test_an_answer_is_found_with_its_question(history: ChatHistory):
    await exchange(history, "first")
    asked, told = await exchange(history, "second")
    assert await history.answer("ann", asked.answer_id) == (asked, told)
    await history.append(question("unanswered"))
    for unknown in ("s1-unanswered", "nothing"):
        with pytest.raises(UnknownAnswer):
            await history.answer("ann", unknown)


async def test_later_feedback_replaces_earlier(history: ChatHistory):
    asked, _ = await exchange(history, "rated")
    later, _ = await exchange(history, "rated too")
    await history.rate(opinion(asked, "up", "good"))
    await history.rate(opinion(later, "up"))
    await history.rate(opinion(asked, "down", "no, bad"))
    first, second = await history.feedback()
    assert (first.answer_id, second.answer_id) == (later.answer_id, asked.answer_id)
    assert replace(second, created_at="") == opinion(asked, "down", "no, bad")
    _, turns = await history.read("ann", "s1")
    assert [turn.rating for turn in turns] == ["", "down", "", "up"]


async def test_a_session_expires_when_it_is_unused(opened: Opener):
    keeps, forgets = opened(), opened(ttl_days=SECONDS)
    asked, _ = await exchange(keeps, "old")
    await keeps.rate(opinion(asked, "up"))
    await asyncio.sleep(1.1)
    assert await forgets.sessions("ann") == []
    assert await forgets.recent("ann", "s1", 5) == []
    assert await forgets.feedback() == []
    with pytest.raises(UnknownSession):
        await forgets.read("ann", "s1")
    with pytest.raises(UnknownSession):
        await forgets.rename("ann", "s1", "still here")
    with pytest.raises(UnknownAnswer):
        await forgets.answer("ann", asked.answer_id)
    assert len((await keeps.read("ann", "s1"))[1]) == 2
    await exchange(forgets, "new", "s2")
    assert [session.session_id for session in await keeps.sessions("ann")] == ["s2"]
    assert await keeps.feedback() == []
    assert (await exchange(forgets, "old"))[0].seq == 1


@pytest.mark.parametrize("strange", STRANGE)
async def test_ids_are_text_and_nothing_else(history: ChatHistory, strange: str):
    await exchange(history, "mine")
    assert await history.recent("ann", strange, 5) == []
    assert await history.sessions(strange) == []
    with pytest.raises(UnknownAnswer):
        await history.answer("ann", strange)
    asked, told = await exchange(history, "strange", strange, strange)
    assert (await history.read(strange, strange))[1] == [asked, told]
    await history.rename(strange, strange, strange)
    await history.delete(strange, strange)
    assert [session.session_id for session in await history.sessions("ann")] == ["s1"]


async def test_a_store_says_that_it_answers_and_answers_again_after_closing(history: ChatHistory):
    await history.ready()
    await history.close()
    await exchange(history, "late")
    assert len(await history.recent("ann", "s1", 9)) == 2


async def test_many_sessions_are_kept_apart(history: ChatHistory):
    async def talk(number: int) -> None:
        for turn in range(10):
            await exchange(history, f"{number}.{turn}", f"session-{number}", f"user-{number % 20}")

    for first in range(0, 200, 20):
        await asyncio.gather(*map(talk, range(first, first + 20)))
    assert len(await history.sessions("user-3")) == 10
    session, turns = await history.read("user-3", "session-103")
    assert [turn.seq for turn in turns] == list(range(1, 21))
    assert [turn.content for turn in turns[::2]] == [f"103.{turn}" for turn in range(10)]
    assert session.turns == 20
