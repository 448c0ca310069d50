// A screen: shows what the store commands, and goes on by itself when the store is silent. It is never black and
// never shows an error: without a command it plays its own list, and with nothing left the store's own card.

import { get, path } from "../lib/api.js";
import { $, calm } from "../lib/dom.js";
import { attend } from "../lib/socket.js";
import { build, card } from "./template.js";

const sign = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const KEPT = `endcap.playlist.${sign}`;
const GRACE_MS = 2_000; // how long after its end a command may stand, while the next one is on its way
const LIST_MS = 60_000; // prices of the own list are asked for again so often
const TICK_MS = 500;
const FIRST_MS = 1_200; // the store's command is usually here by then: no picture for a blink

const stage = $("#stage");
let list = recall();
let command = null;
let place = -1;
let until = Date.now() + FIRST_MS;
let shown = "";
let skew = 0; // the store's clock less ours

function recall() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "null");
  } catch {
    return null; // begin with the card; the store's list follows
  }
}

async function refresh() {
  try {
    list = await get(`/api/v1/signs/${path(sign)}/playlist`);
    document.title = `${list.name} · ${list.store.name}`;
    localStorage.setItem(KEPT, JSON.stringify(list));
  } catch {
    // the list of before goes on: a screen shows no error
  }
}

function take(message) {
  if (message.sign !== sign || (command && message.version <= command.version && message.until_ms <= command.until_ms)) return;
  command = message;
  skew = Math.min(skew || Infinity, message.cause.arrived_us / 1000 - Date.now()) || 0;
  skew = Math.abs(skew) > 3_600_000 ? 0 : skew;
  const ends = message.until_ms - Date.now();
  const slot = list?.slot_s ? list.slot_s * 1000 : 15_000;
  // A clock that is wrong by hours must not freeze a picture: then it plays for one slot.
  until = Date.now() + (ends > 0 && ends < 24 * 3_600_000 ? ends : slot);
  show(message.fields, `${message.creative}@${message.version}`, message.cause.arrived_us / 1000);
}

// The next of the own list, when no command holds.
function next() {
  const items = (list?.items ?? []).filter((one) => one.template !== "product" || typeof one.price_minor === "number");
  const slot = (list?.slot_s ?? 15) * 1000;
  until = Date.now() + slot;
  if (!items.length) return show(null, "card", Date.now());
  place = (place + 1) % items.length;
  return show(items[place], `own-${place}-${items[place].price_minor}`, Date.now());
}

function show(fields, name, atMs) {
  if (shown === name) return;
  shown = name;
  const priced = fields && (fields.template !== "product" || typeof fields.price_minor === "number");
  const play = priced ? build(fields, list?.store, atMs) : card(list?.store);
  stage.append(play);
  document.body.className = play.dataset.theme;
  const gone = [...stage.children].filter((one) => one !== play);
  requestAnimationFrame(() => requestAnimationFrame(() => play.classList.add("on")));
  setTimeout(() => gone.forEach((one) => one.remove()), calm() ? 50 : 900); // the new one covers them by then
}

function tick() {
  const left = until - Date.now();
  if (left < (command ? -GRACE_MS : 0)) {
    command = null;
    next();
  }
  const slot = stage.lastElementChild?.querySelector(".slot");
  if (slot && until) {
    const span = (list?.slot_s ?? 15) * 1000;
    const through = Math.min(1, Math.max(0, 1 - left / span));
    slot.style.transition = calm() ? "none" : `transform ${TICK_MS}ms linear`;
    slot.style.transform = `scaleX(${through})`;
  }
}

show(null, "card", Date.now());
refresh();
setTimeout(() => command || next(), FIRST_MS);
setInterval(refresh, LIST_MS);
setInterval(tick, TICK_MS);
attend(`/ws/screen/${path(sign)}`, { take, version: () => command?.version ?? 0 });
navigator.serviceWorker?.register("/worker.js").catch(() => {}); // without it the page only needs the store to open
