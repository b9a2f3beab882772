// Taking posts over into the channel: a few at once, each only once, and the panel that shows it.

import { ApiError, post } from "./api.js";
import { byId, el } from "./dom.js";
import { FolderError } from "./folder.js";
import { t } from "./i18n.js";
import { captionOf, readPosts } from "./importer.js";

const AT_ONCE = 3;
const MAX_PHOTO = 10 * 1048576;
const PAUSE = 1000;
// Seconds without any progress after which the bot is not waited for any longer.
const PATIENCE = 20;
const NAMED = 5; // skipped files that are named, for each reason
const REFUSALS = { IMAGE_PROCESS_FAILED: "broken", PHOTO_INVALID_DIMENSIONS: "dimensions" };
const encoder = new TextEncoder();
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The server computes the same from what it gets.
async function keyOf(bytes, caption) {
  return sha256(encoder.encode(`${await sha256(bytes)}\n${caption}`));
}

// The server's refusals that a person can do something about.
const HINTS = { 403: "takeNoBot", 507: "takeNoRoom" };

function wordsOf(error) {
  const hint = error instanceof ApiError && HINTS[error.status];
  if (hint) return t(hint);
  return error instanceof FolderError ? t(error.key, error.values) : error.message;
}

function newRun(phase, name = "") {
  return { phase, name, total: 0, read: 0, sent: 0, there: 0, skipped: new Map(), stopped: false, asked: false, example: "", bot: { sent: 0, read: 0 } };
}

export class TakeOver {
  constructor(state, memory, tryWords) {
    this.state = state;
    this.memory = memory;
    this.run = null;
    byId("takeover-stop").addEventListener("click", () => {
      if (this.run) this.run.stopped = this.run.asked = true;
      this.draw();
    });
    byId("takeover-close").addEventListener("click", () => this.close());
    byId("takeover-try").addEventListener("click", () => {
      const { example } = this.run;
      this.close();
      tryWords(example);
    });
    const left = memory.get("takeover", "");
    if (left) this.run = newRun("left", left);
    this.draw();
  }

  get busy() {
    return ["looking", "sending", "waiting"].includes(this.run?.phase);
  }

  // `find` gives the folder; it is called here so that its errors are shown here, too.
  async start(find) {
    if (this.busy) return false;
    const run = newRun("looking");
    this.run = run;
    this.draw();
    try {
      const folder = await find();
      run.name = folder.name;
      this.memory.set("takeover", folder.name);
      this.draw();
      const { posts, skipped } = await readPosts(folder);
      for (const { reason, name } of skipped) this.skip(reason, name);
      Object.assign(run, { phase: "sending", total: posts.length });
      this.draw();
      await this.sendAll(folder, posts);
      if (!run.stopped) this.memory.set("takeover", "");
      if (!run.stopped) await this.waitForBot();
      run.phase = run.stopped ? "stopped" : "done";
    } catch (error) {
      // Stopped while the server was away: that it could not be reached is no news.
      run.phase = run.asked ? "stopped" : "failed";
      if (!run.asked) run.error = error;
    }
    if (run.phase !== "stopped") this.memory.set("takeover", "");
    this.draw();
    return true;
  }

  async sendAll(folder, posts) {
    const { run } = this;
    let next = 0;
    const work = async () => {
      while (next < posts.length && !run.stopped) {
        const one = posts[next];
        next += 1;
        await this.sendOne(folder, one);
        run.read += 1;
        this.drawSoon();
      }
    };
    // One that has to give up stops the others, too.
    const guarded = () => work().catch((error) => {
      run.stopped = true;
      throw error;
    });
    await Promise.all(Array.from({ length: AT_ONCE }, guarded));
  }

  async sendOne(folder, one) {
    const { run } = this;
    const file = await folder.open(one.photo);
    if (!file) return this.skip("missing", one.photo);
    if (file.size > MAX_PHOTO) return this.skip("large", one.photo);
    let bytes;
    try {
      bytes = await file.arrayBuffer();
    } catch {
      return this.skip("broken", one.photo);
    }
    const caption = await captionOf(one, folder);
    const { known } = await this.ask("imported", { keys: [await keyOf(bytes, caption)] });
    try {
      const isNew = !known.length && (await this.ask("import", { caption, date: one.date }, [{ field: "photo", file: new File([bytes], "photo") }])).new;
      run[isNew ? "sent" : "there"] += 1;
      run.example ||= exampleOf(caption);
    } catch (error) {
      if (!(error instanceof ApiError) || ![400, 413].includes(error.status)) throw error;
      const found = Object.keys(REFUSALS).find((code) => error.message.includes(code));
      this.skip(found ? REFUSALS[found] : error.status === 413 ? "large" : "broken", one.photo);
    }
    return null;
  }

