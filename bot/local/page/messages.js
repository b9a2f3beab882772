// The list of messages: bubbles, albums, keyboards. One block per message or album.

import { byId, colourOf, el, face, fileUrl, icon, initials, sizeFor } from "./dom.js";
import { richText } from "./entities.js";
import { bytes, dayOf, t, timeOf } from "./i18n.js";
import { openMenu, openViewer } from "./viewer.js";

// How many photos each row of an album has.
const ROWS = { 2: [2], 3: [1, 2], 4: [2, 2], 5: [2, 3], 6: [3, 3], 7: [2, 2, 3], 8: [2, 3, 3], 9: [3, 3, 3], 10: [2, 2, 3, 3] };

const THUMBS = { "👍": "thumb-up", "👎": "thumb-down" };
const MAX_SHOWN = 300;
const KEPT_SHOWN = 100;
const LONG_CAPTION = 120; // characters of a caption that stands beside its photo where there is room
const LOAD_MILLISECONDS = 1500; // that a new photo is waited for

// What a first visit shows to try: scenes that ship, and words for such.
const EXAMPLES = ["sunset-sea", "snowy-forest", "night-city"];

export function snippet(message) {
  const text = message.text || message.caption;
  if (text) return text.replace(/\s+/g, " ");
  if (message.photo) return t("photo");
  if (message.document) return message.document.file_name || t("file");
  return t("other");
}

// Not every machine has a font with emoji, and votes are what most buttons are for.
function drawn(text) {
  return text.split(/(👍|👎)/u).filter(Boolean).map((part) => (THUMBS[part] ? icon(THUMBS[part]) : part));
}

export function nameOf(message, state) {
  const author = message.from ?? message.sender_chat ?? message.chat;
  if (author.id === state.user.id) return t("you");
  return author.title ?? author.first_name ?? "";
}

export class MessageList {
  constructor(state, actions) {
    this.state = state;
    this.actions = actions;
    this.messages = new Map();
    this.nodes = new Map();
    this.turns = new Map();
    this.asked = Infinity; // the last message when a button was pressed
    this.root = byId("messages");
    this.complete = false;
  }

  reset(messages, complete) {
    this.messages = new Map(messages.map((message) => [message.message_id, message]));
    this.complete = complete;
    this.render();
  }

  prepend(messages, complete) {
    this.messages = new Map([...messages.map((m) => [m.message_id, m]), ...this.messages]);
    this.complete = complete;
    this.render();
  }

  get oldest() {
    return this.messages.keys().next().value;
  }

  keyOf(message) {
    return message.media_group_id ? `g${message.media_group_id}` : `m${message.message_id}`;
  }

  block(key) {
    return [...this.messages.values()].filter((message) => this.keyOf(message) === key);
  }

  put(message) {
    const isNew = !this.messages.has(message.message_id);
    const newest = this.last?.message_id ?? 0;
    this.messages.set(message.message_id, message);
    const key = this.keyOf(message);
    const node = this.nodes.get(key);
    if (node) {
      return this.redraw(key, isNew);
    }
    if (isNew && message.message_id > newest) {
      this.root.querySelector(".empty")?.remove();
      this.append([message]);
    } else {
      this.render();
    }
    return Promise.resolve();
  }

  node(message) {
    return this.nodes.get(this.keyOf(message));
  }

  // A photo in place of another is loaded first: nothing flickers, and nobody loses the place.
  async redraw(key, isNew) {
    const fresh = this.draw(this.block(key), this.nodes.get(key).dataset.joined === "1");
    if (!isNew) fresh.classList.add("still");
    const turn = (this.turns.get(key) ?? 0) + 1;
    this.turns.set(key, turn);
    const photo = fresh.querySelector(".photo img");
    if (photo && !isNew) {
      photo.loading = "eager";
      await Promise.race([photo.decode().catch(() => {}), new Promise((resolve) => setTimeout(resolve, LOAD_MILLISECONDS))]);
    }
    const node = this.nodes.get(key);
    if (!node || this.turns.get(key) !== turn) return;
    const buttons = (of) => [...of.querySelectorAll("button, a")];
    const focused = buttons(node).indexOf(document.activeElement);
    node.replaceWith(fresh);
    this.nodes.set(key, fresh);
    if (focused >= 0) {
      const label = buttons(node)[focused].getAttribute("aria-label");
      const again = buttons(fresh);
      (again.find((one) => one.getAttribute("aria-label") === label) ?? again[Math.min(focused, again.length - 1)])?.focus({ preventScroll: true });
    }
  }

  // What an answer with a picture begins with: the first after the last press, or after one's own last message.
  get answer() {
    let found = null;
    let fresh = null;
    for (const message of this.messages.values()) {
      if (message.from?.id === this.state.user.id && !message.via_bot) {
        found = null;
        fresh = null;
      } else if (message.photo) {
        found ??= message;
        if (message.message_id > this.asked) fresh ??= message;
      }
    }
    const first = fresh ?? found;
    return (first && this.node(first)) ?? null;
  }

