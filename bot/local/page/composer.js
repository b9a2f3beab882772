// Writing: text, photos from a drop, a paste or the picker, replies, edits, the command menu.

import { post } from "./api.js";
import { byId, el, icon } from "./dom.js";
import { archive, droppedEntries, folderOf } from "./folder.js";
import { t } from "./i18n.js";
import { commandsFor } from "./inline.js";
import { nameOf, snippet } from "./messages.js";
import { alertBox, toast } from "./viewer.js";

const MAX_ALBUM = 10;
const IMAGE_TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff"];
// What belongs to a folder of posts and says nothing without it.
const FOLDER_PARTS = /\.(tar|t?gz|7z|rar)$|^(result\.json|posts\.jsonl|captions\.(csv|tsv|jsonl))$/i;
const text = byId("text");
const tray = byId("tray");
const menu = byId("commands");

export class Composer {
  constructor(state, inline, takeFolder, onSent) {
    this.state = state;
    this.inline = inline;
    this.takeFolder = takeFolder;
    this.onSent = onSent;
    this.files = [];
    this.target = null;
    this.mode = null;
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    text.addEventListener("keydown", (event) => this.key(event));
    text.addEventListener("input", () => this.changed());
    byId("attach").addEventListener("click", () => byId("file").click());
    byId("file").addEventListener("change", (event) => {
      this.add([...event.target.files]);
      event.target.value = "";
    });
    byId("context-close").addEventListener("click", () => this.context(null, null));
    byId("open-commands").addEventListener("click", () => (menu.hidden ? this.showCommands("", true) : this.hideCommands()));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || menu.hidden) return;
      if (menu.contains(document.activeElement)) text.focus();
      this.hideCommands();
    });
    byId("open-inline").addEventListener("click", () => (inline.open ? inline.close(true) : inline.show()));
    document.addEventListener("paste", (event) => this.paste(event));
    document.addEventListener("pointerdown", (event) => {
      if (!menu.contains(event.target) && !byId("open-commands").contains(event.target)) this.hideCommands();
    });
    menu.addEventListener("keydown", (event) => this.walk(event));
    this.dropZone();
  }

  dropZone() {
    // All of the page: a file that misses the drop zone would take the page's place.
    const room = byId("app");
    const cover = byId("drop");
    let depth = 0;
    const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const end = () => {
      depth = 0;
      cover.hidden = true;
    };
    room.addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth += 1;
      cover.hidden = false;
    });
    room.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    room.addEventListener("dragleave", () => {
      depth -= 1;
      if (depth <= 0) end();
    });
    room.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      end();
      const entries = droppedEntries(event.dataTransfer);
      if (entries) this.takeFolder(() => folderOf(entries));
      else this.add([...event.dataTransfer.files]);
    });
  }

  paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.add(files);
  }

  add(files) {
    if (files.length === 1 && /\.zip$/i.test(files[0].name)) {
      this.takeFolder(() => archive(files[0]));
      return;
    }
    const part = files.find((file) => FOLDER_PARTS.test(file.name));
    if (part) {
      alertBox(t("takeWhole", { name: part.name }));
      return;
    }
    this.files.push(...files);
    if (this.files.length > MAX_ALBUM) {
      this.files.length = MAX_ALBUM;
      toast(t("tooMany"));
    }
    this.drawTray();
    text.focus();
  }

  drawTray() {
    for (const image of byId("tray-items").querySelectorAll("img")) URL.revokeObjectURL(image.src);
    byId("tray-items").replaceChildren(
      ...this.files.map((file, place) => {
        const name = file.name || t("photo");
        const look = IMAGE_TYPES.includes(file.type)
          ? el("img", { src: URL.createObjectURL(file), alt: name })
          : el("span", { class: "file-icon" }, icon("file"), el("small", {}, name));
        const remove = el("button", {
          type: "button", class: "icon-button", "aria-label": t("remove", { name }),
          onclick: () => {
            this.files.splice(place, 1);
            this.drawTray();
            text.focus();
          },
        }, icon("close"));
        return el("li", {}, look, remove);
      }),
    );
    tray.hidden = !this.files.length;
    if (!this.files.length) byId("as-file").checked = false;
    this.placeholder();
    this.changed(false);
  }

  placeholder() {
    const key = this.files.length ? "caption" : this.state.chat?.type === "channel" ? "writePost" : "write";
    text.placeholder = t(key);
    text.setAttribute("aria-label", t(key));
  }

  context(mode, message) {
    this.mode = mode;
    this.target = message;
    byId("context").hidden = !message;
    if (!message) {
      if (mode === null && text.dataset.editing) {
        text.value = "";
        delete text.dataset.editing;
        this.changed();
      }
      return;
    }
    byId("context-title").textContent = mode === "edit" ? t("editing") : t("replyTo", { name: nameOf(message, this.state) });
    byId("context-text").textContent = snippet(message);
    if (mode === "edit") {
      text.value = message.text ?? message.caption ?? "";
      text.dataset.editing = "1";
      this.changed();
    }
    text.focus();
  }

  insert(word) {
    const gap = text.value && !text.value.endsWith(" ") ? " " : "";
    text.value += `${gap}${word} `;
    this.changed();
    text.focus();
  }

  // The chat was switched: what was being written there waits for the return.
  load(draft) {
    this.files = [];
    this.context(null, null);
    text.value = draft;
    this.hideCommands();
    this.drawTray();
  }

  changed(save = true) {
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, 160)}px`;
    byId("send").disabled = !text.value.trim() && !this.files.length;
    if (save && !text.dataset.editing) this.state.saveDraft(text.value);
    if (!save) return;
    const mention = text.value.match(new RegExp(`^@${this.state.bot.username}\\s([\\s\\S]*)$`, "i"));
    if (mention && this.state.chat.type !== "channel") {
      this.inline.show(mention[1], false);
      this.typedInline = true;
    } else if (this.typedInline) {
      this.inline.close();
      this.typedInline = false;
    }
    const command = text.value.match(/^\/(\w*)$/);
    if (command) this.showCommands(command[1]);
    else this.hideCommands();
  }

  chosen() {
    if (this.typedInline) {
      text.value = "";
      this.typedInline = false;
      this.changed();
    }
  }

  key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape" && menu.hidden) {
      if (this.target) this.context(null, null);
      else if (this.inline.open) this.inline.close();
    } else if (event.key === "ArrowUp" && !menu.hidden) {
      event.preventDefault();
      menu.querySelector("button:last-of-type")?.focus();
    }
  }

  async showCommands(prefix, focus = false) {
    this.asked = prefix;
    const all = await commandsFor(this.state).catch(() => []);
    // Closed, or asked for something else, before the answer came.
    if (this.asked !== prefix) return;
    const fitting = all.filter(({ command }) => command.startsWith(prefix));
    if (prefix && !fitting.length) {
      this.hideCommands();
      return;
    }
    const run = (command) => {
      text.value = "";
      this.changed();
      text.focus();
      this.sendText(`/${command}`);
    };
    menu.replaceChildren(
      ...fitting.map(({ command, description }) =>
        el("button", { type: "button", role: "menuitem", onclick: () => run(command) }, el("b", {}, `/${command}`), el("span", {}, description)),
      ),
    );
    if (!fitting.length) menu.append(el("p", { role: "menuitem", "aria-disabled": "true" }, t("noCommands")));
    menu.hidden = false;
    byId("open-commands").setAttribute("aria-expanded", "true");
    if (focus) menu.querySelector("button")?.focus();
  }

  walk(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const all = [...menu.querySelectorAll("button")];
    (all[all.indexOf(document.activeElement) + steps[event.key]] ?? text).focus();
  }

  hideCommands() {
    this.asked = null;
    menu.hidden = true;
    byId("open-commands").setAttribute("aria-expanded", "false");
  }

  async sendPhoto(url) {
    const file = new File([await (await fetch(url)).blob()], "photo.jpg", { type: "image/jpeg" });
    await this.deliver("send", {}, [{ field: "photo", file }]);
  }

  async sendText(words) {
    await this.deliver("send", { text: words });
  }

  async send() {
    const words = text.value.trim();
    if (!words && !this.files.length) return;
    const { files, target, mode } = this;
    const asFile = byId("as-file").checked;
    const reply = mode === "reply" && target ? { reply_to_message_id: target.message_id } : {};
    byId("send").disabled = true;
    const before = text.value;
    text.value = "";
    delete text.dataset.editing;
    this.files = [];
    this.context(null, null);
    this.drawTray();
    this.state.saveDraft("");
    this.changed();
    let sent;
    if (mode === "edit") {
      sent = await this.deliver("edit", { message_id: target.message_id, text: words });
    } else if (!files.length) {
      sent = await this.deliver("send", { text: words, ...reply });
    } else {
      sent = await this.sendFiles(files, asFile, words, reply);
    }
    if (!sent && !text.value && !this.files.length) {
      text.value = before;
      this.files = files;
      this.drawTray();
    }
    text.focus();
  }

  // Photos go together as an album; files of other kinds go one by one.
  async sendFiles(files, asFile, caption, reply) {
    const isPhoto = (file) => !asFile && IMAGE_TYPES.includes(file.type) && file.type !== "image/gif";
    const photos = files.filter(isPhoto).map((file) => ({ field: "photo", file }));
    const documents = files.filter((file) => !isPhoto(file)).map((file) => ({ field: "document", file }));
    let ok = true;
    if (photos.length) ok = await this.deliver("send", { caption, ...reply }, photos);
    for (const [place, one] of documents.entries()) {
      const words = !photos.length && place === 0 ? caption : "";
      ok = (await this.deliver("send", { caption: words, ...reply }, [one])) && ok;
    }
    return ok;
  }

  async deliver(path, payload, files = []) {
    this.hideCommands();
    try {
      await post(path, { user_id: this.state.user.id, chat_id: this.state.chat.id, ...payload }, files);
      this.onSent();
      return true;
    } catch (error) {
      toast(error.message, "bad");
      return false;
    }
  }
}
