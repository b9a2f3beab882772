from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.feedback import BOUND, Feedback, mean_theta, rocchio
from engine.projection import centre, log_ratio

SEA = np.array([0.7, 0.1, 0.1, 0.1], np.float32)
SNOW = np.array([0.1, 0.7, 0.1, 0.1], np.float32)


def z(theta: np.ndarray) -> np.ndarray:
    return log_ratio(theta[None])[0]


def test_rocchio_moves_towards_the_liked_and_away_from_the_disliked() -> None:
    query = z(np.array([0.4, 0.4, 0.1, 0.1], np.float32))
    none = np.zeros((0, 4), np.float32)
    assert rocchio(query, z(SEA)[None], none) @ z(SEA) > query @ z(SEA)
    assert rocchio(query, none, z(SEA)[None]) @ z(SEA) < query @ z(SEA)
    np.testing.assert_allclose(rocchio(query, none, none), query, atol=1e-6)


def test_votes_count_for_questions_like_theirs_and_can_be_taken_back() -> None:
    votes = Feedback()
    votes.set(7, user=1, query=10, theta=SEA, value=1)
    lift = votes.lift(z(SEA), [6, 7])
    assert lift[0] == 0
    assert 0 < lift[1] < BOUND
    assert votes.lift(z(SNOW), [7])[0] == 0
    votes.set(7, user=1, query=10, theta=SEA, value=-1)
    assert votes.lift(z(SEA), [7])[0] == -lift[1]
    votes.set(7, user=1, query=10, theta=SEA, value=0)
    assert votes.lift(z(SEA), [7])[0] == 0
    assert len(votes) == 0


def test_a_person_counts_once_and_people_add_up() -> None:
    alone, many = Feedback(), Feedback()
    for number in range(50):
        alone.set(7, user=1, query=number, theta=SEA, value=1)
        many.set(7, user=number, query=number, theta=SEA, value=1)
    once = Feedback()
    once.set(7, user=1, query=0, theta=SEA, value=1)
    assert alone.lift(z(SEA), [7]) == once.lift(z(SEA), [7])
    assert many.lift(z(SEA), [7])[0] > 0.9 * BOUND
    many.forget(3)
    assert len(many) == 49


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([-1, 1]))))
def test_the_lift_is_bounded(cast: list[tuple[int, int, int]]) -> None:
    votes = Feedback()
    for user, query, value in cast:
        votes.set(1, user=user, query=query, theta=SEA if query % 2 else SNOW, value=value)
    for theta in (SEA, SNOW):
        assert abs(votes.lift(z(theta), [1])[0]) <= BOUND


def test_votes_of_another_model_do_not_count() -> None:
    votes = Feedback()
    votes.set(1, user=1, query=1, theta=np.full(9, 1 / 9, np.float32), value=1)
    assert votes.lift(z(SEA), [1])[0] == 0


def test_an_albums_photos_count_alike() -> None:
    mean = mean_theta([SEA, SNOW])
    np.testing.assert_allclose(mean.sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(z(mean), centre((z(SEA) + z(SNOW))[None])[0], atol=1e-6)