  // Of very many the newest are enough; the others are loaded again by whoever scrolls up.
  trim() {
    if (this.messages.size > MAX_SHOWN) this.reset([...this.messages.values()].slice(-KEPT_SHOWN), false);
  }

  remove(messageId) {
    if (this.messages.delete(messageId)) this.render();
  }

  render() {
    this.root.replaceChildren();
    this.nodes.clear();
    this.last = null;
    const blocks = new Map();
    for (const message of this.messages.values()) {
      const key = this.keyOf(message);
      blocks.set(key, [...(blocks.get(key) ?? []), message]);
    }
    for (const block of blocks.values()) this.append(block);
    for (const node of this.nodes.values()) node.classList.add("still");
    if (!blocks.size) this.root.append(this.empty());
  }

  append(block) {
    const [first] = block;
    const day = dayOf(first.date);
    const newDay = !this.last || dayOf(this.last.date) !== day;
    if (newDay) this.root.append(el("div", { class: "day" }, el("span", {}, day)));
    const author = (m) => (m.from ?? m.sender_chat ?? m.chat).id;
    const joined = !newDay && author(this.last) === author(first) && first.date - this.last.date < 300;
    const node = this.draw(block, joined);
    this.nodes.set(this.keyOf(first), node);
    this.root.append(node);
    this.last = block[block.length - 1];
  }

  empty() {
    const kind = this.state.chat.type;
    const bot = this.state.bot;
    if (kind !== "private") {
      const text = t(kind === "channel" ? "emptyChannel" : "emptyGroup", { bot: bot.username });
      return el("div", { class: "empty" }, icon(kind === "channel" ? "horn" : "people"), el("p", {}, text));
    }
    const photos = EXAMPLES.map((name) => {
      const image = el("img", { src: `examples/${name}.jpg`, alt: "", width: 96, height: 96 });
      const button = el("button", { type: "button", "aria-label": t("tryPhoto", { name: t(`try_${name}`) }), onclick: () => this.actions.sendPhoto(image.src) }, image);
      image.addEventListener("error", () => button.remove());
      return button;
    });
    const words = EXAMPLES.map((name) => t(`try_${name}`));
    return el(
      "div", { class: "empty" },
      face("big"),
      el("h3", {}, t("welcome")),
      el("p", {}, t("welcomeText")),
      el("div", { class: "try-photos" }, photos),
      el("div", { class: "try-words" }, words.map((text) => el("button", { type: "button", onclick: () => this.actions.sendText(text) }, text))),
      el("button", { type: "button", class: "primary", onclick: () => this.actions.sendText("/start") }, t("start")),
      el("p", { class: "hint" }, t("welcomePosts")),
    );
  }

  draw(block, joined) {
    const [first] = block;
    const last = block[block.length - 1];
    const { state } = this;
    const own = first.from?.id === state.user.id;
    const named = first.chat.type === "supergroup" && !own;
    const author = first.from ?? first.sender_chat ?? first.chat;
    const name = nameOf(first, state);
    const photos = block.filter((message) => message.photo);
    const captions = block.filter((message) => message.caption);
    const single = block.length === 1;
    const bubble = el("div", { class: "bubble" });
    if (named && !joined) bubble.append(el("div", { class: `author ${colourOf(author.id)}` }, name));
    if (first.via_bot) bubble.append(el("div", { class: "label" }, t("via", { bot: first.via_bot.username })));
    if (first.forward_origin) bubble.append(this.forwarded(first.forward_origin));
    if (first.reply_to_message) bubble.append(this.quote(first.reply_to_message));
    if (photos.length) bubble.append(this.photos(photos));
    for (const message of block) if (message.document && !message.animation) bubble.append(this.document(message.document));
    if (first.text) bubble.append(this.text(first.text, first.entities));
    else if (captions.length === 1) bubble.append(this.text(captions[0].caption, captions[0].caption_entities));
    else if (captions.length > 1) bubble.append(this.captions(photos, captions));
    const moving = first.sticker ?? first.animation ?? first.video ?? first.video_note;
    if (moving?.thumbnail) bubble.append(el("img", { class: "moving", src: fileUrl(moving.thumbnail.file_id), alt: t("other") }));
    else if (!first.text && !photos.length && !first.document) bubble.append(el("p", { class: "text other" }, t("other")));
    const edited = last.edit_date && !(last.from?.is_bot) ? `${t("edited")} ` : "";
    bubble.append(el("time", { datetime: new Date(last.date * 1000).toISOString() }, edited + timeOf(last.date)));
    const photosOnly = photos.length && !captions.length && !first.text;
    const label = `${name}: ${single || !photos.length ? snippet(first) : t("album", { n: photos.length })}`;
    return el(
      "article",
      {
        class: ["message", own ? "own" : "", joined ? "joined" : "", photosOnly ? "bare" : "", photos.length > 1 ? "album" : "", photos.length ? "pictured" : "", single && photos.length && !own && first.caption?.length > LONG_CAPTION ? "wide" : ""].join(" "),
        "aria-label": label,
        dataset: { id: first.message_id, joined: joined ? "1" : "" },
      },
      named ? this.avatar(author, joined) : null,
      el("div", { class: "column" }, bubble, this.keyboard(last.reply_markup ? last : first)),
      this.tools(first, block),
    );
  }

