"""Publishes that wait for their PUBACK."""

from kiosk.bodies import Token
from kiosk.net.unanswered import Unanswered

ONE, TWO = Token("one"), Token("two")


def test_an_answer_gives_token_and_round_trip_once() -> None:
    waiting = Unanswered()
    waiting.add(7, ONE, 10.0)
    assert waiting.answer(7, 10.25) == (ONE, 250)
    assert waiting.answer(7, 10.3) is None
    assert len(waiting) == 0


def test_an_overdue_publish_is_given_up_once_but_still_takes_room() -> None:
    waiting = Unanswered()
    waiting.add(1, ONE, 0.0)
    waiting.add(2, TWO, 4.0)
    assert waiting.overdue(4.9, 5.0) == []
    assert waiting.overdue(5.0, 5.0) == [ONE]
    assert waiting.overdue(6.0, 5.0) == []
    assert len(waiting) == 2


def test_the_oldest_tells_how_long_an_answer_is_awaited_also_when_it_was_given_up() -> None:
    waiting = Unanswered()
    assert waiting.waited_s(100.0) == 0.0
    waiting.add(1, ONE, 1.0)
    waiting.add(2, TWO, 4.0)
    waiting.overdue(9.0, 5.0)
    assert waiting.waited_s(11.0) == 10.0
    waiting.answer(1, 12.0)
    assert waiting.waited_s(13.0) == 9.0


def test_a_late_answer_makes_room_but_names_nobody() -> None:
    waiting = Unanswered()
    waiting.add(1, ONE, 0.0)
    waiting.overdue(5.0, 5.0)
    assert waiting.answer(1, 9.0) == (None, 9000)
    assert len(waiting) == 0


def test_a_lost_connection_gives_up_everything_not_given_up_before() -> None:
    waiting = Unanswered()
    waiting.add(1, ONE, 0.0)
    waiting.add(2, TWO, 3.0)
    waiting.add(3, None, 3.0)
    waiting.overdue(5.0, 5.0)
    assert waiting.abandon() == [TWO]
    assert len(waiting) == 0
