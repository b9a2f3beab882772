// Building the page. Text only ever becomes text nodes: nothing here parses HTML.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "dataset") Object.assign(node.dataset, value);
    else if (typeof value === "function") node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

// The bot's face.
export function face(size = "") {
  return el("img", { class: `avatar ${size}`, src: "bot.svg", alt: "", width: 42, height: 42 });
}

export const byId = (id) => document.getElementById(id);

export function fileUrl(fileId) {
  return `local/file?${new URLSearchParams({ file_id: fileId })}`;
}

export function thumbUrl(thumb) {
  if (!thumb) return null;
  return thumb.file_id ? fileUrl(thumb.file_id) : `local/thumb?${new URLSearchParams(thumb)}`;
}

// The smallest size that is at least as large as asked, so that a phone loads no more than it shows.
export function sizeFor(sizes, pixels) {
  return sizes.find((size) => Math.max(size.width, size.height) >= pixels) ?? sizes[sizes.length - 1];
}

export function colourOf(id) {
  return `tint-${Math.abs(Number(id)) % 6}`;
}

export function initials(name) {
  return (name || "?").trim().split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase();
}
