// Photos at full size, alerts, toasts and small menus.

import { byId, el, fileUrl } from "./dom.js";
import { richText } from "./entities.js";
import { t } from "./i18n.js";

const viewer = byId("viewer");
let photos = [];
let place = 0;

function zoom(large) {
  viewer.classList.toggle("large", large);
  byId("viewer-zoom").setAttribute("aria-pressed", String(large));
}

function show() {
  zoom(false);
  const message = photos[place];
  const image = byId("viewer-image");
  image.src = fileUrl(message.photo[message.photo.length - 1].file_id);
  image.alt = message.caption || t("photo");
  byId("viewer-caption").replaceChildren(...richText(message.caption ?? "", message.caption_entities));
  byId("viewer-caption").hidden = !message.caption;
  byId("viewer-previous").hidden = place === 0;
  byId("viewer-next").hidden = place === photos.length - 1;
}

function step(by) {
  if (photos[place + by]) {
    place += by;
    show();
  }
}

export function openViewer(messages, index) {
  photos = messages;
  place = index;
  show();
  viewer.showModal();
}

viewer.addEventListener("click", (event) => {
  if (event.target === viewer || event.target.tagName === "FIGURE") viewer.close();
});
viewer.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
// A tap on the photo shows it pixel for pixel: what is written on it can be read.
for (const id of ["viewer-zoom", "viewer-image"]) {
  byId(id).addEventListener("click", () => zoom(!viewer.classList.contains("large")));
}
byId("viewer-close").addEventListener("click", () => viewer.close());
byId("viewer-previous").addEventListener("click", () => step(-1));
byId("viewer-next").addEventListener("click", () => step(1));

export function toast(text, kind = "") {
  const note = el("div", { class: `toast ${kind}` }, text);
  byId("toasts").append(note);
  setTimeout(() => note.classList.add("gone"), 3600);
  setTimeout(() => note.remove(), 4000);
}

export function alertBox(text) {
  byId("alert-text").textContent = text;
  byId("alert").showModal();
}

let opener = null;

export function closeMenu() {
  const menu = byId("menu");
  if (menu.hidden) return;
  menu.hidden = true;
  opener?.focus({ preventScroll: true });
}

export function openMenu(button, items) {
  const menu = byId("menu");
  opener = button;
  menu.replaceChildren(
    ...items.map(({ label, act, danger }) =>
      el("button", {
        type: "button",
        role: "menuitem",
        class: danger ? "danger" : "",
        onclick: () => {
          closeMenu();
          act();
        },
      }, label),
    ),
  );
  menu.hidden = false;
  const at = button.getBoundingClientRect();
  const box = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(at.right - box.width, innerWidth - box.width - 8))}px`;
  menu.style.top = `${at.bottom + box.height + 8 < innerHeight ? at.bottom + 4 : Math.max(8, at.top - box.height - 4)}px`;
  menu.firstElementChild?.focus();
}

byId("menu").addEventListener("keydown", (event) => {
  const buttons = [...byId("menu").children];
  const now = buttons.indexOf(document.activeElement);
  if (event.key === "Escape") closeMenu();
  if (event.key === "ArrowDown") buttons[(now + 1) % buttons.length].focus();
  if (event.key === "ArrowUp") buttons[(now + buttons.length - 1) % buttons.length].focus();
});
document.addEventListener("pointerdown", (event) => {
  if (!byId("menu").hidden && !byId("menu").contains(event.target)) closeMenu();
});
addEventListener("resize", closeMenu);
