// The phone: what is offered here and now, the pass with its code, receipts, and what the member allows.
// The last wallet is kept in this browser, dated, so that the page opens without the store in reach.

import { get, operation, path, post, put } from "../lib/api.js";
import { barcode } from "../lib/barcode.js";
import { $, attr, el, keep, text } from "../lib/dom.js";
import { clock, count, initial, money, points } from "../lib/format.js";
import { icon, mark } from "../lib/icons.js";
import { attend } from "../lib/socket.js";
import { makeOffers } from "./offers.js";

const account = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const base = `/api/v1/accounts/${path(account)}`;
const KEPT = `endcap.wallet.${account}`;
const NOT_OFTEN_MS = 300; // receipts are asked for after a sale, not with each step through the store

const state = { wallet: null, store: null, floor: null, up: true, unknown: "" };
const announce = (words) => text($("#status"), words);
const east = () => state.store?.store.minutes_east ?? 0;
const currency = () => state.store?.store.currency ?? "EUR";

// --- the pass

const balance = el("div", { class: "balance num" });
const asOf = el("dd");
const tier = el("dd");
const tierBox = el("div", {}, el("dt", { text: "Tier" }), tier);
const asOfBox = el("div", {}, el("dt", { text: "As of" }), asOf);
$("#pass").append(
  el("div", { class: "pass-top" }, mark(34), el("div", { class: "pass-label", text: "Points" }), balance, el("dl", { class: "num" }, tierBox, asOfBox)),
  el("div", { class: "pass-code" }, el("div", { class: "code" }, barcode(account), el("div", {}, el("b", { text: account }), el("span", { text: "show at the till" })))),
);

function drawPass() {
  const { wallet } = state;
  const known = wallet && wallet.points !== null;
  text(balance, known ? count(wallet.points) : wallet ? (wallet.member ? "Balance unknown" : "No card yet") : "…");
  balance.classList.toggle("words", !known);
  asOfBox.hidden = !known;
  if (known) text(asOf, `${clock(wallet.as_of_ms, east())} ${sameDay(wallet.as_of_ms) ? "today" : "earlier"}`);
  tierBox.hidden = !wallet?.member || wallet.tier === "base";
  if (wallet) text(tier, wallet.tier.charAt(0).toUpperCase() + wallet.tier.slice(1));
}

const dayOf = (ms) => Math.floor((ms + east() * 60_000) / 86_400_000);
const sameDay = (ms) => dayOf(ms) === dayOf(Date.now());

// --- head and note

function drawHead() {
  const { wallet, store } = state;
  text($("#hello"), wallet?.name ? `Hello, ${wallet.name}` : "Hello");
  text($("#face"), initial(wallet?.name ?? ""));
  $("#face").hidden = !wallet?.name;
  const where = store ? `You are in ${store.store.name}` : "";
  if ($("#place").dataset.where !== where) {
    $("#place").dataset.where = where;
    $("#place").replaceChildren(...(where ? [icon("store"), where] : []));
  }
  document.title = store ? `${store.store.name} · your offers` : "Your offers";
  drawNote();
}

function drawNote() {
  const says = noteNow();
  const note = $("#note");
  note.hidden = !says;
  if (!says || note.dataset.says === says[2]) return;
  note.dataset.says = says[2];
  note.className = `note ${says[0]}`;
  note.replaceChildren(icon(says[1]), el("span", { text: says[2] }));
}

function noteNow() {
  if (state.unknown) return ["out", "alert", state.unknown];
  if (!state.up) {
    const from = state.wallet ? ` What you see is from ${clock(state.seenMs ?? Date.now(), east())}.` : "";
    return ["out", "alert", `The store is out of reach.${from} Your code still works at the till.`];
  }
  if (state.store?.link.state === "cut") return ["cut", "cut", "Head office is out of reach. Everything below works in this store."];
  return null;
}

// --- receipts

function drawReceipts(sales) {
  const box = $("#tab-receipts");
  if (!sales.length) {
    return box.replaceChildren(head("Receipts"), el("div", { class: "card empty" }, el("b", { text: "No receipts yet." }), el("span", { text: "They stand here as soon as a till has rung up." })));
  }
  return box.replaceChildren(head("Receipts", "in this store"), ...sales.map((sale) => el(
    "details", { class: "card receipt" },
    el("summary", {},
      el("b", { class: "num", text: money(sale.total_minor, sale.currency) }), el("b", { class: "num t-money", text: sale.points ? `+${points(sale.points)}` : "" }),
      el("span", { class: "sub num", text: `${stamp(sale.closed_at_ms)} · ${state.floor?.tills[sale.till]?.name ?? sale.till}` }), el("span", { class: "cap num", text: `sale ${sale.sale}` })),
    el("ul", {}, sale.lines.map((line) => el("li", {}, el("span", { text: line.name }), el("span", { class: "r num", text: money(Math.round((line.price_minor * line.quantity) / 1000), sale.currency) }),
      ...(line.discount_minor ? [el("small", { text: "offer" }), el("small", { class: "r num t-money", text: money(-line.discount_minor, sale.currency) })] : [])))),
  )));
}

