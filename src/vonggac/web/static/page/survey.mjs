/**
 * The form of a survey on a phone: kept on the device as it is typed, sent by itself when there is a
 * line, once. Words come from the page; the server decides what can stay.
 */

import { keptForm } from "./survey-kept.mjs";
import { steps } from "./survey-steps.mjs";
import { cameras, filled, newId, nextCamera, outcome, perZone, say, shrunk } from "./survey-sending.mjs";

const SIDE = 1600;
const QUALITY = 0.8;
const AGAIN_MS = 20_000;
const KEPT = "vonggac-survey-1";

const data = JSON.parse(document.getElementById("page-data").textContent);
const phone = document.querySelector("[data-form]");
const address = phone.dataset.form;
const form = document.getElementById("survey");
const shown = (name) => document.querySelector(`[data-show="${name}"]`);
const clock = () => new Date().toLocaleTimeString("vi-VN", { hour12: false });
const ownId = () => newId(crypto.getRandomValues(new Uint8Array(16)));

let store = null;
let kept = null;
let sending = false;
let urls = [];
let walk = null;

// -- what the page says ---------------------------------------------------------------------

function state(name, values = {}) {
  const target = shown("state");
  if (!target) return;
  target.textContent = say(data.texts[name], values);
  target.dataset.state = name;
}

async function told() {
  const band = shown("offline");
  band.hidden = navigator.onLine;
  if (navigator.onLine || !form) return;
  band.querySelector("b").textContent = data.texts.offline;
  const waiting = store ? (await store.photos()).filter((one) => !one.sent).length : 0;
  const said = kept?.state === "ready" ? data.texts.waiting : data.texts.saved;
  shown("kept").textContent = say(said, { n: waiting, time: kept?.saved ?? clock() });
}

function faults(found) {
  for (const old of form.querySelectorAll(".err")) old.remove();
  for (const old of form.querySelectorAll(".field-err")) old.classList.remove("field-err");
  for (const [name, said] of Object.entries(found)) {
    const field = form.querySelector(`[name="${CSS.escape(name)}"]`);
    const around = field?.closest(".field, details") ?? document.getElementById("s-cameras");
    const line = document.createElement("p");
    line.className = "err";
    line.textContent = said;
    around.classList.add("field-err");
    if (around.tagName === "DETAILS") around.open = true;
    field?.closest("details")?.setAttribute("open", "");
    around.querySelector("label, summary, h2").after(line);
  }
  showFault();
}

function showFault() {
  const first = form.querySelector(".field-err");
  walk.reveal(first);
  first?.scrollIntoView({ block: "center" });
}

// -- fields ---------------------------------------------------------------------------------

function fields() {
  return filled([...new FormData(form)].filter(([, value]) => typeof value === "string"));
}

function number() {
  for (const [at, one] of [...form.querySelectorAll("[data-camera]")].entries()) {
    one.querySelector("[data-number]").textContent = String(at + 1);
  }
  const many = perZone(fields());
  for (const one of form.querySelectorAll("[data-count]")) {
    one.textContent = many[one.dataset.count] ? `${many[one.dataset.count]} camera` : "";
  }
}

function addCamera(at) {
  const made = document.getElementById("camera").innerHTML.replaceAll("__n__", String(at));
  document.getElementById("cameras").insertAdjacentHTML("beforeend", made);
  const last = form.querySelector(`[data-camera="${at}"]`);
  open(last);
  number();
  return last;
}

function fill(values) {
  const known = new Set([...form.querySelectorAll("[data-camera]")].map((one) => Number(one.dataset.camera)));
  const wanted = new Set(cameras(values));
  for (const at of wanted) if (!known.has(at)) addCamera(at);
  for (const at of known) {
    if (wanted.size && !wanted.has(at)) form.querySelector(`[data-camera="${at}"]`).remove();
  }
  const told_ = new Map(values);
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden") continue;
    if (field.type === "checkbox") field.checked = told_.has(field.name);
    else if (field.type !== "submit" && field.type !== "file") {
      const value = told_.get(field.name);
      if (value !== undefined) field.value = value;
      else if (field.tagName !== "SELECT") field.value = "";
      else field.selectedIndex = 0;
    }
  }
  for (const one of form.querySelectorAll("details:has(input:checked)")) one.open = true;
  number();
}

