"""What the library is about: its topics as a picture, and each topic's posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.chat import answers, screens
from bot.chat.context import Conversation
from bot.chat.failures import UserError
from bot.chat.screens import Drawn
from engine.results import Topic

#: Topics on one page.
PAGE: Final = 6
#: A topic is shown where some post is mainly about it: from this share of it on.
SHARE: Final = 0.15
#: Posts looked at for a picture of a topic that no other topic has.
LOOKED_AT: Final = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A topic and the post that stands for it."""

    topic: Topic
    key: int


async def topics_with_posts(conversation: Conversation) -> Sequence[Shown]:
    """Topics that some post of the library is about, largest first."""
    services, language = conversation.services, conversation.texts.language
    size = len(services.engine)
    known = services.topics.get(language)
    if known is not None and known[0] == size:
        return known[1]

    def look() -> list[Shown]:
        found: list[Shown] = []
        taken: set[int] = set()
        for topic in services.engine.topics(language=language):
            hits = services.engine.topic_posts(topic.topic, limit=LOOKED_AT).hits
            near = [hit.key for hit in hits if hit.closeness >= SHARE]
            key = next((key for key in near if key not in taken), None)
            if key is not None:
                taken.add(key)
                found.append(Shown(topic, key))
        return found

    found = await services.work.run(look)
    services.topics[language] = (size, found)
    return found


async def show(conversation: Conversation) -> None:
    """Send the first page of the topics."""
    async with conversation.turn("topics"):
        drawn = await _page(conversation, 0)
        if drawn is None:
            await conversation.say(conversation.texts("topics_empty"))
        else:
            await screens.deliver(conversation, drawn)


async def turn_page(conversation: Conversation, first: int, message: int) -> None:
    """Show a page of topics in the place of what a message shows."""
    async with conversation.turn("topics"):
        drawn = await _page(conversation, first)
        if drawn is None:
            raise UserError("topics_empty")
        await screens.deliver(conversation, drawn, message=message)


async def _page(conversation: Conversation, first: int) -> Drawn | None:
    everything = await topics_with_posts(conversation)
    if not everything:
        return None
    first = min(first, len(everything) - 1) // PAGE * PAGE
    page = everything[first : first + PAGE]
    posts = await conversation.services.store.posts([shown.key for shown in page])
    page = [shown for shown in page if shown.key in posts]
    if not page:
        return None
    named = [shown.topic for shown in page]
    texts, count = conversation.texts, len(everything)
    numbered = {place: posts[shown.key] for place, shown in enumerate(page, start=first + 1)}
    return await screens.sheet(
        conversation,
        answers.topics_caption(texts, named, first, count),
        answers.topics_keyboard(texts, named, first, PAGE, count),
        numbered,
    )


async def open_topic(conversation: Conversation, number: int, offset: int, message: int) -> None:
    """Show the posts of a topic in the place of the topics, with a way back."""
    services, texts = conversation.services, conversation.texts
    size = services.settings.posts_per_answer
    everything = await topics_with_posts(conversation)
    topic = next((shown.topic for shown in everything if shown.topic.topic == number), None)
    if topic is None:
        raise UserError("topic_bad")
    async with conversation.turn("topic"):
        page = await services.work.run(
            services.engine.topic_posts, number, limit=size, offset=offset
        )
        posts = await services.store.posts([hit.key for hit in page.hits])
        near = [h for h in page.hits if h.key in posts and h.closeness >= SHARE]
        if not near:
            raise UserError("no_more")
        lead = [f"<b>{answers.terms(topic.words[:8])}</b>"]
        if topic.tags:
            lead.append(answers.hashtags(topic.tags))
        numbered = {place: posts[hit.key] for place, hit in enumerate(near, start=offset + 1)}
        keyboard = answers.topic_keyboard(
            texts,
            number,
            {place: post.key for place, post in numbered.items()},
            offset=offset,
            size=size,
            more=page.more and len(near) == len(page.hits),
        )
        caption = answers.page_caption(texts, lead, numbered, None)
        drawn = await screens.sheet(conversation, caption, keyboard, numbered)
        await screens.deliver(conversation, drawn, message=message)
