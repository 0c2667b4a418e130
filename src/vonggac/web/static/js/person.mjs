/**
 * The change of person at a workstation: a name and a PIN, and the wall plays on.
 *
 * The server ends the present session and opens the next one in the same cookie. The wall then asks
 * for a grant under the new name, and changes over as at every renewal: the next connection first.
 */

import { el, show } from "./page.mjs";
import { handOver } from "./purpose.mjs";

/** An answer of the server that does not come, ms. */
const LIMIT_MS = 8_000;

/**
 * Wires the dialog `#person`, where the page has one.
 * @param {any} page page data; its form token changes with the person
 * @param {import("./session.mjs").Session | null} session
 */
export function changeOfPerson(page, session) {
  const dialog = document.getElementById("person");
  if (dialog === null) return;
  const form = dialog.querySelector("form");
  const list = dialog.querySelector("[data-people]");
  const say = (text) => show("person-error", text, dialog);

  async function ask(path, body) {
    const response = await fetch(`${page.api}${path}`, {
      method: body ? "POST" : "GET",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", [page.csrf.header]: page.csrf.token },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    return { ok: response.ok, answer: await response.json().catch(() => ({})) };
  }

  /** Whether the purpose that was stated is one of the next person's. */
  async function purposeStays() {
    if (!page.purposes) return true;
    const { answer } = await ask(`/purposes?site=${encodeURIComponent(page.site)}&shows=${page.shows}`);
    return handOver(page, answer.purposes ?? []);
  }

  async function open() {
    say("");
    form.reset();
    const { answer } = await ask("/workstation");
    const people = answer.people ?? [];
    list.replaceChildren(
      ...people.map(({ account, name }) =>
        el("label", { class: "opt" }, el("input", { type: "radio", name: "account", value: account, required: "" }), el("span", { translate: "no" }, name)),
      ),
    );
    show("nobody", people.length === 0 ? dialog.dataset.nobody : "", dialog);
    dialog.showModal();
    (list.querySelector("input") ?? form.elements.pin).focus();
  }

  async function change() {
    const { ok, answer } = await ask("/workstation/person", { account: form.elements.account.value, pin: form.elements.pin.value });
    form.elements.pin.value = "";
    if (!ok) {
      const left = answer.error?.detail?.tries_left ?? 0;
      say((left > 0 ? dialog.dataset.wrong : dialog.dataset.full).replace("{tries}", String(left)));
      return;
    }
    page.csrf.token = answer.csrf_token;
    const chosen = list.querySelector("input:checked").parentElement.textContent;
    const stays = await purposeStays();
    if (stays) await session?.renewed();
    show("person", chosen);
    dialog.close();
    if (!stays) document.getElementById("why")?.elements.code.focus();
  }

  document.querySelector("[data-person]")?.addEventListener("click", () => open().catch(() => location.assign("/person")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change().catch(() => say(dialog.dataset.lost));
  });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
}