async function dropCamera(one) {
  const about = `c-${one.dataset.camera}`;
  one.remove();
  number();
  if (!store) return;
  for (const photo of await store.photos()) if (photo.about === about) await store.dropPhoto(photo.id);
  await keep();
}

/** What the hub would refuse: without a line a person would hear of it when they are far away. */
function refused() {
  const found = {};
  for (const one of form.querySelectorAll("[required]")) if (!one.value.trim()) found[one.name] = data.texts.missing;
  for (const one of form.querySelectorAll("[data-zone]")) {
    const refusal = one.selectedOptions[0]?.dataset.refusal;
    if (refusal) found[one.name] = refusal;
  }
  return found;
}

async function keep(changes = {}) {
  if (!store) return;
  kept = { ...kept, fields: fields(), saved: clock(), at: Date.now(), ...changes };
  await store.keep(kept);
  if (kept.state !== "ready") state("saved", { time: kept.saved });
  await told();
}

// -- photographs ----------------------------------------------------------------------------

async function smaller(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const [width, height] = shrunk(picture.width, picture.height, SIDE);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(picture, 0, 0, width, height);
  picture.close();
  // What is drawn again carries neither place nor time nor the telephone's name.
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/jpeg", QUALITY);
  });
}

async function photographs() {
  for (const old of form.querySelectorAll(".shot")) old.remove();
  for (const old of urls) URL.revokeObjectURL(old);
  urls = [];
  for (const [at, photo] of (await store.photos()).entries()) {
    const place = form.querySelector(`[data-photos="${CSS.escape(photo.about)}"] .photos`);
    if (!place) continue;
    const url = URL.createObjectURL(photo.blob);
    urls.push(url);
    const shot = document.createElement("div");
    shot.className = "shot";
    const picture = Object.assign(document.createElement("img"), { src: url, alt: say(data.texts.photo, { n: at + 1 }) });
    const drop = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-s", textContent: say(data.texts.remove, { n: at + 1 }) });
    drop.addEventListener("click", async () => {
      await store.dropPhoto(photo.id);
      await keep();
      await photographs();
    });
    shot.append(picture, drop);
    place.prepend(shot);
  }
}

function open(part) {
  for (const drop of part.querySelectorAll("[data-drop]")) {
    drop.hidden = false;
    drop.addEventListener("click", () => dropCamera(drop.closest("[data-camera]")));
  }
  for (const field of part.querySelectorAll("[data-photos]")) {
    // Where the device keeps nothing, the browser sends the files with the form.
    if (!store) continue;
    field.dataset.live = "yes";
    const input = field.querySelector("input[type=file]");
    input.removeAttribute("name");
    input.addEventListener("change", async () => {
      const room = data.pictures - named().length - (await store.photos()).length;
      for (const file of [...input.files].slice(0, Math.max(0, room))) {
        try {
          await store.keepPhoto({ id: ownId(), about: field.dataset.photos, blob: await smaller(file), taken: Date.now(), sent: false });
        } catch {
          shown("state").textContent = data.texts.photo_failed;
        }
      }
      input.value = "";
      await keep();
      await photographs();
    });
  }
}

// -- sending --------------------------------------------------------------------------------

/** Photographs that the hub has of this form already. */
function named() {
  return form.elements.pictures.value.split(",").filter(Boolean);
}

function token() {
  return form.querySelector("[name=form_token]")?.value ?? "";
}

/** A page that was kept has the token of a session that may be over: the page of now has its own. */
async function freshToken() {
  const field = form.querySelector("[name=form_token]");
  if (!field) return false;
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok || answer.redirected) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const value = page.querySelector("[name=form_token]")?.value;
  if (!value || value === field.value) return false;
  field.value = value;
  return true;
}

