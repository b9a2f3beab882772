"""English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final = ("sunset over the sea", "snowy forest", "night city", "mountain lake")

COMMANDS: Final[Mapping[str, str]] = {
    "start": "what I can do, with examples",
    "find": "find pictures for words",
    "topics": "what the library is about",
    "trends": "what grew over the last weeks",
    "history": "your last questions",
    "stats": "how much there is, and how good I am",
    "language": "change the language",
    "help": "everything I understand",
    "privacy": "what I keep about you",
    "forget": "delete what I keep about you",
}

#: What the model's own measurements mean; others are not shown. All but the first in per cent.
QUALITY: Final[Mapping[str, str]] = {
    "held_out_posts": "measured on posts it has not learnt from",
    "text_to_photo_r10": "the right photo among the first ten for a text",
    "photo_to_text_r10": "the right text among the first ten for a photo",
    "text_to_photo_ru_r10": "the right photo for a Russian text",
    "annotation_p5": "of the first five words for a photo, right ones",
}

TEXTS: Final[Mapping[str, str | tuple[str, ...]]] = {
    "start": (
        "Hello, {name}! I find posts by meaning.\n\n"
        "• Send me a <b>photo</b>: I tell what I see and find posts like it.\n"
        "• Send me <b>words</b>: I find pictures for them.\n"
        "• Send <b>both</b> (a photo with a caption): I look for both at once.\n"
        "• In any chat type <code>@{bot} sunset</code> to send a picture from the library.\n\n"
        "Try one of these:"
    ),
    "help": (
        "<b>Photo</b>: send one, several as an album, a sticker, a GIF, a video, or a picture as a "
        "file; forward one; or reply to one with words.\n"
        "<b>Words</b>: “dogs in the snow”. A minus leaves things out: “sea -people”.\n"
        '<b>Filters</b>: since:2025-01, until:2025, from:@channel, #tag, "exact words".\n'
        "<b>Both</b>: a photo with a caption, or words in reply to a photo.\n"
        "<b>The answer</b> is one picture. A number opens that post, ◀ and ▶ turn the page, "
        "<i>Why?</i> shows what I understood. 👍 and 👎 under a post change the order at once, and "
        "help others a little; pressed again they are taken back.\n"
        "<b>In a group</b>: mention me, reply to me, or write /find and the words.\n"
        "<b>Inline</b>: <code>@{bot} words</code> in any chat.\n\n"
        "{commands}"
    ),
    "help_owner": (
        "\n\n<b>For owners</b>: /remove in reply to a post takes it out of the library; "
        "/library in a group makes its photos posts, /library off ends that; /leftout shows the "
        "adverts and copies that were kept out of it."
    ),
    "privacy": (
        "What I keep: your language; what you asked (your words, and its topics as numbers; of a "
        "photo neither the picture nor the file, but Telegram's own reference to it, so that "
        "<i>Why?</i> works later); and your votes. A question is deleted after {days} days; where "
        "you voted on its answer, its words and the reference are. Photos you ask with are never "
        "written to disk. /forget deletes all of it at once."
    ),
    "forgotten": "Done: I deleted {queries} and {votes} of yours. I know nothing about you now.",
    "n_questions": ("{n} question", "{n} questions"),
    "n_votes": ("{n} vote", "{n} votes"),
    "n_posts": ("{n} post", "{n} posts"),
    "n_topics": ("{n} topic", "{n} topics"),
    "n_people": ("{n} person", "{n} people"),
    "language": "Which language do you want me to use?",
    "language_set": "I will answer you in English.",
    "see": "<b>I see:</b> {words}",
    "see_nothing": "I can't put this picture into words.",
    "found_like": "Posts like that one:",
    "filters": "Only: {filters}.",
    "bad_date": "I don't understand the date “{date}”. Write since:2025, since:2025-01 or "
    "since:2025-01-15.",
    "history": "Your last questions. Press one to ask it again:",
    "history_none": "You have not asked anything yet, or I no longer keep it.",
    "trends": "<b>What grew lately</b>: the last {weeks} weeks against the {before} before. "
    "A number shows the topic.",
    "trends_none": "There are not enough posts with dates to see what grew.",
    "without": "Without: {words}.",
    "unknown_some": "New to me: {words}.",
    "unknown": "I know none of these words: {words}.",
    "suggest": "Did you mean: {words}?",
    "unknown_hint": "Try other words, or send a photo.",
    "nothing": "Nothing in the library is close enough. Try other words or another photo.",
    "no_more": "That was all: nothing else is close enough.",
    "empty": "Send me a photo or some words to look for.",
    "empty_find": "Write what to look for after the command: <code>/find sunset</code>, "
    "or reply with it to a photo.",
    "only_minus": "There are only words to leave out. What should I look for?",
    "busy": "Many people are asking just now. Please try again in a moment.",
    "too_many_bytes": "This file is too large: I take photos up to {limit} MB.",
    "too_many_pixels": "This photo has too many pixels for me. Send it as a photo, not as a file, "
    "or make it smaller.",
    "not_a_photo": "I can't read this as a photo. I take JPEG, PNG, WebP, GIF, BMP and TIFF.",
    "photo_gone": "I can't get that photo any more. Please send it again.",
    "photo_on_server": "That photo lies on the Bot API server's own disk, where I can't read it. "
    "My owner can give me that folder under the same path, or start the server without --local.",
    "unsupported": "I understand photos, videos, stickers and words, but not this.",
    "gone": "That post is no longer in the library.",
    "stale": "This button is too old: please ask again.",
    "forged": "I don't know this button.",
    "not_yours": "These buttons belong to whoever asked. Ask me something yourself!",
    "voted_up": "Thank you! More like this: the answer is in a new order.",
    "voted_down": "Thank you! Less like this: the answer is in a new order.",
    "voted_undone": "Your vote is taken back.",
    "reordered": "<i>In the order of your votes.</i>",
    "less_close": "<i>Less close:</i>",
    "untitled": "a photo without words",
    "not_allowed": "My owner decides who may ask me, and you are not on the list.",
    "error": "Something went wrong on my side. It has been noted; please try again.",
    "set_aside": "I broke down over this twice, so I leave it. Please ask in other words, or with "
    "another photo.",
    "not_kept": "(My disk is full, so these posts come without buttons.)",
    "disk_full": "My disk is full, so I can't keep that just now. Please try later.",
    "photo_missing": "photo not available",
    "explain_heading": "What I see in it",
    "explain_heading_text": "What it is about",
    "explain_less": "less",
    "explain_more": "more",
    "explain_none": "There is nothing here that I could explain.",
    "topics": "<b>Topics</b> {first}–{last} of {all}. A number shows its posts.",
    "topic_bad": "There is no such topic.",
    "topics_empty": "The library has no posts to show yet.",
    "stats": (
        "<b>Library</b>: {posts}\n"
        "<b>Model</b>: {topics}, encoder {encoder}, learnt from {trained}\n"
        "<b>Asked by</b>: {people}; {votes}"
    ),
    "stats_waiting": ("\n{n} post is being read.", "\n{n} posts are being read."),
    "stats_left_out": "\n<b>Left out</b> (/leftout): {rules}",
    "stats_quality": "\n<b>Measured quality</b>:\n{lines}",
    "owner_only": "Only my owner can do that.",
    "remove_reply": "Reply with /remove to the post that you want to take out, or to my "
    "picture of it.",
    "remove_unknown": "I don't know that message as a post of the library.",
    "removed": ("Removed {n} post from the library.", "Removed {n} posts from the library."),
    "library_group_only": "Use /library in a group that I am in.",
    "library_on": "New photos in this group are posts of the library from now on.",
    "library_off": "New photos in this group are no longer posts of the library.",
    "left_out": "<b>Left out of the library</b>: {rules}. The latest; press a number to keep it "
    "after all.",
    "left_out_none": "Nothing was left out of the library lately.",
    "left_out_gone": "That is no longer kept.",
    "put_back": ("Kept: {n} post comes into the library.", "Kept: {n} posts come in."),
    "rule_broken photo": ("broken photo", "broken photos"),
    "rule_tiny photo": ("tiny photo", "tiny photos"),
    "rule_too short": ("too short", "too short"),
    "rule_advert": ("advert", "adverts"),
    "rule_same photo": ("copy of a photo", "copies of a photo"),
    "rule_near-duplicate photo": ("near-duplicate photo", "near-duplicate photos"),
    "rule_same text": ("repost of a text", "reposts of a text"),
    "rule_ended the bot": ("ended the bot twice", "ended the bot twice"),
    "inline_unknown": "I don't know these words",
    "inline_nothing": "Nothing is close enough",
    "inline_instead": "Shown instead: {words}",
    "inline_help": "What can I type here?",
    "button_keep": "Keep {n}",
    "button_explain": "Why?",
    "button_like": "More like this",
    "button_back": "◀ Posts",
    "button_topics": "All topics",
    "button_photo": "Photo {n}",
    "away": "I was away when you wrote this. Please ask again, and I will answer at once.",
    "no_photos": "I am not allowed to send photos in this group, so I answer in words. "
    "An administrator can change that.",
    "greeting": "Hello! I find posts by meaning. Write /find and some words, "
    "reply to a photo with /find, or mention @{bot}.",
    "source": "source",
}
