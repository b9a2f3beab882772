import pytest

from engine.cleaning.signatures import SignatureLines


def counted(*texts: str, source: str = "a") -> SignatureLines:
    lines = SignatureLines()
    for text in texts:
        lines.add(source, text)
    return lines


@pytest.mark.parametrize(
    "line",
    [
        "👉 Подписывайтесь: @my_channel",
        "Follow for more daily photos!",
        "Наш сайт: http://a.ru/{n}",
    ],
)
def test_a_line_that_recurs_is_left_out(line: str) -> None:
    texts = [
        f"Story number {word}\n#sea\n\n{line}"
        for word in ("one", "two", "three", "four", "five", "six")
    ]
    texts = [text.replace("{n}", str(n)) for n, text in enumerate(texts)]
    lines = counted(*texts)
    assert lines.without("a", texts[0]) == "Story number one\n#sea"
    assert lines.without("b", texts[0]) == texts[0]
    assert not lines.recurs("a", texts[0])


def test_what_posts_say_is_no_signature() -> None:
    same = "Обои на телефон. Природа и виды\n#обои #природа"
    assert counted(*[same] * 20).without("a", same) == same
    assert counted(*[same] * 20).recurs("a", same)
    assert not counted(*[same] * 20).recurs("b", same)
    wedding = "Свадьба Анны и Петра\nТула, лето"
    assert counted(*[wedding] * 20).without("a", wedding) == wedding
    short = "Доброе утро!"
    assert counted(*[short] * 20).without("a", short) == short


def test_a_line_must_be_frequent_in_its_source() -> None:
    words = [f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst"]
    texts = [f"{word} walks\nby Anna" for word in words[:6]]
    assert counted(*texts).without("a", texts[0]) == f"{words[0]} walks"
    many = [*texts, *(f"{word} runs\nthrough {word}" for word in words[6:])]
    assert counted(*many).without("a", texts[0]) == texts[0]


@pytest.mark.parametrize(
    "form",
    [
        "{} Подписывайтесь: @my_channel",
        "{} 👉 Подписывайтесь на https://t.me/my_channel",
        "{} @my_channel",
        "{} Больше фото каждый день!",
        "{}\n#sea Больше фото каждый день! 📷 @my_channel | чат: @my_chat",
        "Фото дня от @my_channel — {}",
        "My Daily Photos | {}",
        "{} (c) vk.com/my_group",
    ],
)
def test_a_signature_on_the_texts_own_line(form: str) -> None:
    said = ["Закат над рекой.", "Кот спит на окне!", "Снег в горах…", "Рынок утром.", "Чайки."]
    texts = [form.format(one) for one in said * 2]
    lines = counted(*texts, *(f"Просто слова номер {n}" for n in "abcdef"))
    left = [lines.without("a", text) for text in texts[:5]]
    assert [one.replace("\n#sea", "").removesuffix("(c)").strip() for one in left] == said


def test_what_posts_are_about_stays() -> None:
    seas = ("Warm", "Cold", "Grey", "Blue", "Deep", "Calm", "Wild", "Wide")
    texts = [f"{word} sea at dawn. Norway. #sea" for word in seas]
    texts += [f"{word} sea. A long way from home." for word in ("Salt", "Bare")]
    lines = counted(*texts)
    assert [lines.without("a", text) for text in texts] == texts


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cleaning.signatures.MOST_PARTS", 100)
    lines = counted(*(f"word{'x' * n} here\nby Anna" for n in range(500)))
    assert lines.without("a", "something else\nby Anna") == "something else"
    assert len(lines._counts) + len(lines._texts) < 210


def test_what_begins_to_recur_is_told() -> None:
    lines = SignatureLines()
    told = [lines.add("a", f"{word} sea\nby Anna") for word in ("one", "two", "red", "old", "wet")]
    assert told == [False] * 4 + [True]
    assert not lines.add("a", "blue sea\nby Anna")
    assert not lines.add("b", "blue sea\nby Anna")
    assert [lines.add("c", "the standing caption") for _ in range(6)] == [False] * 4 + [True, False]
