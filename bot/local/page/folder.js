// A folder that was dropped or chosen: its files by path, opened one by one when they are needed.

const MAX_FILES = 200_000;
const HIDDEN = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/;

export class FolderError extends Error {
  // What went wrong is a text of i18n.js, by its key.
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

export class Folder {
  constructor(name) {
    this.name = name;
    this.files = new Map();
  }

  add(path, handle) {
    if (HIDDEN.test(path)) return;
    if (this.files.size >= MAX_FILES) throw new FolderError("takeTooMany", { n: MAX_FILES });
    this.files.set(path.normalize("NFC"), handle);
  }

  // Null where there is no such file, or it cannot be opened (any longer).
  async open(path) {
    const handle = this.files.get(path);
    if (!handle || handle instanceof File) return handle ?? null;
    return new Promise((resolve) => handle.file(resolve, () => resolve(null)));
  }
}

// Has to be called while the event is handled: afterwards the browser tells nothing more.
export function droppedEntries(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  return entries.some((entry) => entry?.isDirectory) ? entries.filter(Boolean) : null;
}

export async function folderOf(entries) {
  const folders = entries.filter((entry) => entry.isDirectory);
  const folder = new Folder(folders.map((entry) => entry.name).join(", "));
  // A single folder is the root; beside others each keeps its name.
  const waiting = entries.length === 1 ? [[folders[0], ""]] : entries.map((entry) => [entry, entry.name]);
  while (waiting.length) {
    const [entry, path] = waiting.pop();
    if (entry.isFile) folder.add(path, entry);
    if (!entry.isDirectory || HIDDEN.test(`${path}/`)) continue;
    for (const child of await children(entry)) waiting.push([child, path ? `${path}/${child.name}` : child.name]);
  }
  return folder;
}

async function children(directory) {
  const reader = directory.createReader();
  const found = [];
  // A browser hands over a hundred or so at a time, and none at the end.
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return found;
    found.push(...some);
    if (found.length > MAX_FILES) throw new FolderError("takeTooMany", { n: MAX_FILES });
  }
}

export function chosenFolder(files) {
  const [name] = (files[0]?.webkitRelativePath ?? "").split("/");
  const folder = new Folder(name);
  for (const file of files) folder.add(file.webkitRelativePath.split("/").slice(1).join("/"), file);
  return folder;
}

// An archive is a folder of one file, which the server unpacks.
export function archive(file) {
  const folder = new Folder(file.name);
  folder.add(file.name, file);
  return folder;
}
