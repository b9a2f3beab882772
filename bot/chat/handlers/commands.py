"""The commands anyone can give."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from telegram import BotCommand, Update
from telegram.ext import BaseHandler, CommandHandler, ExtBot, filters

from bot.chat import answers, topics, trends
from bot.chat.addressing import message_of
from bot.chat.context import Context
from bot.chat.handlers.errors import reply
from bot.chat.texts import DEFAULT, LANGUAGES, Html, Texts, known
from engine.results import Query

#: Questions that are looked through, and those that are shown.
HISTORY_READ: Final = 40
HISTORY_SHOWN: Final = 8


async def on_start(update: Update, context: Context) -> None:
    """Greet, with examples to press."""
    message, user = message_of(update), update.effective_user
    texts = await context.services.texts(user)
    await message.reply_text(
        texts("start", name=user.first_name if user else "", bot=context.bot.username),
        reply_markup=answers.examples_keyboard(texts),
    )


async def on_help(update: Update, context: Context) -> None:
    """Explain everything that is understood."""
    services = context.services
    texts = await services.texts(update.effective_user)
    commands = Html("\n".join(f"/{name} — {what}" for name, what in texts.commands.items()))
    words = texts("help", bot=context.bot.username, commands=commands)
    if services.is_owner(update.effective_user):
        words += texts("help_owner")
    await reply(message_of(update), words)


async def on_language(update: Update, context: Context) -> None:
    """Offer the languages; /language ru chooses at once."""
    message, user = message_of(update), update.effective_user
    if user is None:
        return
    services = context.services
    wanted = context.args[0].lower() if context.args else ""
    if wanted in LANGUAGES:
        await services.choose_language(user, wanted)
        await reply(message, Texts(wanted)("language_set"))
        return
    texts = await services.texts(user)
    await message.reply_text(texts("language"), reply_markup=answers.languages_keyboard())


async def on_privacy(update: Update, context: Context) -> None:
    """Say what is kept."""
    services = context.services
    texts = await services.texts(update.effective_user)
    await reply(message_of(update), texts("privacy", days=services.settings.history_days))


async def on_forget(update: Update, context: Context) -> None:
    """Delete a person's votes and history."""
    message, user = message_of(update), update.effective_user
    if user is None:
        return
    services = context.services
    # The language before it is forgotten too.
    texts = await services.texts(user)
    votes, questions = await services.forget(user)
    await reply(
        message,
        texts(
            "forgotten", queries=texts("n_questions", n=questions), votes=texts("n_votes", n=votes)
        ),
    )


async def on_stats(update: Update, context: Context) -> None:
    """How much there is, and the model's measured quality."""
    services = context.services
    texts = await services.texts(update.effective_user)
    counts, info = await services.store.counts(), services.engine.info
    words = texts(
        "stats",
        posts=texts("n_posts", n=counts.posts),
        topics=texts("n_topics", n=info.topics),
        encoder=info.encoder,
        trained=texts("n_posts", n=info.posts),
        people=texts("n_people", n=counts.users),
        votes=texts("n_votes", n=counts.votes),
    )
    if counts.waiting:
        words += texts("stats_waiting", n=counts.waiting)
    if services.is_owner(update.effective_user) and (
        rules := await services.store.left_out_counts()
    ):
        words += texts("stats_left_out", rules=answers.left_out_rules(texts, rules))
    if lines := answers.quality(texts, info.measured or info.quality):
        words += texts("stats_quality", lines=Html("\n".join(lines)))
    await reply(message_of(update), words)


async def on_topics(update: Update, context: Context) -> None:
    """First page of the topics."""
    await topics.show(await context.conversation(update))


async def on_history(update: Update, context: Context) -> None:
    """One's own last questions, as buttons that ask them again."""
    conversation = await context.conversation(update)
    texts, services = conversation.texts, context.services
    titles: dict[str, int] = {}
    for asked in await services.store.history(conversation.user, HISTORY_READ):
        if asked.model != services.engine.info.id or asked.kind == "post":
            continue
        with suppress(ValueError):
            query = Query.from_bytes(asked.query)
            seen = None
            if query.kind != "text":
                language = texts.language
                seen = await services.work.run(services.engine.annotate, query, language=language)
            titles.setdefault(answers.question_title(query, seen, asked.asked), asked.id)
    shown = {number: title for title, number in list(titles.items())[:HISTORY_SHOWN] if title}
    if shown:
        await conversation.say(texts("history"), answers.history_keyboard(shown))
    else:
        await conversation.say(texts("history_none"))


async def on_trends(update: Update, context: Context) -> None:
    """Which topics grew over the last weeks, as a picture."""
    await trends.show(await context.conversation(update))


async def publish(bot: ExtBot[Any]) -> None:
    """Tell Telegram the commands in each language, for its menu."""
    for language in (None, *LANGUAGES):
        commands = Texts(known(language or DEFAULT)).commands
        await bot.set_my_commands(
            [BotCommand(name, what) for name, what in commands.items()], language_code=language
        )


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [
        CommandHandler(name, action, filters=filters.UpdateType.MESSAGE)
        for name, action in {
            "start": on_start,
            "help": on_help,
            "language": on_language,
            "privacy": on_privacy,
            "forget": on_forget,
            "stats": on_stats,
            "topics": on_topics,
            "trends": on_trends,
            "history": on_history,
        }.items()
    ]
