// The chat page: who is who, which chat is open, and what happens in it.

import { get, listen, post } from "./api.js";
import { Composer } from "./composer.js";
import { byId, colourOf, el, face, icon } from "./dom.js";
import { chosenFolder } from "./folder.js";
import { safeUrl } from "./entities.js";
import { language, languages, setLanguage, stampOf, t } from "./i18n.js";
import { InlinePanel } from "./inline.js";
import { MessageList, snippet } from "./messages.js";
import { View } from "./scroll.js";
import { TakeOver } from "./takeover.js";
import { alertBox, openMenu, openViewer, toast } from "./viewer.js";

const PAGE = 60;
const PEOPLE = [1001, 1002, 1003];
const ICONS = { supergroup: "people", channel: "horn" };
const memory = {
  get: (key, fallback) => localStorage.getItem(`chat.${key}`) ?? fallback,
  set: (key, value) => localStorage.setItem(`chat.${key}`, value),
};

const state = {
  user: null,
  bot: null,
  chats: [],
  chat: null,
  saveDraft: (text) => memory.set(`draft.${state.user.id}.${state.chat.id}`, text),
};
const scroll = byId("scroll");
const view = new View(scroll, [byId("messages"), byId("typing")], () => list?.answer ?? null, () => {
  byId("to-end").hidden = view.near;
  if (scroll.scrollTop < 120) older();
});
const unread = new Map();
let list;
let composer;
let inline;
let takeover;
let source;
let typingTimer;
let loadingOlder = false;
let chatsTimer = null;

// Look ---------------------------------------------------------------------------------------

function isDark() {
  const theme = memory.get("theme", "auto");
  return theme === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
}

function drawTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  byId("theme").replaceChildren(icon(isDark() ? "sun" : "moon"));
  byId("theme").setAttribute("aria-label", t(isDark() ? "toLight" : "toDark"));
  byId("theme").title = t(isDark() ? "toLight" : "toDark");
}

// The texts that stay stand in index.html by their keys.
function drawTexts() {
  const values = { bot: state.bot.username };
  document.title = `${state.bot.first_name} · ${t("brand")}`;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label, values));
  for (const node of document.querySelectorAll("[data-title]")) node.title = t(node.dataset.title, values);
  byId("inline-query").placeholder = t("inlineQuery", values);
  for (const button of byId("languages").children) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language()));
  }
  takeover.draw();
  drawTheme();
}

function titleOf(chat) {
  return chat.type === "private" ? state.bot.first_name : chat.title;
}

function avatarOf(chat) {
  if (chat.type === "private") return face();
  return el("span", { class: `avatar ${colourOf(chat.id)}`, "aria-hidden": "true" }, icon(ICONS[chat.type]));
}

const kindKey = (chat) => (chat.type === "supergroup" ? "group" : chat.type);
const kindOf = (chat) => t(kindKey(chat));

// Posts that are taken over come by the dozen, and what the bot stores is deleted at once.
function drawChatsSoon() {
  chatsTimer ??= setTimeout(() => {
    chatsTimer = null;
    drawChats();
  }, 100);
}

function drawChats() {
  const focused = document.activeElement?.dataset.chat;
  byId("chats").replaceChildren(
    ...state.chats.map((chat) => {
      const count = unread.get(chat.id)?.size ?? 0;
      const button = el(
        "button",
        { type: "button", class: "chat", dataset: { chat: chat.id }, "aria-current": chat.id === state.chat.id ? "true" : null, onclick: () => openChat(chat.id) },
        avatarOf(chat),
        el("span", { class: "chat-kind", "aria-hidden": "true" }, t(chat.type === "private" ? "privateShort" : kindKey(chat))),
        el(
          "span", { class: "chat-names" },
          el("span", { class: "chat-top" }, el("b", {}, titleOf(chat)), chat.last ? el("time", {}, stampOf(chat.last.date)) : null),
          el("span", { class: "chat-last" }, chat.last ? snippet(chat.last) : kindOf(chat)),
        ),
        count ? el("span", { class: "badge", "aria-label": `${t("newMessages")}: ${count}` }, count > 999 ? "999+" : String(count)) : null,
      );
      return button;
    }),
  );
  // The button under the keyboard was replaced with the others.
  if (focused) document.querySelector(`[data-chat="${focused}"]`)?.focus();
}

function drawHead(action = null) {
  const { chat, bot } = state;
  byId("room-title").textContent = titleOf(chat);
  byId("room-avatar").replaceChildren(avatarOf(chat));
  const usual = { private: "bot", supergroup: "members", channel: "subscribers" }[chat.type];
  const words = action ? t(["typing", "upload_photo", "upload_document"].includes(action) ? action : "action") : t(chat.bot_member ? usual : "absent");
  byId("room-status").textContent = chat.type === "private" && !action ? `@${bot.username} · ${words}` : words;
  byId("room-status").classList.toggle("busy", Boolean(action));
  byId("typing").hidden = !action;
}

function drawPeople() {
  byId("person").replaceChildren(
    ...state.users.map((user) => el("option", { value: user.id, selected: user.id === state.user.id }, user.first_name)),
  );
}

