/**
 * The steps of a form on a phone: one part at a time, and where one is. On a wide screen, and
 * without scripts, the form is one page: what a step hides is `css/survey.css`'s to say.
 */

import { say } from "./survey-sending.mjs";

function isFilled(field) {
  if (field.type === "hidden" || field.type === "file" || field.hasAttribute("data-zone")) return false;
  return field.type === "checkbox" ? field.checked : "value" in field && field.value !== "";
}

/**
 * Make steps of the parts of a form.
 *
 * @param {HTMLFormElement} form its parts carry `data-part` and an id
 * @param {string} said words with {n}, {of} and {title}
 * @param {(step: number) => void} changed told of each step that is taken
 */
export function steps(form, said, changed) {
  const page = form.closest(".phone");
  const parts = [...form.querySelectorAll("[data-part]")];
  const links = [...page.querySelectorAll(".stepnav a")];
  const last = parts.length - 1;
  const ofHash = () => parts.findIndex((one) => `#${one.id}` === location.hash);
  let now = 0;

  function show(step, { move = false } = {}) {
    now = Math.min(Math.max(step, 0), last);
    for (const [at, part] of parts.entries()) {
      part.toggleAttribute("data-now", at === now);
      links[at].toggleAttribute("data-done", [...part.querySelectorAll("input, select, textarea")].some(isFilled));
      if (at === now) links[at].setAttribute("aria-current", "step");
      else links[at].removeAttribute("aria-current");
    }
    page.dataset.step = now === 0 ? "first" : now === last ? "last" : "between";
    const heading = parts[now].querySelector("h2");
    page.querySelector('[data-show="step"]').textContent = say(said, { n: now + 1, of: parts.length, title: heading.textContent });
    if (move) {
      heading.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    changed(now);
  }

  /** Show the step in which something stands. */
  function reveal(element) {
    const at = parts.indexOf(element?.closest("[data-part]"));
    if (at < 0 || at === now) return;
    history.replaceState(null, "", `#${parts[at].id}`);
    show(at);
  }

  for (const button of page.querySelectorAll("[data-go]")) {
    button.hidden = false;
    // Each step is an address, so that the phone's own button goes a step back.
    button.addEventListener("click", () => {
      location.hash = parts[now + Number(button.dataset.go)].id;
    });
  }
  addEventListener("hashchange", () => {
    if (ofHash() >= 0) show(ofHash(), { move: true });
  });
  return { start: (step) => show(ofHash() >= 0 ? ofHash() : step), reveal };
}
