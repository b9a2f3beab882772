// Text with entities. Offsets are UTF-16 code units, which is what a JavaScript string counts.

import { el } from "./dom.js";

const TAGS = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
  blockquote: "blockquote",
  expandable_blockquote: "blockquote",
};

// Only these schemes become links; anything else stays plain text.
export function safeUrl(url) {
  try {
    const parsed = new URL(/^[a-z][a-z0-9+.-]*:/i.test(url) ? url : `http://${url}`);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

function link(url, content) {
  const safe = safeUrl(url);
  if (!safe) return el("span", {}, content);
  return el("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, content);
}

function wrap(entity, raw, content, on) {
  switch (entity.type) {
    case "pre":
      return el("pre", { "data-language": entity.language }, el("code", {}, content));
    case "text_link":
      return link(entity.url ?? "", content);
    case "url":
      return link(raw, content);
    case "email":
      return link(`mailto:${raw}`, content);
    case "spoiler": {
      const cover = el("span", { class: "spoiler", tabindex: 0, role: "button" }, content);
      const reveal = () => cover.classList.add("shown");
      cover.addEventListener("click", reveal);
      cover.addEventListener("keydown", (event) => event.key === "Enter" && reveal());
      return cover;
    }
    case "bot_command":
      return el("button", { type: "button", class: "word", onclick: () => on.command(raw) }, content);
    case "hashtag":
    case "cashtag":
      return el("button", { type: "button", class: "word", onclick: () => on.word(raw) }, content);
    case "mention":
    case "text_mention":
      return el("span", { class: "word" }, content);
    default:
      return TAGS[entity.type] ? el(TAGS[entity.type], {}, content) : el("span", {}, content);
  }
}

function build(text, entities, start, end, on) {
  const nodes = [];
  let at = start;
  for (let i = 0; i < entities.length; i += 1) {
    const entity = entities[i];
    const stop = entity.offset + entity.length;
    if (entity.offset < at || stop > end || entity.length <= 0) continue;
    if (entity.offset > at) nodes.push(text.slice(at, entity.offset));
    const inner = entities.slice(i + 1).filter((other) => other.offset + other.length <= stop && other.offset >= entity.offset);
    nodes.push(wrap(entity, text.slice(entity.offset, stop), build(text, inner, entity.offset, stop, on), on));
    at = stop;
  }
  if (at < end) nodes.push(text.slice(at, end));
  return nodes;
}

export function richText(text, entities = [], on = { command() {}, word() {} }) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return build(text, sorted, 0, text.length, on);
}