  avatar(author, joined) {
    if (author.id === this.state.bot.id && !joined) return face();
    return el("span", { class: `avatar ${joined ? "ghost" : colourOf(author.id)}`, "aria-hidden": "true" }, initials(author.first_name ?? author.title));
  }

  // Of a channel's post, with the link to where it stands.
  forwarded({ chat, message_id: number, sender_user: user, sender_user_name: name }) {
    const text = t("forwarded", { name: chat?.title ?? user?.first_name ?? name ?? "" });
    const place = chat && (chat.username ?? `c/${String(chat.id).replace("-100", "")}`);
    const href = place && number ? `https://t.me/${place}/${number}` : null;
    return el("div", { class: "label" }, href ? el("a", { href, target: "_blank", rel: "noopener noreferrer" }, text) : text);
  }

  quote(message) {
    const thumb = message.photo ? el("img", { src: fileUrl(message.photo[0].file_id), alt: "" }) : null;
    return el(
      "button",
      { type: "button", class: "quote", onclick: () => this.jump(message.message_id) },
      thumb,
      el("span", {}, el("b", {}, nameOf(message, this.state)), el("span", { class: "quote-text" }, snippet(message))),
    );
  }

  jump(id) {
    const target = this.messages.get(id);
    const node = target && this.nodes.get(this.keyOf(target));
    if (!node) return;
    node.scrollIntoView({ block: "center", behavior: "smooth" });
    node.classList.add("flash");
    setTimeout(() => node.classList.remove("flash"), 1400);
  }

  text(text, entities) {
    return el("div", { class: "text", dir: "auto" }, richText(text, entities, { command: this.actions.sendText, word: this.actions.insert }));
  }

  photos(messages) {
    const grid = el("div", { class: `photos n${messages.length}` });
    const rows = ROWS[messages.length] ?? [1];
    let place = 0;
    for (const row of rows) {
      for (let i = 0; i < row; i += 1) {
        const index = place;
        const message = messages[index];
        place += 1;
        if (!message) continue;
        const size = sizeFor(message.photo, (messages.length === 1 ? 460 : row === 1 ? 460 : 230) * devicePixelRatio);
        const image = el("img", {
          src: fileUrl(size.file_id), width: size.width, height: size.height, loading: "lazy", alt: message.caption || t("photo"),
        });
        image.addEventListener("error", () => image.classList.add("broken"));
        const button = el("button", {
          type: "button", class: `photo row${row}`, "aria-label": t("view", { n: index + 1 }), onclick: () => openViewer(messages, index),
        }, image);
        if (messages.length > 1) button.append(el("span", { class: "number", "aria-hidden": "true" }, String(index + 1)));
        grid.append(button);
      }
    }
    return grid;
  }

  captions(photos, captions) {
    return el(
      "ol", { class: "captions" },
      captions.map((message) => {
        const index = photos.indexOf(message);
        const open = el("button", { type: "button", class: "caption", onclick: () => openViewer(photos, Math.max(index, 0)) }, message.caption.replace(/\s+/g, " "));
        return el("li", { value: index + 1 }, open);
      }),
    );
  }

  document(document) {
    const preview = document.thumbnail
      ? el("img", { src: fileUrl(document.thumbnail.file_id), alt: "" })
      : el("span", { class: "file-icon" }, icon("file"));
    return el(
      "a",
      { class: "document", href: fileUrl(document.file_id), download: document.file_name || "file" },
      preview,
      el("span", {}, el("b", {}, document.file_name || t("file")), el("small", {}, bytes(document.file_size ?? 0))),
    );
  }

  keyboard(message) {
    const rows = message.reply_markup?.inline_keyboard;
    if (!rows) return null;
    return el(
      "div", { class: "keyboard" },
      rows.map((row) =>
        el("div", { class: "keys" }, row.map((key) => {
          const link = key.url ? " ↗" : "";
          const button = el("button", { type: "button", class: `key ${key.style ?? ""}`, "aria-label": key.text }, drawn(key.text + link));
          button.addEventListener("click", () => this.actions.press(message, key, button));
          return button;
        })),
      ),
    );
  }

  tools(message, block) {
    const more = el("button", { type: "button", class: "icon-button", "aria-label": t("more"), "aria-haspopup": "menu" }, icon("more"));
    more.addEventListener("click", () => openMenu(more, this.actions.menu(message, block)));
    return el(
      "div", { class: "tools" },
      el("button", { type: "button", class: "icon-button", "aria-label": t("reply"), onclick: () => this.actions.reply(message) }, icon("reply")),
      more,
    );
  }
}
