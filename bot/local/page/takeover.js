// Own posts: a dropped folder is uploaded, then the server takes it over; the panel shows how far it is.

import { ApiError, get, post, put } from "./api.js";
import { byId, el } from "./dom.js";
import { FolderError } from "./folder.js";
import { has, t } from "./i18n.js";

const AT_ONCE = 3;
const CHUNK = 500; // files that one request names
const PAUSE = 1000;
// The server's refusals that a person can do something about.
const HINTS = { 403: "takeNoBot", 409: "takeBusy", 507: "takeNoRoom" };
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

export class TakeOver {
  constructor(searchFor) {
    this.run = { phase: "none" };
    this.upload = null;
    this.stopping = false;
    byId("takeover-stop").addEventListener("click", () => this.stop());
    byId("takeover-close").addEventListener("click", () => this.close());
    byId("takeover-try").addEventListener("click", () => {
      const { example } = this.run;
      this.close();
      searchFor(example);
    });
  }

  get busy() {
    return this.upload !== null || this.stopping || ["reading", "waiting"].includes(this.run.phase);
  }

  async load() {
    const run = await get("import", {});
    if (run.phase !== "done") this.show(run);
  }

  // What the server tells of itself; while this page uploads it knows better.
  show(run) {
    this.run = run;
    this.draw();
  }

  // `find` gives the folder; it is called here so that its errors are shown here, too.
  async start(find) {
    if (this.busy) return false;
    const upload = { name: "", done: 0, total: 0, stopped: false };
    this.upload = upload;
    this.run = { phase: "uploading" };
    this.draw();
    try {
      const folder = await find();
      Object.assign(upload, { name: folder.name, total: folder.files.size });
      await this.ask(upload, () => post("import/begin", { name: folder.name }));
      const files = [...folder.files];
      for (let at = 0; at < files.length && !upload.stopped; at += CHUNK) await this.send(upload, files.slice(at, at + CHUNK), folder);
      if (!upload.stopped) await this.ask(upload, () => post("import/end", {}));
    } catch (error) {
      if (!upload.stopped) this.run = { phase: "failed", name: upload.name, error, code: error.status };
    }
    // Stopped, it may have made room for another.
    if (this.upload === upload) this.upload = null;
    this.draw();
    return true;
  }

  async send(upload, entries, folder) {
    const found = (await Promise.all(entries.map(async ([path]) => [path, await folder.open(path)]))).filter(([, file]) => file);
    const named = found.map(([path, file]) => [path, file.size, file.lastModified]);
    const { wanted } = await this.ask(upload, () => post("import/wanted", { files: named }));
    upload.done += entries.length - wanted.length;
    const work = async () => {
      while (wanted.length && !upload.stopped) {
        const [path, file] = found[wanted.shift()];
        await this.ask(upload, () => put("import/file", { path, size: file.size, time: file.lastModified }, file)).catch((error) => {
          // One that cannot be read (any longer) is missing, which the server says.
          if (!(error instanceof ApiError) || error.status !== 400) throw error;
        });
        upload.done += 1;
        this.drawSoon();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  // Asks again for as long as the server is away.
  async ask(upload, request) {
    for (;;) {
      try {
        return await request();
      } catch (error) {
        const temporary = error instanceof ApiError ? error.status === 503 : error instanceof TypeError;
        if (!temporary || upload.stopped) throw error;
        await pause(PAUSE);
      }
    }
  }

  async stop() {
    if (this.upload) this.upload.stopped = true;
    this.upload = null;
    this.stopping = true;
    this.draw();
    await post("import/stop", {}).catch(() => {});
    this.stopping = false;
    this.draw();
  }

  async close() {
    if (this.busy) return;
    this.show({ phase: "none" });
    await post("import/dismiss", {});
  }

  drawSoon() {
    this.drawing ??= setTimeout(() => this.draw(), 150);
  }

  draw() {
    clearTimeout(this.drawing);
    this.drawing = null;
    const { run, busy, upload } = this;
    // An upload that no page is at: somebody closed it.
    const phase = run.phase === "uploading" && !upload ? "stopped" : run.phase;
    byId("takeover").hidden = phase === "none";
    byId("takeover-try").textContent = t("takeTry", { words: run.example ?? "" });
    if (phase === "none") return;
    const { sent = 0, read = 0 } = run.bot ?? {};
    const title = this.stopping ? t("takeStopping") : t(`take_${phase}`, { name: upload?.name ?? run.name ?? "", n: read, of: sent });
    say("takeover-title", title);
    const counts = upload
      ? t("takeUploaded", { n: upload.done, of: upload.total })
      : t("takeCounts", { sent: run.sent ?? 0, there: run.there ?? 0 });
    say("takeover-counts", phase === "failed" ? wordsOf(run) : counts);
    byId("takeover").classList.toggle("bad", phase === "failed");
    const bar = byId("takeover-bar");
    const [value, total] = upload ? [upload.done, upload.total] : phase === "waiting" ? [read, sent] : [run.place, run.size];
    bar.hidden = !busy;
    bar.max = total || 1;
    if (total) bar.value = value;
    else bar.removeAttribute("value");
    byId("takeover-stop").hidden = !busy || this.stopping;
    byId("takeover-close").hidden = busy;
    const left = run.left ?? [];
    const notes = [...(run.notes ?? []), run.broken].filter(Boolean);
    byId("takeover-skipped").hidden = !left.length && !notes.length;
    say("takeover-left", t("takeSkipped", { n: left.reduce((sum, { count }) => sum + count, 0) }));
    byId("takeover-reasons").replaceChildren(
      ...notes.map((note) => el("li", {}, note)),
      ...left.map(({ reason, count, names }) => {
        const words = has(`skip_${reason}`) ? t(`skip_${reason}`) : reason;
        return el("li", {}, `${words}: ${count}`, names.length ? el("small", {}, names.join(", ") + (count > names.length ? " …" : "")) : null);
      }),
    );
    byId("takeover-try").hidden = phase !== "done" || !run.example;
  }
}

function wordsOf({ error, code }) {
  if (HINTS[code]) return t(HINTS[code]);
  return error instanceof FolderError ? t(error.key, error.values) : (error.message ?? error);
}

// A line is only touched when it changes: a screen reader says it again each time.
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}