// Chats --------------------------------------------------------------------------------------

async function openChat(id) {
  state.chat = state.chats.find((chat) => chat.id === id) ?? state.chats[0];
  memory.set(`chat.${state.user.id}`, state.chat.id);
  unread.delete(state.chat.id);
  clearTimeout(typingTimer);
  drawChats();
  drawHead();
  inline.close();
  byId("open-inline").hidden = state.chat.type === "channel";
  composer.load(memory.get(`draft.${state.user.id}.${state.chat.id}`, ""));
  const wanted = state.chat;
  const { messages } = await get("messages", { user_id: state.user.id, chat_id: wanted.id, limit: PAGE });
  if (wanted !== state.chat) return;
  list.asked = Infinity;
  list.reset(messages, messages.length < PAGE);
  view.toEnd();
}

async function older() {
  if (loadingOlder || list.complete || !list.oldest) return;
  loadingOlder = true;
  try {
    const { messages } = await get("messages", { user_id: state.user.id, chat_id: state.chat.id, before: list.oldest, limit: PAGE });
    const height = scroll.scrollHeight;
    list.prepend(messages, messages.length < PAGE);
    scroll.scrollTop += scroll.scrollHeight - height;
  } finally {
    loadingOlder = false;
  }
}

function onEvent(event) {
  if (event.type === "user") return;
  if (event.type === "import") {
    takeover.show(event.state);
    return;
  }
  const id = event.message?.chat.id ?? event.chat_id;
  const chat = state.chats.find((one) => one.id === id);
  if (!chat) return;
  const here = chat === state.chat;
  if (event.type === "message") {
    [chat.before, chat.last] = [chat.last, event.message];
    const own = event.message.from?.id === state.user.id;
    if (!own) stopTyping(chat);
    if (here) list.put(event.message);
    else if (!own) unread.set(id, (unread.get(id) ?? new Set()).add(event.message.message_id));
    if (here && view.pinned) list.trim();
    drawChatsSoon();
    if (here && (view.pinned || own)) requestAnimationFrame(() => view.toEnd(true));
    else if (here) byId("to-end").hidden = false;
  } else if (event.type === "edited") {
    if (chat.last?.message_id === event.message.message_id) chat.last = event.message;
    if (event.message.edit_date) stopTyping(chat);
    if (here) list.put(event.message).then(() => showPressed(event.message));
    drawChatsSoon();
  } else if (event.type === "deleted") {
    if (chat.last?.message_id === event.message_id) chat.last = chat.before;
    unread.get(id)?.delete(event.message_id);
    if (here) list.remove(event.message_id);
    drawChatsSoon();
  } else if (event.type === "action" && here) {
    drawHead(event.action);
    clearTimeout(typingTimer);
    typingTimer = setTimeout(() => stopTyping(chat), 5000);
  }
}

// What a button has changed is seen: its photo may stand above the view.
function showPressed(message) {
  const photo = message.message_id === state.pressed && list.node(message)?.querySelector(".photos");
  if (!photo) return;
  state.pressed = null;
  const above = scroll.getBoundingClientRect().top + 8 - photo.getBoundingClientRect().top;
  if (above > 0) scroll.scrollBy({ top: -above, behavior: "smooth" });
}

function stopTyping(chat) {
  if (chat === state.chat) {
    clearTimeout(typingTimer);
    drawHead();
  }
}

// What can be done with a message -------------------------------------------------------------

async function press(message, key, button) {
  if (key.url) {
    const url = safeUrl(key.url);
    if (url) open(url, "_blank", "noopener,noreferrer");
    return;
  }
  if (key.switch_inline_query_current_chat !== undefined || key.switch_inline_query !== undefined) {
    inline.show(key.switch_inline_query_current_chat ?? key.switch_inline_query);
    return;
  }
  if (key.copy_text) {
    copy(key.copy_text.text);
    return;
  }
  // Not `disabled`: the focus has to stay for whoever presses by the keyboard.
  if (key.callback_data === undefined || button.classList.contains("busy")) return;
  button.classList.add("busy");
  state.pressed = message.message_id;
  list.asked = [...list.messages.keys()].at(-1);
  try {
    const { answer } = await post("press", {
      user_id: state.user.id, chat_id: message.chat.id, message_id: message.message_id, data: key.callback_data,
    });
    if (answer.text && answer.show_alert) alertBox(answer.text);
    else if (answer.text) toast(answer.text);
  } catch (error) {
    toast(error.status === 408 ? t("noAnswer") : error.message, "bad");
  } finally {
    button.classList.remove("busy");
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("saved"));
  } catch (error) {
    toast(error.message, "bad");
  }
}

async function attempt(path, payload) {
  try {
    return await post(path, { user_id: state.user.id, ...payload });
  } catch (error) {
    toast(error.message, "bad");
    return null;
  }
}

