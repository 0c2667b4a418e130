/** The verifier's page: a file is chosen, what was found is shown. Words in both languages are here. */
"use strict";

(() => {
  const WORDS = {
    vi: {
      ok: "Nguyên vẹn và đầy đủ", bad: "Không còn như lúc ghi",
      ok_why: "Mọi phần hình đúng như lúc ghi và dẫn tới trang sổ mà cơ sở đã ký.",
      bad_why: "Không dùng tệp này làm bản gốc. Những gì sai được kể bên dưới.",
      reading: "Đang đọc", site: "Cơ sở", camera: "Camera", from: "Từ", to: "Đến", parts: "Phần hình đúng", key: "Dấu vân tay khóa",
      given: "khóa bạn nhập dẫn tới khóa này", not_given: "hãy đối chiếu với dấu vân tay cơ sở công bố", gaps: "Khoảng không có hình (đã ký)", changes: "Cơ sở đã đổi khóa (khóa cũ ký báo trước)", faults: "Những gì sai",
    },
    en: {
      ok: "Unchanged and complete", bad: "Not as it was recorded",
      ok_why: "Every part is as it was recorded and leads to a page that the site signed.",
      bad_why: "Do not use this file as the original. What is wrong is told below.",
      reading: "Reading", site: "Site", camera: "Camera", from: "From", to: "To", parts: "Parts that are right", key: "Fingerprint of the key",
      given: "the key that you entered leads to it", not_given: "compare it with the fingerprint that the site publishes", gaps: "Missing time (signed)", changes: "The site changed its key (announced by the old one)", faults: "What is wrong",
    },
  };
  const asked = new URLSearchParams(location.search).get("lang");
  const language = (asked || document.documentElement.lang) === "en" ? "en" : "vi";
  const words = WORDS[language];
  const place = document.getElementById("verdict");
  const input = document.getElementById("file");
  const key = document.getElementById("key");

  function el(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    made.append(...children);
    return made;
  }

  const local = new Intl.DateTimeFormat(language === "vi" ? "vi-VN" : "en-GB", {
    timeZone: "Asia/Ho_Chi_Minh", day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });
  const at = (text) => (text ? local.format(new Date(text)) : "–");

  function show(found) {
    const rows = [
      [words.site, found.site_title || found.site || "–"], [words.camera, found.cameras.map((name) => name.toUpperCase()).join(", ") || "–"],
      [words.from, at(found.from)], [words.to, at(found.to)], [words.parts, String(found.parts)],
      [words.key, found.key ? `${found.key}${found.key_given && !found.ok ? "" : ` (${found.key_given ? words.given : words.not_given})`}` : "–"],
    ];
    const list = el("dl", { class: "kv" });
    for (const [name, value] of rows) list.append(el("dt", {}, name), el("dd", { class: "wrap", translate: "no" }, value));
    place.replaceChildren(
      el("div", { class: `note ${found.ok ? "note-act" : "note-bad"}`, role: "status", "data-ok": String(found.ok) },
        el("div", {}, el("b", {}, found.ok ? words.ok : words.bad), el("p", {}, found.ok ? words.ok_why : words.bad_why))),
      list,
    );
    for (const [title, lines] of [[words.faults, found.faults], [words.gaps, found.gaps.map((gap) => `${gap.camera.toUpperCase()} ${at(gap.from)} – ${at(gap.to)}: ${gap.cause}`)], [words.changes, found.key_changes.map((change) => `${at(change.at)}: ${change.old} → ${change.new}`)]]) {
      if (!lines.length) continue;
      const items = el("ul", { class: "small wrap", translate: "no" });
      for (const line of lines) items.append(el("li", {}, line));
      place.append(el("h2", {}, title), items);
    }
  }

  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    const bar = el("progress", { max: "1", value: "0", "aria-label": words.reading });
    place.replaceChildren(el("p", {}, `${words.reading} ${file.name} `), bar);
    show(await vonggacVerify.verify(file, key.value, (share) => {
      bar.value = share;
    }));
  });
})();
