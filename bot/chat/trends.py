"""Which topics grew over the last weeks, as a picture."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from telegram import InlineKeyboardMarkup

from bot.chat import answers, topics
from bot.chat.context import Conversation, Screen
from bot.chat.topics import Shown
from engine.trends import BEFORE, WEEKS, Trend, trends, trends_picture

#: Topics that are shown at most.
SHOWN: Final = 5
#: Posts that are looked at, the newest ones.
POSTS_MAX: Final = 3_000


async def show(conversation: Conversation) -> None:
    """Send the picture, with a number for each topic."""
    services, texts = conversation.services, conversation.texts
    async with conversation.turn("trends"):
        named = {shown.topic.topic: shown for shown in await topics.topics_with_posts(conversation)}
        newest = await services.store.recent(1)
        end = _week_after(newest[0].date if newest else None)
        start = end - timedelta(weeks=WEEKS + BEFORE)
        dated = (await services.store.since(start.isoformat()))[-POSTS_MAX:]

        def look() -> list[Trend]:
            weeks = {key: (end - _date(when)).days // 7 for key, when in dated}
            keys, shares = services.engine.shares(list(weeks))
            ages = [weeks[key] for key in keys]
            return [found for found in trends(shares, ages) if found.topic in named][:SHOWN]

        grown = await services.work.run(look)
        if not grown:
            await conversation.say(texts("trends_none"))
            return
        screen = await _screen(conversation, grown, named)
        await conversation.show(screen)


async def _screen(
    conversation: Conversation, grown: list[Trend], named: dict[int, Shown]
) -> Screen:
    services, texts = conversation.services, conversation.texts
    keys = [named[trend.topic].key for trend in grown]
    posts = await services.store.posts(keys)
    images = dict(zip(posts, await services.thumbnails.get(list(posts.values())), strict=True))
    titles = [
        ", ".join(term.text for term in named[trend.topic].topic.words[:4]) for trend in grown
    ]
    picture = await services.work.run(trends_picture, grown, titles, [*map(images.get, keys)])
    lines = [texts("trends", weeks=WEEKS, before=BEFORE)]
    lines += [
        answers.trend_line(number, title, trend.growth)
        for number, (title, trend) in enumerate(zip(titles, grown, strict=True), start=1)
    ]
    buttons = answers.trend_buttons([trend.topic for trend in grown])
    return Screen(picture, answers.fitted(lines), InlineKeyboardMarkup([buttons]))


def _date(when: str) -> datetime:
    return datetime.fromisoformat(when).replace(tzinfo=None)


def _week_after(newest: str | None) -> datetime:
    """The moment behind the newest post; today where there is none."""
    try:
        return _date(newest or "") + timedelta(seconds=1)
    except ValueError:
        return datetime.now()
