from __future__ import annotations

import contextlib
import dataclasses
import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.results import Query, vector_to_bytes, vectors_to_rows

finite = st.floats(-1e6, 1e6, width=32)
thetas = hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(0, 1, width=32))
texts = st.lists(st.text(max_size=20), max_size=5).map(tuple)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    theta = draw(thetas)
    numbers = st.floats(-1e6, 1e6, width=32)
    return Query(
        draw(st.sampled_from(["photo", "text", "both", "post"])),
        theta,
        draw(texts),
        draw(texts),
        draw(texts),
        draw(st.floats(0, 1)),
        draw(hnp.arrays(np.float32, st.sampled_from([0, theta.size]), elements=numbers)),
        draw(st.none() | st.integers(0, (1 << 63) - 1)),
        written=draw(st.text(max_size=9)),
    )


KNOWN = Query(
    "both",
    np.full(16, 1 / 16, np.float32),
    ("море", "boat"),
    ("people",),
    ("qwerty",),
    0.5,
    np.ones(16, np.float32),
)


def archive(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


class TestVector:
    @given(st.lists(st.tuples(finite, finite), max_size=6), st.integers(1, 40))
    def test_many_at_once_are_what_each_is(self, pairs: list, topics: int) -> None:
        rng = np.random.default_rng(0)
        rows = rng.random((len(pairs), topics)).astype(np.float32)
        blobs = [vector_to_bytes(row, pair) for row, pair in zip(rows, pairs, strict=True)]
        theta, biases = vectors_to_rows(blobs, topics)
        np.testing.assert_array_equal(theta, rows)
        assert biases.shape == (len(pairs), 2)
        assert biases.tolist() == [list(pair) for pair in pairs]

    @given(st.binary(max_size=200))
    def test_anything_else_is_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="vector"):
            vectors_to_rows([data], 5)

    def test_cut_off_or_of_another_number_of_topics(self) -> None:
        blob = vector_to_bytes(np.ones(5, np.float32), (0.0, 0.0))
        for wrong in (blob[:-1], blob + b"\0", b"x" + blob[1:]):
            with pytest.raises(ValueError, match="vector"):
                vectors_to_rows([wrong], 5)
        with pytest.raises(ValueError, match="6 topics"):
            vectors_to_rows([blob], 6)


class TestQuery:
    @given(queries())
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_it_comes_back_as_it_was(self, query: Query) -> None:
        again = Query.from_bytes(query.to_bytes())
        for field in dataclasses.fields(Query):
            np.testing.assert_array_equal(
                getattr(again, field.name), getattr(query, field.name), strict=True
            )

    def test_arrays_that_do_not_fit_together(self) -> None:
        wrong = dataclasses.replace(KNOWN, minus_z=np.ones(15, np.float32))
        with pytest.raises(ValueError, match="not a stored query"):
            Query.from_bytes(wrong.to_bytes())

    @given(st.binary(max_size=300))
    @example(b"")
    @example(b"PK\x03\x04")
    @example(b"PK\x05\x06" + bytes(18))
    @example(b"\x93NUMPY\x01\x00")
    @settings(deadline=None)
    def test_garbage_is_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, it is this kind
            Query.from_bytes(data)

    @given(st.data())
    @settings(deadline=None, max_examples=300)
    def test_a_damaged_query_is_read_right_or_refused(self, data: st.DataObject) -> None:
        whole = bytearray(KNOWN.to_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(whole) - 1))
            whole[place] = data.draw(st.integers(0, 255))
        cut = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
        with contextlib.suppress(ValueError):
            query = Query.from_bytes(bytes(whole[:cut]))
            assert query.theta.ndim == 1
            assert np.isfinite(query.theta).all()

    @pytest.mark.parametrize(
        "arrays",
        [
            {"theta": np.ones(3, np.float32)},
            {"facts": np.frombuffer(b"[]", np.uint8), "theta": np.ones(3, np.float32)},
            {"facts": np.frombuffer(b'{"kind": "photo"}', np.uint8)},
            {
                "facts": np.frombuffer(
                    b'{"kind":"spell","words":[],"minus":[],"unknown":[]}', np.uint8
                ),
                "theta": np.ones(3, np.float32),
            },
        ],
    )
    def test_an_archive_of_something_else(self, arrays: dict) -> None:
        with pytest.raises(ValueError):  # noqa: PT011
            Query.from_bytes(archive(**arrays))

    @pytest.mark.parametrize(
        "theta",
        [
            np.ones((2, 3), np.float32),
            np.float32(1),
            np.array(["a", "b"]),
            np.array([np.nan, 1], np.float32),
            np.zeros(0, np.float32),
            np.ones(2, np.complex64),
        ],
        ids=["matrix", "scalar", "words", "nan", "empty", "complex"],
    )
    def test_a_theta_that_is_none(self, theta: np.ndarray) -> None:
        facts = b'{"kind":"text","words":[],"minus":[],"unknown":[]}'
        with pytest.raises(ValueError):  # noqa: PT011
            Query.from_bytes(archive(facts=np.frombuffer(facts, np.uint8), theta=theta))

    def test_a_pickle_is_not_opened(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        target = tmp_path / "opened"

        class Bomb:
            def __reduce__(self):  # type: ignore[no-untyped-def]
                return (target.touch, ())

        with pytest.raises(ValueError):  # noqa: PT011
            Query.from_bytes(pickle.dumps(Bomb()))
        with pytest.raises(ValueError):  # noqa: PT011
            Query.from_bytes(archive(facts=np.array([Bomb()]), theta=np.ones(2, np.float32)))
        assert not target.exists()

    def test_a_small_archive_cannot_ask_for_much_memory(self) -> None:
        header = b"\x93NUMPY\x01\x00"
        shape = b"{'descr': '<f4', 'fortran_order': False, 'shape': (900000000000,), }"
        shape += b" " * (117 - len(shape)) + b"\n"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("facts.npy", header + len(shape).to_bytes(2, "little") + shape)
        with pytest.raises(ValueError):  # noqa: PT011
            Query.from_bytes(buffer.getvalue())
