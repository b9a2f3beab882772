from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.corpus.messages import Chat, Item, read_messages, repair
from engine.corpus.posts import SourceReport

COUNT = 9


def message(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "message",
        "date": "2024-05-01T13:00:00",
        "text": [f"пост {number} ", {"type": "custom_emoji", "text": "🔥", "document_id": "1"}],
        "photo": f"photos/{number}.jpg",
    }


def chat(number: int, *messages: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"chat {number}",
        "type": "public_channel",
        "id": number,
        "messages": list(messages) or [message(n) for n in range(1, COUNT + 1)],
    }


def whole(*numbers: int) -> dict[str, Any]:
    return {"about": "x", "chats": {"about": "y", "list": [chat(n) for n in numbers]}}


def read(path: Path, text: str | bytes) -> tuple[list[tuple[int, int]], SourceReport]:
    """Write a file and read it: pairs of chat and message, and the report."""
    file = path / "result.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    report = SourceReport()
    items = list(read_messages(file, report))
    return [(i.chat.id, i.message.get("id", 0)) for i in items if isinstance(i, Item)], report


def of(number: int, *, but: set[int] = frozenset()) -> list[tuple[int, int]]:  # type: ignore[assignment]
    return [(int(f"-100{number}"), n) for n in range(1, COUNT + 1) if n not in but]


EMOJI = '"document_id": "1"'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("пост 4 ", r"пост\x0B4\x00\x1F"),
        ("пост 4 ", r"C:\\x0B \\\x0B \v \' \u12 \ "),
        ("пост 4 ", "пост\x0b4\x00\t"),
        ("пост 4 ", 'он сказал "да" и ушёл '),
        ("пост 4 ", "строка\nвторая\r\nтретья"),
        ("пост 4 ", r"пост \ud83d 4 \ude00\ud83d\ude00 \uD83D"),
        (EMOJI, EMOJI + ","),
        (EMOJI, '"document_id": video_files/sticker (2).webm'),
        (EMOJI, '"document_id": stickers/sticker.webp'),
        (EMOJI, '"document_id": (File unavailable, please try again later)'),
        (EMOJI, '"document_id": (File not included. Change data exporting settings to download.)'),
        (EMOJI, '"document_id": '),
        (EMOJI, '"document_id": 123456789012345678901234567890'),
        ('"photo": "photos/4.jpg"', '"thumbnail": photos/4.jpg'),
    ],
)
@pytest.mark.parametrize("indent", [1, None])
def test_what_can_be_repaired_is_all_there(
    tmp_path: Path, old: str, new: str, indent: int | None
) -> None:
    for source, chats in ((chat(70), [70]), (whole(70, 8), [70, 8])):
        parts = json.dumps(source, ensure_ascii=False, indent=indent).split('"id": 4,')
        if indent is None and "он сказал" in new:
            continue  # nothing but the line tells where a text ends
        text = '"id": 4,'.join([parts[0], *(part.replace(old, new, 1) for part in parts[1:])])
        assert new in text
        found, report = read(tmp_path, text)
        assert found == [pair for number in chats for pair in of(number)]
        assert not report.skipped
        assert report.broken is None


def test_the_repaired_text_is_the_text(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    written = json.dumps(chat(7, message(1) | {"text": "XX"}))
    file.write_text(written.replace("XX", r"a\x0Bb \\x0C \"q\" \u0444"))
    (_, item) = read_messages(file, SourceReport())
    assert isinstance(item, Item)
    assert item.message["text"] == 'a\x0bb \\x0C "q" ф'
    assert json.loads(repair(r'"\x1b"')) == "\x1b"
    text = '{"document_id": true, "n": [1, -2.5e3], "t": "a: b"}'
    assert repair(text) == text


@pytest.mark.parametrize("indent", [1, None])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"photos/4.jpg"', '"photos/4'),
        ('"photos/4.jpg"', '"photos/4.jpg" x'),
        ('"photo": "photos/4.jpg"', '"photo": [{"photos/4.jpg"'),
        ('"date": "2024', '"date": {\xff\x00 }}}]]'),
    ],
)
def test_a_damaged_message_costs_itself(
    tmp_path: Path, old: str, new: str, indent: int | None
) -> None:
    for source, chats in ((chat(70), [70]), (whole(70, 8), [70, 8])):
        parts = json.dumps(source, ensure_ascii=False, indent=indent).split('"id": 4,')
        text = '"id": 4,'.join([parts[0], parts[1].replace(old, new, 1), *parts[2:]])
        found, report = read(tmp_path, text)
        gone = [(-10070, 4)]
        assert found == [pair for n in chats for pair in of(n) if pair not in gone]
        assert report.examples == {"damaged": ["message 4"]}
        assert report.broken is None


def test_brackets_between_messages(tmp_path: Path) -> None:
    text = json.dumps(chat(70), indent=1)
    assert read(tmp_path, text.replace('},\n  {\n   "id": 5', '}\n  {\n   "id": 5'))[0] == of(70)
    found, report = read(tmp_path, text.replace('  },\n  {\n   "id": 5', '  {\n   "id": 5'))
    assert found == of(70, but={4})
    assert report.skipped == {"damaged": 1}


def test_a_damaged_header_of_a_later_chat(tmp_path: Path) -> None:
    text = json.dumps(whole(70, 8, 9), indent=1)
    found, _ = read(tmp_path, text.replace('"name": "chat 8"', '"name": "chat 8'))
    assert found == [*of(70), *of(8), *of(9)]


