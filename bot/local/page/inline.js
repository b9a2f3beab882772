// The inline panel: results of `@bot query` as a grid, page after page.

import { get, post } from "./api.js";
import { byId, el, icon, thumbUrl } from "./dom.js";
import { t } from "./i18n.js";
import { toast } from "./viewer.js";

const panel = byId("inline");
const input = byId("inline-query");
const results = byId("inline-results");
const note = byId("inline-note");

export class InlinePanel {
  constructor(state, onChosen) {
    this.state = state;
    this.onChosen = onChosen;
    this.turn = 0;
    this.next = "";
    this.count = 0;
    input.addEventListener("input", () => this.later());
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close(true);
      if (event.key === "Enter" || event.key === "ArrowDown") {
        event.preventDefault();
        results.querySelector("button")?.focus();
      }
    });
    results.addEventListener("keydown", (event) => this.walk(event));
    results.addEventListener("scroll", () => {
      if (results.scrollTop + results.clientHeight > results.scrollHeight - 240) this.more();
    });
    byId("inline-close").addEventListener("click", () => this.close(true));
  }

  get open() {
    return !panel.hidden;
  }

  show(query = null, focus = true) {
    const wasOpen = this.open;
    panel.hidden = false;
    byId("open-inline").setAttribute("aria-expanded", "true");
    if (query !== null) input.value = query;
    if (focus) input.focus();
    if (!wasOpen || query !== null) this.later();
  }

  close(refocus = false) {
    this.turn += 1;
    panel.hidden = true;
    byId("open-inline").setAttribute("aria-expanded", "false");
    if (refocus) byId("text").focus();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(""), 300);
  }

  async more() {
    if (!this.next || this.loading) return;
    await this.ask(this.next);
  }

  async ask(offset) {
    if (!this.open) return;
    this.turn += 1;
    const { turn } = this;
    this.loading = true;
    if (!offset) note.textContent = t("inlineLoading");
    try {
      const answer = await post("inline", {
        user_id: this.state.user.id, chat_id: this.state.chat.id, query: input.value.trim(), offset, cached: true,
      });
      if (turn !== this.turn) return;
      this.fill(answer, offset === "");
    } catch (error) {
      if (turn !== this.turn) return;
      this.next = "";
      note.textContent = error.status === 408 ? t("inlineNoAnswer") : error.message;
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }

  fill({ query_id, answer, thumbs }, fresh) {
    if (fresh) {
      results.replaceChildren();
      results.scrollTop = 0;
      this.count = 0;
    }
    this.next = answer.next_offset || "";
    answer.results.forEach((item, place) => results.append(this.result(query_id, item, thumbs[place])));
    this.count += answer.results.length;
    note.textContent = this.count ? t("inlineCount", { n: this.count + (this.next ? "+" : "") }) : t("inlineEmpty");
  }

  result(queryId, item, thumb) {
    const url = thumbUrl(thumb);
    const image = url ? el("img", { src: url, alt: "", loading: "lazy" }) : null;
    image?.addEventListener("error", () => image.replaceWith(el("span", { class: "no-photo" }, title || t("photo"))));
    const title = item.title || item.caption || "";
    const tile = item.type === "photo";
    const button = el(
      "button",
      { type: "button", class: tile ? "tile" : "row", "aria-label": title || t("photo"), title, onclick: () => this.choose(queryId, item, button) },
      tile ? image : [
        image ?? el("span", { class: "file-icon" }, icon("file")),
        el("span", {}, el("b", {}, title), item.description ? el("small", {}, item.description) : null),
      ],
    );
    return el("div", { role: "listitem", class: tile ? "tile-box" : "row-box" }, button);
  }

  walk(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Escape") this.close(true);
    if (!(event.key in steps)) return;
    event.preventDefault();
    const all = [...results.querySelectorAll("button")];
    let by = steps[event.key];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const top = all[0]?.getBoundingClientRect().top;
      by *= Math.max(1, all.filter((b) => Math.abs(b.getBoundingClientRect().top - top) < 4).length);
    }
    const target = all[all.indexOf(document.activeElement) + by];
    if (target) target.focus();
    else if (event.key === "ArrowUp") input.focus();
    if (!target && by > 0) this.more();
  }

  async choose(queryId, item, button) {
    button.disabled = true;
    try {
      await post("choose", { user_id: this.state.user.id, chat_id: this.state.chat.id, query_id: queryId, result_id: item.id });
      this.close(true);
      this.onChosen();
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      button.disabled = false;
    }
  }
}

export async function commandsFor(state) {
  return (await get("commands", { user_id: state.user.id, chat_id: state.chat.id })).commands;
}
