/**
 * The checklist of an inspection on a phone: kept on the device as it is filled in, minutes and
 * photographs sent by themselves when there is a line, once.  Keeping and the worker are those of the
 * survey's form.  Words come from the page; the server judges what is missing.
 */

import { keptForm } from "./survey-kept.mjs";
import { newId, outcome, shrunk } from "./survey-sending.mjs";

const SIDE = 1600;
const QUALITY = 0.8;
const AGAIN_MS = 20_000;
/** The cache that the worker gives out of. */
const KEPT = "vonggac-survey-1";

const form = document.getElementById("check");
const photo = document.getElementById("photo");
const address = `/inspections/${form.dataset.inspection}`;
const api = `/api/v1${address}`;
const shown = (name) => document.querySelector(`[data-say="${name}"]`);
const ownId = () => newId(crypto.getRandomValues(new Uint8Array(16)));

let store = null;
let kept = { state: "draft" };
let sending = false;

// -- fields ---------------------------------------------------------------------------------

function fields() {
  const found = [...new FormData(form)].filter(([, value]) => typeof value === "string");
  return found.filter(([name]) => name !== "form_token");
}

function fill(found) {
  for (const [name, value] of found) {
    const every = [...form.elements].filter((one) => one.name === name);
    for (const one of every) {
      if (one.type === "radio") one.checked = one.value === value;
      else one.value = value;
    }
  }
}

function counted() {
  const judged = fields().filter(([name]) => name.startsWith("v-"));
  document.querySelector('[data-count="judged"]').textContent = String(judged.length);
}

async function keep(changes = {}) {
  counted();
  if (!store) return;
  kept = { ...kept, fields: fields(), ...changes };
  await store.keep(kept);
  shown("kept").textContent = form.dataset.kept;
}

/** What the API takes: the answers, who agreed, or that the facility refused. */
function minutes() {
  const told = new Map(kept.fields);
  const answers = [...told].filter(([name]) => name.startsWith("v-")).map(([name, verdict]) => {
    const item = name.slice(2);
    const of = (letter) => (verdict === "fail" ? (told.get(`${letter}-${item}`) ?? "") : "");
    return { item, verdict, said: told.get(`s-${item}`) ?? "", action: of("a"), responsible: of("r"), due: of("d").trim() };
  });
  const refused = told.get("how") === "refused";
  const lines = (told.get("present") ?? "").split("\n").filter((one) => one.trim());
  const people = lines.map((one) => one.split(";")).map(([name, ...body]) => ({ name: name.trim(), body: body.join(";").trim() }));
  return {
    answers,
    present: refused ? [] : people,
    opinion: told.get("opinion") ?? "",
    refused: refused ? (told.get("refused") ?? "") : "",
    witness: refused ? (told.get("witness") ?? "") : "",
    client_id: kept.client,
    made: kept.made,
  };
}

// -- what the page says ---------------------------------------------------------------------

function note(said) {
  const band = shown("waits");
  band.hidden = !said;
  band.querySelector("div").textContent = said;
}

async function photographs() {
  const list = shown("photos");
  const found = store ? await store.photos() : [];
  list.hidden = found.length === 0;
  list.replaceChildren(...found.map((one) => {
    const line = document.createElement("li");
    line.textContent = `${one.about || "–"}, ${Math.ceil(one.blob.size / 1024)} kB`;
    return line;
  }));
}

// -- photographs ----------------------------------------------------------------------------

async function smaller(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const [width, height] = shrunk(picture.width, picture.height, SIDE);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(picture, 0, 0, width, height);
  picture.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/jpeg", QUALITY);
  });
}

async function take(event) {
  const input = photo.querySelector("input[type=file]");
  if (!store || !input.files.length) return;
  event.preventDefault();
  try {
    const blob = await smaller(input.files[0]);
    await store.keepPhoto({ id: ownId(), about: photo.querySelector("[name=item]").value, blob, taken: Date.now() });
    input.value = "";
  } catch {
    photo.submit(); // the server says what is wrong with it
    return;
  }
  await photographs();
  if (await sendPhotos().catch(() => 0)) location.reload();
}

/** Returns how many went. */
async function sendPhotos() {
  let went = 0;
  for (const one of await store.photos()) {
    const query = new URLSearchParams({ item: one.about, client_id: one.id });
    const answer = await fetch(`${api}/photos?${query}`, { method: "POST", body: one.blob });
    const found = outcome(answer.status);
    if (found === "again" || found === "signin") throw new Error(String(answer.status));
    await store.dropPhoto(one.id);
    went += 1;
  }
  return went;
}

// -- minutes --------------------------------------------------------------------------------

async function forget() {
  await store.forget();
  if ("caches" in window) await (await caches.open(KEPT)).delete(location.href.split("#")[0]);
}

async function send() {
  if (sending || !store || kept.state !== "ready") return;
  if (!navigator.onLine) return note(form.dataset.waits);
  sending = true;
  try {
    await sendPhotos();
    const answer = await fetch(`${api}/minutes`, {
      method: "POST", body: JSON.stringify(minutes()), headers: { "Content-Type": "application/json" },
    });
    await settled(outcome(answer.status), answer.status);
  } catch {
    note(form.dataset.waits);
  } finally {
    sending = false;
  }
}

async function settled(found, status) {
  if (found === "sent") {
    await forget();
    note(form.dataset.sent);
    location.replace(address);
  } else if (found === "refused" || found === "closed") {
    await keep({ state: "draft" });
    form.action = `${address}/minutes`;
    form.submit(); // the page that comes back says what is missing, with everything typed
  } else if (found === "signin") {
    note(`${form.dataset.failed} ${status}`);
  } else {
    note(form.dataset.waits);
  }
}

async function conclude(event) {
  if (!store || !event.submitter?.formAction.endsWith("/minutes")) return;
  event.preventDefault();
  await keep({ state: "ready", client: ownId(), made: new Date().toISOString() });
  await send();
}

// -- the page without a line ----------------------------------------------------------------

async function keepPage() {
  if (!("serviceWorker" in navigator) || !("caches" in window)) return;
  await navigator.serviceWorker.register("/survey-worker.js", { scope: "/inspections/" });
  const needed = performance.getEntriesByType("resource").map((one) => one.name);
  const here = needed.filter((one) => new URL(one).origin === location.origin && new URL(one).pathname.startsWith("/static/"));
  const cache = await caches.open(KEPT);
  await cache.addAll([...new Set([location.href.split("#")[0], ...here])]);
  form.dataset.offline = "yes";
}

async function start() {
  try {
    store = await keptForm(address);
  } catch {
    return; // the browser keeps nothing: the form is sent as a form
  }
  const found = await store.form();
  if (found) {
    kept = found;
    fill(kept.fields);
    counted();
  }
  form.addEventListener("submit", conclude);
  photo.addEventListener("submit", take);
  document.addEventListener("input", (event) => {
    // What is typed after the minutes were made takes them back until they are made again.
    if (event.target.form === form) keep(kept.state === "ready" ? { state: "draft" } : {});
  });
  window.addEventListener("online", () => send());
  window.addEventListener("offline", () => kept.state === "ready" && note(form.dataset.waits));
  setInterval(() => send(), AGAIN_MS);
  await photographs();
  await send();
  form.dataset.ready = "yes";
}

start().then(keepPage).catch(() => {});
