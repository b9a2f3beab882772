"""What a person sees in the local chat: messages, buttons and answers, for tests to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import Image2PicError

Json = dict[str, Any]


class LocalChatError(Image2PicError):
    """The local server refused what the user wanted to do.

    Attributes
    ----------
    code
        The HTTP status (400, 403, 404, 413 ...).
    description
        The server's words.
    """

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description = code, description


class LocalTimeoutError(LocalChatError, TimeoutError):
    """The bot did not do in time what was waited for."""

    def __init__(self, what: str) -> None:
        super().__init__(408, what)


@dataclass(frozen=True, slots=True)
class Button:
    """One button of an inline keyboard.

    Attributes
    ----------
    text
        What the button says.
    data
        Its ``callback_data``; None for a button that opens a link or inline mode.
    url
        Its link, if any.
    raw
        The button as the Bot API describes it.
    """

    text: str
    data: str | None
    url: str | None
    raw: Json


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message as the chat holds it.

    Attributes
    ----------
    raw
        The Bot API's ``Message`` object.
    """

    raw: Json

    @property
    def message_id(self) -> int:
        """The message's number within its chat."""
        return int(self.raw["message_id"])

    @property
    def chat_id(self) -> int:
        """The chat it is in."""
        return int(self.raw["chat"]["id"])

    @property
    def text(self) -> str:
        """The text or the caption, without markup; empty when it has neither."""
        return str(self.raw.get("text") or self.raw.get("caption") or "")

    @property
    def entities(self) -> list[Json]:
        """The entities of the text or the caption (offsets in UTF-16 code units)."""
        return list(self.raw.get("entities") or self.raw.get("caption_entities") or [])

    @property
    def from_bot(self) -> bool:
        """Whether a bot wrote it."""
        return bool(self.raw.get("from", {}).get("is_bot", False))

    @property
    def photo(self) -> list[Json]:
        """The sizes of its photo, smallest first; empty when it has none."""
        return list(self.raw.get("photo", []))

    @property
    def media_group_id(self) -> str | None:
        """The album it belongs to."""
        group = self.raw.get("media_group_id")
        return None if group is None else str(group)

    @property
    def reply_to(self) -> ChatMessage | None:
        """The message it replies to."""
        raw = self.raw.get("reply_to_message")
        return None if raw is None else ChatMessage(raw)

    @property
    def keyboard(self) -> list[list[Button]]:
        """The rows of its inline keyboard."""
        rows = self.raw.get("reply_markup", {}).get("inline_keyboard", [])
        return [
            [Button(b["text"], b.get("callback_data"), b.get("url"), b) for b in row]
            for row in rows
        ]

    @property
    def buttons(self) -> list[Button]:
        """All the buttons of its inline keyboard, row by row."""
        return [button for row in self.keyboard for button in row]

    def button(self, text: str) -> Button:
        """Find a button by its text.

        Parameters
        ----------
        text
            The button's whole text, or a part of it that no other button has.

        Raises
        ------
        LocalChatError
            No button, or more than one, fits.
        """
        exact = [button for button in self.buttons if button.text == text]
        near = exact or [button for button in self.buttons if text in button.text]
        if len(near) != 1:
            there = ", ".join(repr(button.text) for button in self.buttons) or "none"
            raise LocalChatError(
                400, f"{len(near)} buttons fit {text!r}; the message's buttons: {there}"
            )
        return near[0]


@dataclass(frozen=True, slots=True)
class ButtonAnswer:
    """What ``answerCallbackQuery`` told the user (a toast, an alert or nothing)."""

    text: str
    show_alert: bool
    url: str | None


@dataclass(frozen=True, slots=True)
class InlineAnswer:
    """One page of inline results.

    Attributes
    ----------
    query_id
        The inline query's id, needed to choose a result.
    results
        The Bot API's ``InlineQueryResult`` objects, at most 50.
    next_offset
        The offset of the next page; empty when this is the last.
    raw
        All of the answer (``button``, ``is_personal``, ...).
    """

    query_id: str
    results: list[Json]
    next_offset: str
    raw: Json
