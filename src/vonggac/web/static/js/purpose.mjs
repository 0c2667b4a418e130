/**
 * Why a person sees pictures: chosen on the page, sent with every grant, kept for the browser's session.
 *
 * The page opens with what is usual for the person's roles. A choice holds on the wall and in playback
 * alike until the browser or the person at it changes; another one ends the view, and begins the next
 * one as at every renewal: the next connection first.
 */

import { el, show } from "./page.mjs";

const PLACE = "vonggac.purpose";

/** Whose choice it is, without the token itself. */
const signedIn = (page) => page.csrf.token.slice(0, 8);

/**
 * Puts what was chosen before, in this browser's session and by this person, into the page data.
 * @param {any} page page data; a page without `purposes` has one that nobody chooses
 */
export function recall(page) {
  if (!page.purposes) return;
  try {
    const { of: whose, purpose, note } = JSON.parse(sessionStorage.getItem(PLACE) ?? "{}");
    if (whose !== signedIn(page) || !(purpose in page.purposes)) return;
    if (page.purposes[purpose] !== "" && !note) return;
    Object.assign(page, { purpose, note: String(note ?? "") });
  } catch {
    // no storage, or not ours: the usual purpose
  }
}

function keep(page) {
  try {
    sessionStorage.setItem(PLACE, JSON.stringify({ of: signedIn(page), purpose: page.purpose, note: page.note }));
  } catch {
    // the next page opens with the usual purpose
  }
}

/**
 * Another person is on duty. What the one before stated goes on if the next one may state it as well;
 * if not, nothing is assumed: the page asks, and no grant is asked for until somebody has chosen.
 * @param {any} page page data
 * @param {{code: string, name: Record<string, string>, note: string | null}[]} allowed  theirs
 * @returns {boolean} whether a purpose stands
 */
export function handOver(page, allowed) {
  if (!page.purposes) return true;
  page.purposes = Object.fromEntries(allowed.map(({ code, note }) => [code, note ?? ""]));
  const stays = page.purpose in page.purposes;
  if (!stays) Object.assign(page, { purpose: "", note: "" });
  const form = document.getElementById("why");
  if (form) offer(page, form, allowed);
  if (stays) keep(page);
  return stays;
}

/** Puts the next person's purposes into the form; without one that stands, an empty one is chosen. */
function offer(page, form, allowed) {
  const { code } = form.elements;
  const options = allowed.map((one) => el("option", { value: one.code }, one.name[page.language]));
  if (page.purpose === "") options.unshift(el("option", { value: "", disabled: "" }, form.dataset.ask));
  code.replaceChildren(...options);
  code.required = true;
  fill(page, form);
  show("purpose", page.purpose === "" ? form.dataset.ask : "");
  if (page.purpose === "") code.focus();
}

function fill(page, form) {
  const { code, note } = form.elements;
  code.value = page.purpose;
  note.value = page.note ?? "";
  reveal(page, form);
}

/** Where a purpose names a document, its number is asked for. */
function reveal(page, form) {
  const { code, note } = form.elements;
  note.hidden = !page.purposes[code.value];
  note.required = !note.hidden;
}

/**
 * Wires the form `#why`, where the page has one.
 * @param {any} page page data; `purpose` and `note` are what the next grant says
 * @param {import("./session.mjs").Session | null} session
 * @param {import("./page.mjs").Words} words
 */
export function choiceOfPurpose(page, session, words) {
  const form = document.getElementById("why");
  if (form === null || session === null) return;
  const { code, note } = form.elements;
  fill(page, form);

  async function state() {
    if (!form.reportValidity()) return;
    const before = { purpose: page.purpose, note: page.note ?? "" };
    const wanted = { purpose: code.value, note: note.hidden ? "" : note.value.trim() };
    if (wanted.purpose === before.purpose && wanted.note === before.note) return;
    Object.assign(page, wanted);
    show("purpose", "");
    await session.renewed();
    if (page.fault === null) {
      keep(page);
      return;
    }
    Object.assign(page, before);
    fill(page, form);
    show("purpose", words.say("purpose_refused"));
    await session.renewed();
  }

  code.addEventListener("change", () => {
    reveal(page, form);
    if (note.hidden) state();
    else note.focus();
  });
  note.addEventListener("change", state);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    state();
  });
}