function messageMenu(message, block) {
  const at = { chat_id: message.chat.id, message_id: message.message_id };
  const own = message.from?.id === state.user.id || message.chat.type === "channel";
  const text = block.map((one) => one.text || one.caption || "").filter(Boolean).join("\n\n");
  const items = [{ label: t("reply"), act: () => composer.context("reply", message) }];
  if (own && !message.via_bot) items.push({ label: t("edit"), act: () => composer.context("edit", message) });
  if (text) items.push({ label: t("copy"), act: () => copy(text) });
  for (const chat of state.chats) {
    if (chat.id === message.chat.id || (chat.type === "channel" && state.user.id !== state.owner)) continue;
    items.push({
      label: t("forward", { chat: titleOf(chat) }),
      act: () => attempt("forward", { from_chat_id: message.chat.id, message_id: message.message_id, chat_id: chat.id }),
    });
  }
  if (own || message.chat.type === "private") {
    items.push({ label: t("delete"), danger: true, act: () => block.forEach((one) => attempt("delete", { ...at, message_id: one.message_id })) });
  }
  return items;
}

function roomMenu() {
  const { chat } = state;
  const key = chat.type === "private" ? (chat.bot_member ? "botBlock" : "botUnblock") : chat.bot_member ? "botRemove" : "botAdd";
  return [{
    label: t(key),
    danger: chat.bot_member,
    act: async () => {
      const done = await attempt("membership", { chat_id: chat.id, member: !chat.bot_member });
      if (done) chat.bot_member = done.member;
      drawHead();
    },
  }];
}

// A link to a post that is here, too: of a chat of this page, or one that was taken over.
async function showPost(event) {
  const link = event.target.closest?.("a");
  const [, number, name, message] = link?.href.match(/^https:\/\/t\.me\/(?:c\/(\d+)|(\w+))\/(\d+)$/) ?? [];
  if (!message || link.closest(".label")) return;
  event.preventDefault();
  const { post: found, known } = await get("post", { user_id: state.user.id, chat: name ? `@${name}` : `-100${number}`, message_id: message });
  if (found?.photo) openViewer([found], 0);
  else if (known) toast(t("sourceGone"));
  else open(link.href, "_blank", "noopener,noreferrer");
}

document.addEventListener("click", (event) => showPost(event).catch((error) => toast(error.message, "bad")));

// Own posts ------------------------------------------------------------------------------------

async function takeFolder(find) {
  if (!(await takeover.start(find))) toast(t("takeBusy"), "bad");
}

async function searchFor(words) {
  await openChat(state.user.id);
  await composer.sendText(words);
}

byId("add-posts").addEventListener("click", () => byId("folder").click());
byId("folder").addEventListener("change", (event) => {
  const files = [...event.target.files];
  event.target.value = "";
  if (files.length) takeFolder(() => chosenFolder(files));
});

// Start --------------------------------------------------------------------------------------

async function actAs(userId, languageCode = null) {
  const payload = { user_id: userId, ...(languageCode ? { language_code: languageCode } : {}) };
  const { user, users, bot, chats, owner_id: owner, seq } = await post("user", payload);
  Object.assign(state, { user, users, bot, chats, owner });
  memory.set("user", userId);
  setLanguage(languageCode ?? language());
  drawTexts();
  drawPeople();
  source?.close();
  source = listen(userId, seq, onEvent, (up) => {
    byId("offline").hidden = up;
  });
}

async function start() {
  // The bot's server may have been restarted: people are introduced again, nothing is assumed.
  for (const id of PEOPLE.slice(1)) await post("user", { user_id: id });
  const browsers = navigator.language.slice(0, 2);
  const preferred = memory.get("language", languages.includes(browsers) ? browsers : "en");
  setLanguage(preferred);
  inline = new InlinePanel(state, () => composer.chosen());
  takeover = new TakeOver(searchFor);
  composer = new Composer(state, inline, takeFolder, () => requestAnimationFrame(() => view.toEnd(true)));
  list = new MessageList(state, {
    sendText: (text) => composer.sendText(text),
    sendPhoto: (url) => composer.sendPhoto(url),
    insert: (word) => composer.insert(word),
    reply: (message) => composer.context("reply", message),
    menu: messageMenu,
    press,
  });
  state.chat = { type: "private" };
  await actAs(Number(memory.get("user", PEOPLE[0])), preferred);
  await openChat(Number(memory.get(`chat.${state.user.id}`, state.user.id)));
  await takeover.load();
}

byId("theme").addEventListener("click", () => {
  memory.set("theme", isDark() ? "light" : "dark");
  drawTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTheme);
byId("languages").addEventListener("click", async (event) => {
  const chosen = event.target.dataset.language;
  if (!chosen) return;
  memory.set("language", chosen);
  setLanguage(chosen);
  if (await attempt("user", { language_code: chosen })) state.user.language_code = chosen;
  drawTexts();
  drawHead();
  drawChats();
  composer.placeholder();
  list.render();
  view.toEnd();
});
byId("person").addEventListener("change", async (event) => {
  await actAs(Number(event.target.value), memory.get("language", language()));
  await openChat(Number(memory.get(`chat.${state.user.id}`, state.user.id)));
});
byId("room-menu").addEventListener("click", () => openMenu(byId("room-menu"), roomMenu()));
byId("to-end").addEventListener("click", () => view.toEnd(true));

start().catch((error) => {
  byId("offline").hidden = false;
  byId("offline").textContent = error.message;
});