@pytest.mark.parametrize("new", ['"id": ], "', '"mess', '"type": "pu\x00}{'])
def test_what_stands_in_no_known_chat_is_not_anothers(tmp_path: Path, new: str) -> None:
    text = json.dumps(whole(70, 8), indent=1)
    place = text.index('"type": "public_channel"', text.index('"name": "chat 8"'))
    end = text.index('"messages"', place) + 6
    found, report = read(tmp_path, text[:place] + new + text[end:])
    assert found[: len(of(70))] == of(70)
    assert {chat for chat, _ in found} <= {-10070, -1008}
    assert report.skipped["damaged"] or len(found) == 2 * COUNT


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    data = json.dumps(chat(70), ensure_ascii=False).encode(encoding)
    found, report = read(tmp_path, b"\xff\xfe" + data if encoding == "utf-16-le" else data)
    assert found == of(70)
    assert not report.skipped


@pytest.mark.parametrize("share", [0.3, 0.6, 0.97, 0.999])
def test_a_file_that_breaks_off_says_so(tmp_path: Path, share: float) -> None:
    text = json.dumps(chat(70), ensure_ascii=False, indent=1)
    found, report = read(tmp_path, text[: int(len(text) * share)])
    assert found == of(70)[: len(found)]
    assert report.broken is not None
    damaged = text.replace('"photos/2.jpg"', '"photos/2')
    assert read(tmp_path, damaged[: int(len(damaged) * share)])[1].broken is not None
    assert read(tmp_path, damaged)[1].broken is None


@given(st.floats(0.05, 0.95), st.integers(0, 40), st.binary(max_size=20), st.booleans())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_damaged_the_others_stay(
    tmp_path: Path, place: float, length: int, noise: bytes, pretty: bool
) -> None:
    data = json.dumps(chat(70), ensure_ascii=False, indent=1 if pretty else None).encode()
    first = data.index(b'"messages"') + 15
    start = first + int((len(data) - first) * place)
    found, report = read(tmp_path, data[:start] + noise + data[start + length :])
    marks = [data.index(b'"id": %d,' % n) for n in range(1, COUNT + 1)]
    untouched = {
        n
        for n, (begin, end) in enumerate(zip(marks, [*marks[1:], len(data)], strict=True), 1)
        if end <= start - 12 or begin >= start + length + 12
    }
    assert untouched <= {number for _, number in found}
    assert report.broken is None or marks[-1] < start + length + 12


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "result.json"

    def peak(count: int) -> int:
        with file.open("w") as out:
            out.write('{"name": "x", "type": "public_channel", "id": 7, "messages": [')
            for number in range(1, count + 1):
                text = json.dumps(message(number)).replace("2024", r"\x0B" if number % 7 else '"')
                out.write(("," if number > 1 else "") + text)
            out.write("]}")
        tracemalloc.start()
        assert sum(isinstance(i, Item) for i in read_messages(file, SourceReport())) > count // 2
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(16_000) < 1.2 * peak(4_000)


@pytest.mark.parametrize("text", ["[", '{"a":', '[{"messages":'])
def test_a_file_that_only_opens_takes_no_memory(tmp_path: Path, text: str) -> None:
    file = tmp_path / "result.json"
    file.write_text(text * (300_000 // len(text)))
    tracemalloc.start()
    report = SourceReport()
    assert list(read_messages(file, report)) == []
    assert tracemalloc.get_traced_memory()[1] < 200 << 20
    tracemalloc.stop()
    assert "nested too deeply" in (report.broken or "")


def test_chats() -> None:
    assert Chat(1, "x", "personal_chat", True).private
    assert not Chat(-1, "x", "private_group", True).private
    assert not Chat(-1, "x", "private_group", True).linked


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1251", "utf-8-sig"])
def test_a_file_that_an_editor_saved_anew(tmp_path: Path, encoding: str) -> None:
    plain = json.dumps(whole(70), ensure_ascii=False).replace("🔥", "?")
    (tmp_path / "result.json").write_bytes(plain.encode(encoding))
    report = SourceReport()
    items = list(read_messages(tmp_path / "result.json", report))
    texts = [item.message["text"][0] for item in items if isinstance(item, Item)]
    assert texts == [f"пост {n} " for n in range(1, COUNT + 1)]
    assert not report.skipped


def test_a_comma_too_many_costs_nothing(tmp_path: Path) -> None:
    text = json.dumps(chat(70), indent=1)
    found, report = read(tmp_path, "},".join(text.rsplit("}", 2)[:2]) + "}" + "]}")
    assert found == of(70)
    assert not report.skipped


@pytest.mark.parametrize("form", ["{}.0", '"{}"'])
def test_numbers_as_other_programs_write_them(tmp_path: Path, form: str) -> None:
    text = json.dumps(chat(70))
    for number in (70, *range(1, COUNT + 1)):
        text = text.replace(f'"id": {number},', f'"id": {form.format(number)},')
    assert read(tmp_path, text) == (of(70), SourceReport(place=len(text), size=len(text)))


def test_what_a_disk_lost_is_told(tmp_path: Path) -> None:
    text = json.dumps(chat(70)).encode()
    start = text.index(b'"id": 3')
    found, report = read(tmp_path, text[:start] + bytes(600) + text[start + 600 :])
    assert 0 < len(set(found) & set(of(70))) < COUNT
    assert report.skipped["damaged"]
