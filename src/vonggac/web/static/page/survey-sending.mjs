/** What is sent of a form, and in which order; pure, so that it is tested without a page. */

/** Fields as they are sent: empty ones are left out, whatever the page's own are named. */
export function filled(fields) {
  const own = new Set(["form_token", "do", "client_id", "pictures"]);
  return fields.filter(([name, value]) => value !== "" && !own.has(name));
}

/** The number that the next camera gets: one more than the highest there is. */
export function nextCamera(fields) {
  const numbers = fields.map(([name]) => Number(/^c-(\d+)-/.exec(name)?.[1] ?? -1));
  return Math.max(-1, ...numbers) + 1;
}

/** Numbers of the cameras that a form has, in their order. */
export function cameras(fields) {
  const found = fields.map(([name]) => /^c-(\d+)-/.exec(name)?.[1]).filter((one) => one !== undefined);
  return [...new Set(found)].map(Number).sort((one, other) => one - other);
}

/** How many cameras look at each place; an empty camera is none. */
export function perZone(fields) {
  const told = new Map(fields);
  const found = {};
  for (const at of cameras(fields)) {
    if (!told.get(`c-${at}-title`)) continue;
    const zone = told.get(`c-${at}-zone`);
    found[zone] = (found[zone] ?? 0) + 1;
  }
  return found;
}

/** What an answer of the server means for what is kept: sent, refused, closed, signin or again. */
export function outcome(status) {
  if (status === 201) return "sent";
  if (status === 422 || status === 413) return "refused";
  if (status === 409 || status === 404) return "closed";
  if (status === 401 || status === 403) return "signin";
  return "again";
}

/** Width and height of a photograph as it is kept: at most `most` pixels on its longer side. */
export function shrunk(width, height, most) {
  const scale = Math.min(1, most / Math.max(width, height));
  return [Math.max(8, Math.round(width * scale)), Math.max(8, Math.round(height * scale))];
}

/** An id for what this device sends, so that what arrives twice is kept once. */
export function newId(bytes) {
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

/** Words with their `{…}` filled. */
export function say(text, values) {
  return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}
