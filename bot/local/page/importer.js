// From a folder to posts: a Telegram export, a corpus (posts.jsonl), or photos with captions.
// Whatever stands in the files may be wrong or hostile: every value is checked, no path leaves.

import { FolderError } from "./folder.js";
import { csvRows, isObject, jsonLines, parseJson, readText } from "./tables.js";

const MAX_CAPTION = 1024;
const MAX_SIDECAR = 1048576;
const PHOTO = /\.(jpe?g|png|webp|gif|bmp|tiff?)$/i;
const FOREIGN_PHOTO = /\.(heic|heif|avif|jxl|raw|dng|cr2|nef|arw)$/i;
const PHOTO_COLUMNS = ["photo", "image", "file", "filename", "file_name", "path", "img", "фото", "файл"];
const TEXT_COLUMNS = ["text", "caption", "description", "title", "comment", "подпись", "текст"];
const DATE_COLUMNS = ["date", "datetime", "created", "дата"];
const PUBLIC = ["private_group", "private_supergroup", "public_supergroup", "private_channel", "public_channel"];
const MAX_ALBUM = 10;
const byName = new Intl.Collator("en", { numeric: true });

// What was found: posts in order, and why others are none.
class Harvest {
  constructor(folder) {
    this.folder = folder;
    this.posts = [];
    this.skipped = [];
  }

  skip(reason, name = "") {
    this.skipped.push({ reason, name: String(name).slice(0, 200) });
  }

  add(base, path, post) {
    const photo = inside(base, path);
    if (photo === null) this.skip("outside", path);
    else if (!this.folder.has(photo)) this.skip("missing", path);
    else this.posts.push({ photo, ...post });
  }
}

export async function readPosts(folder) {
  const harvest = new Harvest(folder);
  const paths = [...folder.files.keys()];
  const depth = (path) => path.split("/").length;
  const name = (path) => path.slice(path.lastIndexOf("/") + 1);
  const lists = paths.filter((path) => ["result.json", "posts.jsonl"].includes(name(path).toLowerCase()));
  const top = Math.min(...lists.map(depth));
  for (const path of lists.filter((one) => depth(one) === top)) {
    const base = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
    const text = await readText(await opened(folder, path));
    if (path.toLowerCase().endsWith(".json")) readExport(text, base, harvest);
    else readCorpus(text, base, harvest);
  }
  if (!lists.length) await readPhotos(paths, harvest);
  if (!harvest.posts.length && !harvest.skipped.length) {
    const html = paths.some((path) => /(^|\/)messages\d*\.html$/.test(path));
    throw new FolderError(html ? "takeHtml" : "takeEmpty", { name: folder.name });
  }
  return harvest;
}

async function opened(folder, path) {
  const file = await folder.open(path);
  if (!file) throw new FolderError("takeUnreadable", { name: path });
  return file;
}

// The path below the folder, or null where it would leave it.
function inside(base, path) {
  if (typeof path !== "string" || /^([/\\]|[a-z]:)/i.test(path)) return null;
  const parts = [];
  for (const part of path.split(/[/\\]/)) {
    if (part === "..") {
      if (!parts.length) return null;
      parts.pop();
    } else if (part && part !== ".") parts.push(part);
  }
  return [base, ...parts].filter(Boolean).join("/").normalize("NFC");
}

// Telegram's export --------------------------------------------------------------------------

function readExport(text, base, harvest) {
  const data = parseJson(text);
  const lists = [data?.chats?.list, data?.left_chats?.list].filter(Array.isArray);
  const single = Array.isArray(data?.messages);
  if (!single && !lists.length) throw new FolderError("takeNoExport");
  if (single) readChat(data, base, harvest);
  for (const chat of lists.flat()) {
    // Of a whole account, what was said to one person is not for a library.
    if (!isObject(chat) || !Array.isArray(chat.messages)) continue;
    if (PUBLIC.includes(chat.type)) readChat(chat, base, harvest);
    else if (chat.messages.some((message) => photoOf(message))) harvest.skip("private", chat.name ?? "");
  }
}

function readChat(chat, base, harvest) {
  let group = [];
  const finish = () => {
    const shared = group.find((one) => one.caption)?.caption ?? "";
    for (const { photo, caption, message } of group) {
      if (photo.startsWith("(")) harvest.skip("excluded");
      else harvest.add(base, photo, { caption: caption || shared, date: secondsOf(message.date_unixtime, message.date) });
    }
    group = [];
  };
  for (const message of chat.messages) {
    if (!isObject(message) || (message.type ?? "message") !== "message") continue;
    const photo = photoOf(message);
    if (!photo) continue;
    const one = { photo, caption: cut(textOf(message)), message };
    if (group.length && !together(group, one)) finish();
    group.push(one);
  }
  finish();
}

// Photos of an album are messages of their own there: same second, neighbouring numbers, one text.
function together(group, { message, caption }) {
  const [first, last] = [group[0].message, group[group.length - 1].message];
  if (group.length >= MAX_ALBUM) return false;
  if (message.media_group_id || first.media_group_id) return message.media_group_id === first.media_group_id;
  if (caption && group.some((one) => one.caption)) return false;
  const same = ["date", "date_unixtime", "from_id", "forwarded_from", "reply_to_message_id"].every((key) => message[key] === first[key]);
  return same && Number.isInteger(message.id) && message.id === last.id + 1;
}

