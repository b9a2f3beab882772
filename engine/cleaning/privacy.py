"""What names a person in a post goes before anything is learnt from it or shown.

A handle becomes ``@user``, a phone number ``@phone``, an e-mail address ``@mail``, a card number
``@card``. `engine.text` leaves all of these out, while the advert filter still sees that there was
one.
"""

from __future__ import annotations

import re
from typing import Final

_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# VK: [id1|Name], @id1 (Name); the name of a community may stay.
_VK_PERSON: Final = re.compile(r"\[id\d{1,12}\|[^\]\n]{1,100}\]|[@*]id\d{1,12}\s?\([^)\n]{1,100}\)")
_VK_GROUP: Final = re.compile(r"\[(?:club|public|event)\d{1,12}\|([^\]\n]{1,100})\]")
_PROFILE: Final = re.compile(
    r"\b(?P<site>(?:t|telegram)\.me/|instagram\.com/|(?:twitter|x)\.com/|facebook\.com/"
    r"|(?:m\.)?vk\.(?:com|ru)/|tiktok\.com/@?|ok\.ru/profile/)(?P<name>[\w.]{2,64})",
    re.IGNORECASE,
)
_CHAT_LINK: Final = re.compile(
    r"\b(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send\?phone=|viber://\S{1,20}?number=)\+?[\d%B]{6,20}"
    r"|\btel:[+\d()-]{5,20}",
    re.IGNORECASE,
)
_HANDLE: Final = re.compile(r"(?<![\w/@])@(?!(?:user|phone|mail|card)\b)\w[\w.]{0,63}(?<!\.)")
# #tag@channel and /command@bot: what stands before the handle stays.
_ADDRESSED: Final = re.compile(r"(?<![\w/.])([#/]\w+)@\w+")
_DIGITS: Final = re.compile(
    r"(?<![\w+.,/=&№#-])(?<!№\s)(?<!\d:)\+?\s?\(?"
    r"\d(?:[\s().\u2010-\u2015\u2212\u00a0-]{0,3}\d){6,18}(?![\w/]|[.,]\d)"
)
_CARD: Final = re.compile(r"\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}")
_YEARS: Final = re.compile(r"(?:(?:1[5-9]|20)\d\d[ -]?){4}")
# A page of VK's that names nobody: a post, a photo, an album, a community by its number.
_VK_PAGE: Final = re.compile(
    r"(?:wall|photo|album|albums|video|videos|topic|doc|clip|clips|market|product|story|poll|club"
    r"|public|event|app|feed|search)(?=[-\d]|\W|$)",
    re.IGNORECASE,
)
_LOCAL: Final = re.compile(r"\d{3}-\d{2}-\d{2}|\d{3}-\d{4}")
_NO_PHONE: Final = re.compile(
    r"\d{4}[-.]\d{2}[-.]\d{2}\b.*|\d{2}[-.]\d{2}[-.]\d{4}\b.*|\d{4}\s?[-–—]\s?\d{4}"
    r"|(?![78] \d{3} \d{3})\d{1,3}(?: \d{3})+|\d{1,3}(?:\.\d{3}){2,}"
)


def redact(text: str) -> str:
    """Replace handles, phone numbers, e-mail addresses and card numbers by what they are.

    Doing it twice changes nothing more.

    Parameters
    ----------
    text
        A post's text.
    """
    if "@" in text:
        text = _MAIL.sub("@mail", text)
    text = _VK_GROUP.sub(r"\1", _VK_PERSON.sub("@user", text))
    text = _CHAT_LINK.sub("@phone", text)
    text = _PROFILE.sub(_profile, text)
    text = _HANDLE.sub("@user", _ADDRESSED.sub(r"\1", text))
    return _DIGITS.sub(_number, text)


def _profile(match: re.Match[str]) -> str:
    # Posts of a channel (t.me/c/12/34) name nobody.
    if match["name"].lower() in {"c", "s", "joinchat", "share", "p", "reel", "status", "hashtag"}:
        return match.group()
    if "vk." in match["site"].lower() and _VK_PAGE.match(match.string, match.start("name")):
        return match.group()
    return match["site"] + "@user"


def _number(match: re.Match[str]) -> str:
    written = match.group().replace("\u00a0", " ")
    digits = sum(char.isdigit() for char in written)
    if _YEARS.fullmatch(written.strip()):
        return match.group()
    if _CARD.fullmatch(written.strip()):
        return "@card"
    if written.lstrip().startswith("+"):
        return "@phone" if 8 <= digits <= 15 else match.group()
    if _NO_PHONE.fullmatch(written):
        return match.group()
    if 10 <= digits <= 12 or _LOCAL.fullmatch(written):
        return "@phone"
    return match.group()