  // Asks again for as long as the server is away or has too much to do.
  async ask(path, payload, files = []) {
    for (;;) {
      try {
        return await post(path, { user_id: this.state.owner, ...payload }, files);
      } catch (error) {
        const passing = error instanceof ApiError ? error.status === 503 : error instanceof TypeError;
        if (!passing || this.run.stopped) throw error;
        await pause(PAUSE);
      }
    }
  }

  // The server sees which photos the bot has fetched.
  async waitForBot() {
    const { run } = this;
    run.phase = "waiting";
    for (let idle = 0; idle < PATIENCE && !run.stopped; idle += 1) {
      const before = run.bot.read;
      run.bot = await this.ask("imported", {});
      if (run.bot.read >= run.bot.sent) return;
      if (run.bot.read !== before) idle = 0;
      this.draw();
      await pause(PAUSE);
    }
  }

  skip(reason, name) {
    const so = this.run.skipped.get(reason) ?? { count: 0, names: [] };
    so.count += 1;
    if (name && so.names.length < NAMED) so.names.push(name);
    this.run.skipped.set(reason, so);
  }

  close() {
    if (this.busy) return;
    this.run = null;
    this.memory.set("takeover", "");
    this.draw();
  }

  drawSoon() {
    if (this.drawing) return;
    this.drawing = setTimeout(() => this.draw(), 150);
  }

  draw() {
    clearTimeout(this.drawing);
    this.drawing = null;
    const { run, busy } = this;
    byId("takeover").hidden = !run;
    for (const id of ["takeover", "takeover-bar"]) byId(id).setAttribute("aria-label", t("takeover"));
    byId("takeover-close").setAttribute("aria-label", t("close"));
    byId("takeover-stop").textContent = t("takeStop");
    byId("takeover-try").textContent = t("takeTry", { words: run?.example ?? "" });
    if (!run) return;
    const left = [...run.skipped.values()].reduce((sum, { count }) => sum + count, 0);
    say("takeover-title", busy && run.stopped ? t("takeStopping") : t(`take_${run.phase}`, { name: run.name, n: run.bot.read, of: run.bot.sent }));
    const counts = run.total || left ? t("takeCounts", { read: run.read, total: run.total, sent: run.sent, there: run.there }) : "";
    say("takeover-counts", run.error ? wordsOf(run.error) : counts);
    byId("takeover").classList.toggle("bad", run.phase === "failed");
    const bar = byId("takeover-bar");
    bar.hidden = !busy;
    bar.max = (run.phase === "waiting" ? run.bot.sent : run.total) || 1;
    if (run.phase === "looking") bar.removeAttribute("value");
    else bar.value = run.phase === "waiting" ? run.bot.read : run.read;
    byId("takeover-stop").hidden = !busy || run.stopped;
    byId("takeover-close").hidden = busy;
    byId("takeover-skipped").hidden = !left;
    say("takeover-left", t("takeSkipped", { n: left }));
    byId("takeover-reasons").replaceChildren(
      ...[...run.skipped].map(([reason, { count, names }]) =>
        el("li", {}, `${t(`skip_${reason}`)}: ${count}`, names.length ? el("small", {}, names.join(", ") + (count > names.length ? " …" : "")) : null)),
    );
    byId("takeover-try").hidden = run.phase !== "done" || !run.example;
  }
}

// A line is only touched when it changes: a screen reader says it again each time.
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

// A few words of a caption, to be searched with.
function exampleOf(caption) {
  const line = caption.replace(/#[\p{L}\p{N}_]+|https?:\/\/\S+/gu, " ").split(/[\n.!?…]/u).map((one) => one.trim()).find(Boolean) ?? "";
  const words = line.split(/\s+/).slice(0, 7).join(" ").replace(/[,:;–—-]+$/u, "").trim();
  return words.length > 80 ? "" : words;
}