const stamp = (ms) => `${clock(ms, east())} ${sameDay(ms) ? "today" : new Date(ms).toLocaleDateString("en-IE", { day: "numeric", month: "short" })}`;
const head = (title, more = "") => el("div", { class: "head" }, el("h2", { text: title }), more ? el("span", { text: more }) : null);

let asking = 0;
function askReceipts() {
  clearTimeout(asking);
  asking = setTimeout(() => get(`${base}/receipts`).then(drawReceipts).catch(() => {}), NOT_OFTEN_MS); // the note says why
}

// --- consent

const PURPOSES = {
  offers: ["Offers for you", "Use what the store knows of you to choose offers."],
  location: ["Where you walk", "Use where you are in the store for offers near you."],
  profile: ["What you buy", "Use what you bought before to choose offers."],
};

async function drawConsent() {
  const box = $("#tab-consent");
  try {
    const { allowed, purposes } = await get(`${base}/consent`);
    const boxes = purposes.map((purpose) => el("input", { type: "checkbox", role: "switch", name: purpose, ...(allowed.includes(purpose) ? { checked: true } : {}), onchange: (event) => saveConsent(event.target, boxes) }));
    box.replaceChildren(
      head("What you allow"),
      el("div", { class: "card" }, purposes.map((purpose, n) => el("label", { class: "consent-row" }, el("span", {}, el("b", { text: PURPOSES[purpose]?.[0] ?? purpose }), el("small", { text: PURPOSES[purpose]?.[1] ?? "" })), el("span", { class: "switch" }, boxes[n], el("i"))))),
      el("p", { class: "fine", text: "A change counts from the next decision on. Your points stay whatever you choose." }),
    );
  } catch (error) {
    box.replaceChildren(head("What you allow"), el("div", { class: "card empty" }, el("b", { text: "Not now." }), el("span", { text: error.message })));
  }
}

async function saveConsent(changed, boxes) {
  const consent = boxes.filter((one) => one.checked).map((one) => one.name);
  try {
    await put(`${base}/consent`, { operation: operation("consent"), consent });
    announce("Saved.");
  } catch (error) {
    changed.checked = !changed.checked;
    announce(`Not saved. ${error.message}`);
  }
}

// --- tabs

const TABS = [["offers", "tag", "Offers"], ["receipts", "receipt", "Receipts"], ["consent", "person", "You"]];
$("#nav").append(...TABS.map(([id, sign, name]) => el("button", { id: `nav-${id}`, onclick: () => show(id) }, icon(sign), name)));

function show(id) {
  for (const [own] of TABS) {
    $(`#tab-${own}`).hidden = own !== id;
    attr($(`#nav-${own}`), "aria-current", own === id ? "page" : null);
  }
  if (id === "receipts") get(`${base}/receipts`).then(drawReceipts).catch(() => {}); // the note says why
  if (id === "consent") drawConsent();
}

// --- what comes from the store

const offers = makeOffers($("#tab-offers"), { state, base, currency, east, announce, keep });

function takeWallet(wallet) {
  if (state.wallet && wallet.version < state.wallet.version && !state.wallet.kept) return;
  const paid = state.wallet?.points !== wallet.points;
  state.wallet = wallet;
  state.seenMs = Date.now();
  remember();
  drawHead();
  drawPass();
  offers.draw();
  if (paid) askReceipts();
  for (const one of wallet.offers) if (one.state === "issued") sayShown(one.offer);
}

const shown = new Set();
function sayShown(offer) {
  if (shown.has(offer) || document.hidden) return;
  shown.add(offer);
  post(`${base}/offers/${path(offer)}/seen`, {}).catch(() => shown.delete(offer)); // said again with the next wallet
}

function remember() {
  try {
    localStorage.setItem(KEPT, JSON.stringify({ wallet: state.wallet, store: state.store, floor: state.floor, seenMs: state.seenMs }));
  } catch {
    // a browser without storage opens empty when the store is out of reach; nothing else changes
  }
}

function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    if (kept?.wallet) Object.assign(state, kept, { wallet: { ...kept.wallet, kept: true } });
  } catch {
    // what is not JSON any more is not ours: begin empty
  }
}

async function start() {
  recall();
  show("offers");
  drawHead();
  drawPass();
  offers.draw();
  try {
    state.floor = await get("/api/v1/floor");
    takeWallet(await get(`${base}/wallet`));
  } catch (error) {
    if (error.code === "unknown") state.unknown = "We do not know this account. Ask at the till.";
    else state.up = error.code !== "out_of_reach";
    drawHead();
    offers.draw();
  }
  if (state.unknown) return;
  attend(`/ws/phone/${path(account)}`, {
    version: () => (state.wallet?.kept ? 0 : state.wallet?.version ?? 0),
    take: (message) => {
      if ("account" in message) return takeWallet(message);
      state.store = message;
      remember();
      drawHead();
      return drawPass();
    },
    state: ({ up }) => {
      state.up = up;
      drawHead();
    },
  });
}

navigator.serviceWorker?.register("/worker.js").catch(() => {}); // without it the page only needs the store to open
start();
