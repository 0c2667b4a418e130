/** What a form keeps on this device, in IndexedDB: its fields, and photographs that wait. */

const NAME = "vonggac-survey";

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function opened() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("forms", { keyPath: "key" });
    request.result.createObjectStore("photos", { keyPath: "id" }).createIndex("form", "form");
  };
  return asked(request);
}

/**
 * The store of one form.
 *
 * @param {string} key address of the form
 * @throws the browser keeps nothing (a private window of some)
 */
export async function keptForm(key) {
  const database = await opened();
  const store = (name, mode) => database.transaction(name, mode).objectStore(name);
  return {
    /** What was kept of the form, or undefined. */
    form: () => asked(store("forms", "readonly").get(key)),
    /** Keep the form: fields, state, its id for the server. */
    keep: (form) => asked(store("forms", "readwrite").put({ ...form, key })),
    /** Photographs of the form, the first taken first. */
    photos: async () => {
      const found = await asked(store("photos", "readonly").index("form").getAll(key));
      return found.sort((one, other) => one.taken - other.taken);
    },
    /** Keep a photograph. */
    keepPhoto: (photo) => asked(store("photos", "readwrite").put({ ...photo, form: key })),
    /** Let a photograph go. */
    dropPhoto: (id) => asked(store("photos", "readwrite").delete(id)),
    /** Let everything of the form go: it was sent. */
    forget: async () => {
      const found = await asked(store("photos", "readonly").index("form").getAllKeys(key));
      for (const id of found) await asked(store("photos", "readwrite").delete(id));
      await asked(store("forms", "readwrite").delete(key));
    },
  };
}
