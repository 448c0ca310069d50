// Templates of a screen: fields in, a picture out.

import { el } from "../lib/dom.js";
import { clock, glued, money } from "../lib/format.js";
import { picture, pictureName } from "../lib/goods.js";
import { mark } from "../lib/icons.js";
import { themeClass } from "../lib/themes.js";

const SIGNS = { EUR: "€", GBP: "£", USD: "$" };
const FACINGS = 20; // bars that stand for the stock of a shelf
const LONG_TITLE = 26;

export function build(fields, store, atMs) {
  const drawn = pictureName(fields.picture, fields.title);
  const theme = themeClass(fields.theme, drawn);
  const play = el("article", { class: `play ${theme} ${fields.template === "card" ? "message card" : fields.template}` });
  play.dataset.theme = theme;
  const words = el(
    "div", { class: "words" },
    fields.eyebrow ? el("div", { class: "eyebrow", text: fields.eyebrow }) : null,
    el("h1", { class: fields.title.length > LONG_TITLE ? "long" : "", text: glued(fields.title) }),
    fields.line ? el("p", { class: "line", text: fields.line }) : null,
    typeof fields.price_minor === "number" ? price(fields, store?.currency ?? "EUR") : null,
  );
  if (fields.template === "card") words.prepend(mark(120));
  const art = fields.template === "product" ? el("div", { class: "art" }, picture(drawn)) : null;
  const slot = el("div", { class: "slot" });
  play.append(...[el("div", { class: "sun" }), art, words, slot, foot(fields, store, atMs)].filter(Boolean));
  return play;
}

function price(fields, currency) {
  const whole = String(Math.trunc(fields.price_minor / 100));
  const cents = String(fields.price_minor % 100).padStart(2, "0");
  const was = fields.was_minor > fields.price_minor ? el("span", { class: "was", text: money(fields.was_minor, currency) }) : null;
  return el(
    "div", { class: `price num ${whole.length > 1 ? "long" : ""}`, role: "img", "aria-label": money(fields.price_minor, currency) },
    el("span", { class: "sign", text: SIGNS[currency] ?? currency }), whole, el("sup", { class: "cents", text: cents }), was,
  );
}

function foot(fields, store, atMs) {
  const stock = typeof fields.stock === "number" ? fields.stock : null;
  const per = fields.unit && fields.unit !== "piece" ? `per ${fields.unit}` : "";
  return el(
    "footer", { class: "foot num" },
    stock === null ? null : el("div", { class: "left" }, facings(stock), el("span", {}, el("b", { text: `${stock} left` }), " on this shelf")),
    el("span", { class: "grow" }),
    per ? el("span", { text: per }) : null,
    per ? el("span", { class: "bar" }) : null,
    el("span", { text: `price as of ${clock(atMs, store?.minutes_east ?? 0)}` }),
  );
}

function facings(stock) {
  const full = Math.min(FACINGS, stock);
  return el("div", { class: "facings", "aria-hidden": "true" }, Array.from({ length: FACINGS }, (_, n) => el("i", { class: n < full ? "" : "gone" })));
}

export function card(store) {
  const play = el("article", { class: "play theme message card" });
  play.dataset.theme = "theme";
  play.append(el("div", { class: "sun" }), el("div", { class: "words" }, mark(120), el("h1", { text: store?.name ?? "Welcome" })));
  return play;
}