async function posted(path, body) {
  const answer = await fetch(path, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" });
  return answer.type === "opaqueredirect" ? { status: 401, answer } : { status: answer.status, answer };
}

async function sendPhotos() {
  const waiting = (await store.photos()).filter((one) => !one.sent);
  const base = address.startsWith("/s/") ? address : address.replace(/\/form$/, "");
  for (const [at, photo] of waiting.entries()) {
    state("sending", { n: waiting.length - at });
    const body = new FormData();
    body.set("form_token", token());
    body.set("client_id", photo.id);
    body.set("about", photo.about);
    body.set("picture", photo.blob, "photo.jpg");
    const { status } = await posted(`${base}/pictures`, body);
    if (outcome(status) !== "sent") return status;
    await store.keepPhoto({ ...photo, sent: true });
  }
  return 201;
}

async function sendForm() {
  const body = new URLSearchParams(kept.fields);
  body.set("form_token", token());
  body.set("client_id", kept.client);
  body.set("pictures", [...named(), ...(await store.photos()).map((one) => one.id)].join(","));
  return posted(address, body);
}

async function attempt() {
  const photos = await sendPhotos();
  if (outcome(photos) !== "sent") return { status: photos };
  state("sending", { n: 0 });
  return sendForm();
}

async function send() {
  if (sending || !store || kept?.state !== "ready" || !navigator.onLine) return;
  sending = true;
  try {
    let found = await attempt();
    if (outcome(found.status) === "signin" && (await freshToken())) found = await attempt();
    await settled(found);
  } catch {
    state("failed");
  } finally {
    sending = false;
    await told();
  }
}

async function settled({ status, answer }) {
  switch (outcome(status)) {
    case "sent":
      state("sent", { time: clock() });
      await store.forget();
      kept = null;
      if ("caches" in window) await (await caches.open(KEPT)).delete(location.href);
      location.reload();
      break;
    case "refused":
      await keep({ state: "draft", client: ownId() });
      if (answer) faults((await answer.json()).faults ?? {});
      state("refused");
      break;
    case "closed":
      await keep({ state: "draft" });
      state("closed");
      break;
    case "signin":
      state("signin");
      break;
    default:
      state("failed");
  }
}

// -- the page without a line ----------------------------------------------------------------

async function keepPage() {
  if (!("serviceWorker" in navigator) || !("caches" in window)) {
    shown("state").textContent = data.texts.no_offline;
    return;
  }
  const scope = address.startsWith("/s/") ? "/s/" : "/surveys/";
  await navigator.serviceWorker.register("/survey-worker.js", { scope });
  const needed = performance.getEntriesByType("resource").map((one) => one.name);
  const here = needed.filter((one) => new URL(one).origin === location.origin && new URL(one).pathname.startsWith("/static/"));
  const cache = await caches.open(KEPT);
  await cache.addAll([...new Set([location.href.split("#")[0], ...here])]);
  phone.dataset.kept = "yes";
}

async function start() {
  try {
    store = await keptForm(address);
  } catch {
    state("no_store");
  }
  if (store) {
    kept = await store.form();
    if (data.done) await store.forget();
    else if (kept) fill(kept.fields);
    kept ??= { client: ownId(), state: "draft" };
    open(form);
    await photographs();
    if (kept.saved) state("saved", { time: kept.saved });
  }
  number();
  walk = steps(form, data.texts.step, (step) => { if (kept && kept.step !== step) keep({ step }); });
  walk.start(kept?.step ?? 0);
  if (form.querySelector(".field-err")) showFault();
  form.addEventListener("keydown", (event) => {
    // The key would press the first button of the form, which adds a camera.
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
  });
  form.addEventListener("input", () => {
    number();
    keep(kept?.state === "ready" ? { state: "draft" } : {});
  });
  form.addEventListener("submit", async (event) => {
    if (event.submitter?.value === "add") {
      event.preventDefault();
      if (form.querySelectorAll("[data-camera]").length >= data.most) return;
      addCamera(nextCamera([...new FormData(form)])).querySelector("select").focus();
      return;
    }
    if (!store) return;
    event.preventDefault();
    const found = refused();
    if (Object.keys(found).length) {
      faults(found);
      state("refused");
      return;
    }
    await keep({ state: "ready" });
    if (navigator.onLine) await send();
    else await waits();
  });
  addEventListener("online", () => told().then(send));
  addEventListener("offline", () => told());
  setInterval(send, AGAIN_MS);
  await told();
  await keepPage().catch(() => { shown("state").textContent = data.texts.no_offline; });
  if (kept?.state === "ready") await (navigator.onLine ? send() : waits());
}

async function waits() {
  const waiting = (await store.photos()).filter((one) => !one.sent).length;
  state("waiting", { n: waiting });
}

if (form) start();
else if (data.done) {
  keptForm(address).then((one) => one.forget(), () => {});
  if ("caches" in window) caches.open(KEPT).then((one) => one.delete(location.href));
}