function photoOf(message) {
  if (!isObject(message)) return null;
  if (typeof message.photo === "string" && message.photo) return message.photo;
  const image = typeof message.mime_type === "string" && message.mime_type.startsWith("image/");
  return image && typeof message.file === "string" && message.file && !message.media_type ? message.file : null;
}

function textOf(message) {
  const parts = Array.isArray(message.text_entities) && message.text_entities.length ? message.text_entities : message.text;
  if (typeof parts === "string") return parts;
  if (!Array.isArray(parts)) return "";
  return parts.map((part) => (typeof part === "string" ? part : typeof part?.text === "string" ? part.text : "")).join("");
}

// The project's own corpus -------------------------------------------------------------------

function readCorpus(text, base, harvest) {
  const rows = jsonLines(text);
  // A second line of the same id replaces the first.
  const posts = new Map();
  for (const row of rows) {
    if (!row || typeof row.id !== "string" || !row.id) harvest.skip("line", row?.id ?? "");
    else posts.set(row.id, row);
  }
  for (const row of posts.values()) {
    if (row.photo === undefined || row.photo === null) harvest.skip("noPhoto", row.id);
    else harvest.add(base, row.photo, { caption: cut(withTags(words(row), row.tags)), date: secondsOf(null, row.date) });
  }
}

function words(row) {
  if (typeof row.text === "string") return row.text;
  const texts = isObject(row.texts) ? Object.values(row.texts).flat() : [];
  return texts.filter((text) => typeof text === "string").join("\n");
}

function withTags(text, tags) {
  if (!Array.isArray(tags)) return text;
  const there = new Set(text.toLowerCase().match(/#[\p{L}\p{N}_]+/gu));
  const more = tags.filter((tag) => typeof tag === "string" && /^[\p{L}\p{N}_]+$/u.test(tag)).map((tag) => `#${tag}`);
  return [text, more.filter((tag) => !there.has(tag.toLowerCase())).join(" ")].filter(Boolean).join("\n");
}

// Photos with captions -----------------------------------------------------------------------

async function readPhotos(paths, harvest) {
  const { folder } = harvest;
  const table = await readTable(paths, folder);
  const known = new Set(paths);
  const photos = paths.filter((path) => PHOTO.test(path)).sort(byName.compare);
  for (const path of paths.filter((one) => FOREIGN_PHOTO.test(one))) harvest.skip("format", path);
  for (const photo of photos) {
    const row = table.get(photo) ?? table.get(photo.slice(photo.lastIndexOf("/") + 1));
    const beside = [photo.replace(PHOTO, ".txt"), `${photo}.txt`].find((path) => known.has(path));
    harvest.posts.push(row ? { photo, ...row } : { photo, caption: "", sidecar: beside });
  }
}

async function readTable(paths, folder) {
  const found = new Map();
  const path = paths.filter((one) => /(^|\/)captions\.(csv|tsv|jsonl)$/i.test(one)).sort((a, b) => a.length - b.length)[0];
  if (!path) return found;
  const text = await readText(await opened(folder, path));
  const rows = path.toLowerCase().endsWith(".jsonl") ? jsonLines(text) : csvRows(text);
  const base = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
  const pick = (row, names) => names.map((name) => row[name]).find((value) => typeof value === "string" && value.trim());
  for (const row of rows.filter(Boolean)) {
    const photo = pick(row, PHOTO_COLUMNS);
    const place = photo && inside(base, photo.trim());
    const before = found.get(place)?.caption ?? "";
    const text = pick(row, TEXT_COLUMNS) ?? "";
    // Several rows of one photo are several captions of it.
    if (place) found.set(place, { caption: cut([before, text].filter(Boolean).join("\n")), date: secondsOf(null, pick(row, DATE_COLUMNS)) });
  }
  if (!found.size) throw new FolderError("takeNoColumns", { name: path });
  return found;
}

export async function captionOf(post, folder) {
  if (post.caption || !post.sidecar) return post.caption;
  const file = await folder.open(post.sidecar);
  // A text that cannot be read is none; the photo is still a post.
  return file ? cut(await readText(file, MAX_SIDECAR).catch(() => "")) : "";
}

// Values -------------------------------------------------------------------------------------

function secondsOf(unix, date) {
  const seconds = Number.parseInt(unix, 10) || Math.floor(Date.parse(typeof date === "string" ? date : "") / 1000);
  return seconds > 0 && seconds * 1000 < Date.now() ? seconds : undefined;
}

// A caption as Telegram takes it, cut at a word where it is too long.
export function cut(text) {
  const whole = text.toWellFormed().replace(/\r\n?/g, "\n").replaceAll("\0", "").trim();
  if (whole.length <= MAX_CAPTION) return whole;
  const short = whole.slice(0, MAX_CAPTION - 1);
  const space = short.search(/\s\S*$/);
  return `${(space > MAX_CAPTION / 2 ? short.slice(0, space) : short.replace(/[\ud800-\udbff]$/, "")).trim()}…`;
}
