/**
 * Layouts that a person has given a name: how many tiles, which page, in which order, cycling or not.
 *
 * They stay in this browser, beside the arrangement that it comes back to by itself (kept.mjs): a room has
 * its screens, and its people share them.
 */

import { el, show } from "./page.mjs";

/** A list that is read at a glance. */
const MOST = 12;

const place = (site) => `vonggac.layouts.${site}`;

/** @param {string} site @returns {{name: string, tiles: number, page: number, order: string[], cycling: boolean}[]} */
export function named(site) {
  try {
    const kept = JSON.parse(localStorage.getItem(place(site)) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one?.name === "string" && Array.isArray(one.order)) : [];
  } catch {
    return []; // no storage, or not ours
  }
}

/** The list with this one in it: a name is there once, and the last that was named stands first. Pure. */
export function withLayout(list, layout) {
  return [layout, ...list.filter((one) => one.name !== layout.name)].slice(0, MOST);
}

/**
 * Wires the dialog `#layouts`, where the page has one.
 * @param {string} site
 * @param {() => {tiles: number, page: number, order: string[], cycling: boolean}} present
 * @param {(layout: any) => void} take shows a layout
 */
export function keptLayouts(site, present, take) {
  const dialog = document.getElementById("layouts");
  if (dialog === null) return;
  const form = dialog.querySelector("form");
  const rows = dialog.querySelector("[data-layouts]");

  function write(list) {
    try {
      localStorage.setItem(place(site), JSON.stringify(list));
      show("layouts-error", "", dialog);
    } catch {
      show("layouts-error", dialog.dataset.full, dialog);
    }
    draw();
  }

  function row(layout) {
    const open = el("button", { class: "btn btn-s", type: "button", translate: "no" }, layout.name);
    const forget = el("button", { class: "btn btn-s", type: "button", "aria-label": `${dialog.dataset.forget}: ${layout.name}` }, dialog.dataset.forget);
    open.addEventListener("click", () => {
      dialog.close();
      take(layout);
    });
    forget.addEventListener("click", () => write(named(site).filter((one) => one.name !== layout.name)));
    return el("li", {}, open, el("span", { class: "muted" }, `${layout.tiles}`), forget);
  }

  function draw() {
    const list = named(site);
    rows.replaceChildren(...list.map(row));
    show("no-layouts", list.length === 0 ? dialog.dataset.none : "", dialog);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = form.elements.name.value.trim().normalize("NFC");
    if (!name) return;
    const { tiles, page, order, cycling } = present();
    write(withLayout(named(site), { name, tiles, page, order, cycling }));
    form.reset();
  });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  draw();
}
