// The kiosk: scan a card or a phone, or enter a number. Somebody who walks away is forgotten after a countdown.
// A scanner types like a keyboard and ends with Enter; what is tapped on the pad is a number, and a number alone
// shows no balance.

import { get, path } from "../lib/api.js";
import { barcode } from "../lib/barcode.js";
import { $, el, text } from "../lib/dom.js";
import { clock, count, money, points } from "../lib/format.js";
import { tile } from "../lib/goods.js";
import { granted } from "../lib/grants.js";
import { icon, mark } from "../lib/icons.js";
import { attend } from "../lib/socket.js";

const IDLE_S = 40; // without a touch
const LAST_S = 10; // from here on it asks whether anybody is there
const NUMBER_MAX = 24;
const OFFERS_MAX = 4;

const state = { view: "ask", number: "", typed: "", card: null, byNumber: false, wallet: null, chosen: null, floor: null, store: null, left: IDLE_S, line: null, problem: "" };
const announce = (words) => text($("#status"), words);
const east = () => state.store?.store.minutes_east ?? 0;
const currency = () => state.store?.store.currency ?? "EUR";
$("#mark").append(mark(44));

// --- what is shown

function draw() {
  const views = { ask, number, greet };
  $("#main").replaceChildren(...views[state.view]());
  $("#foot").hidden = false;
  drawFoot();
  drawHead();
}

function drawHead() {
  if (!state.store) return;
  text($("#store"), state.store.store.name);
  document.title = `Kiosk, ${state.store.store.name}`;
  text($("#time"), clock(Date.now(), east()));
  const cut = state.store.link.state === "cut";
  $("#note").hidden = !cut;
  if (cut && !$("#note").hasChildNodes()) $("#note").append(icon("cut"), "Head office is out of reach. Everything below works in this store.");
}

function ask() {
  const problem = state.problem;
  return [el(
    "section", { class: "ask" },
    el("div", { class: "scan-art" }, icon(problem ? "alert" : "scan")),
    el("div", {}, el("h1", { text: problem ? "Not known here" : "Scan your card or phone" }), el("p", { text: problem || "Or enter your number." })),
    el("button", { class: "btn primary big", onclick: () => go("number") }, problem ? "Try again" : "Enter number"),
    demoCards(),
  )];
}

// A laptop has no scanner: the demo offers the cards of who is in the store.
function demoCards() {
  if (!state.store?.store.demo || !state.cards?.length) return null;
  return el(
    "div", { class: "tries" }, el("span", { text: "In this demo, scan the card of" }),
    state.cards.map((one) => el("button", { class: "btn", onclick: () => scan(one.account, false) }, one.name)),
  );
}

function number() {
  const shown = el("div", { class: "number num", role: "status", "aria-label": "Number", text: state.number });
  const press = (digit) => {
    touched();
    state.number = digit === "back" ? state.number.slice(0, -1) : (state.number + digit).slice(0, NUMBER_MAX);
    text(shown, state.number);
    find.disabled = !state.number;
  };
  const find = el("button", { class: "btn primary big", onclick: () => scan(state.number, true), ...(state.number ? {} : { disabled: true }) }, "Go on");
  const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "A-", "0"].map((digit) => el("button", { class: "btn", onclick: () => press(digit) }, digit));
  const back = el("button", { class: "btn", "aria-label": "Delete the last digit", onclick: () => press("back") }, icon("close"));
  return [
    el("h1", { text: "Your number" }), el("p", { text: "It stands on your card and in your phone. It earns points; it does not show your balance." }),
    shown, el("div", { class: "pad" }, keys, back),
    el("div", { class: "actions" }, el("button", { class: "btn big", onclick: () => go("ask") }, "Back"), find),
  ];
}

function greet() {
  const { card, wallet } = state;
  const name = card.name && !state.byNumber ? card.name : "";
  const tier = card.tier && card.tier !== "base" ? `${card.tier.charAt(0).toUpperCase()}${card.tier.slice(1)}.` : "";
  const parts = [el(
    "div", { class: "hi" },
    el("div", {}, el("h1", { text: name ? `Hello, ${name}` : "Hello" }), el("p", { text: state.byNumber ? "Your number is known here." : tier || "Good to see you." })),
    state.byNumber ? balanceHidden() : balance(wallet),
  )];
  if (!state.byNumber) parts.push(...offers());
  parts.push(codeCard());
  if (state.left <= LAST_S) parts.push(el("div", { class: "still", role: "status", text: `Still there? Ends in ${state.left} s.` }));
  return parts;
}

function balance(wallet) {
  const known = wallet && wallet.points !== null;
  return el(
    "section", { class: "balance num", "aria-label": "Balance" },
    el("div", { class: `n ${known ? "" : "words"}` }, known ? count(wallet.points) : wallet ? "Balance unknown" : "…", known ? [" ", el("small", { text: "points" })] : null),
    known ? el("div", {}, el("span", { text: "as of" }), el("span", { text: clock(wallet.as_of_ms, east()) })) : null,
  );
}

const balanceHidden = () => el("section", { class: "balance", "aria-label": "Balance" }, el("div", { class: "n words", text: "Scan your card or phone to see your points." }));

function offers() {
  const held = (state.wallet?.offers ?? []).filter((one) => (one.state === "issued" || one.state === "seen") && one.until_ms > Date.now()).slice(0, OFFERS_MAX);
  const head = el("div", { class: "row" }, el("h2", { text: "Offers now" }), el("span", { text: held.length ? "for you, in this store" : "" }));
  if (!held.length) return [head, el("div", { class: "none" }, el("b", { text: "No offers right now." }), "They change as you walk.")];
  if (!held.some((one) => one.offer === state.chosen)) state.chosen = held[0].offer;
  return [head, el("div", { class: "cards" }, held.map(offerCard))];
}

function offerCard(one) {
  const { title, now, was, extra, product } = granted(one.grants, state.floor?.products);
  const price = now !== null ? [el("b", { text: money(now, currency()) }), " ", el("span", { class: "was", text: money(was, currency()) })] : [el("b", { text: extra })];
  return el(
    "button", { "aria-pressed": String(one.offer === state.chosen), onclick: () => { touched(); state.chosen = one.offer; draw(); } },
    tile({}, product?.picture, title, product?.category, extra),
    el("span", {}, el("span", { class: "n", text: title || "For you" }), el("span", { class: "p num" }, price)),
    el("span", { class: "tick" }, icon("check")),
  );
}

function codeCard() {
  const one = state.wallet?.offers.find((each) => each.offer === state.chosen);
  const title = one && !state.byNumber ? granted(one.grants, state.floor?.products).title || "Your offer" : "At the till";
  const says = state.byNumber
    ? "Show your card or say your number at the till: this basket earns points."
    : one ? `${one.say} Show this code at the till. Until ${clock(one.until_ms, east())}.`.trim() : "Show this code at the till: your basket earns points.";
  return el(
    "section", { class: "one" }, el("h3", { text: title }), el("p", { text: says }),
    state.byNumber ? null : el("div", { class: "code" }, barcode(state.card.account), el("div", {}, el("b", { text: state.card.account }), el("span", { text: "or open it on your phone" }))),
    state.byNumber ? null : el("p", { text: "Points cannot be spent here yet. Every basket earns them." }),
  );
}

function drawFoot() {
  const lower = el("button", { "aria-pressed": String(document.body.classList.contains("lower")), onclick: lowered }, icon("down"), document.body.classList.contains("lower") ? "Higher" : "Lower");
  if (state.view !== "greet") return $("#foot").replaceChildren(lower);
  const finish = el("button", { onclick: () => forget() }, icon("close"), "Finish ", el("small", { class: "num", text: `${state.left} s` }));
  return $("#foot").replaceChildren(lower, el("button", { onclick: () => forget() }, icon("scan"), "Scan again"), finish);
}

function lowered() {
  touched();
  document.body.classList.toggle("lower");
  drawFoot();
  if (document.body.classList.contains("lower")) window.scrollTo(0, document.body.scrollHeight);
}

// --- what happens

function go(view) {
  touched();
  state.problem = "";
  state.view = view;
  if (view === "ask") state.number = "";
  draw();
}

async function scan(code, byNumber) {
  touched();
  const card = code.trim();
  if (!card) return;
  try {
    const known = await get(`/api/v1/cards/${path(card)}`);
    forgetLine();
    Object.assign(state, { card: known, byNumber, wallet: null, chosen: null, number: "", problem: "", view: "greet", left: IDLE_S });
    announce(byNumber ? "Your number is known here." : `Hello, ${known.name}.`);
    if (!byNumber) {
      state.wallet = await get(`/api/v1/accounts/${path(known.account)}/wallet`).catch(() => null); // the socket brings it
      listen(known.account);
    }
  } catch (error) {
    const unknown = error.code === "unknown" || error.code === "nonsense";
    Object.assign(state, { view: "ask", number: "", problem: unknown ? "We do not know this card. Try again, or ask at the till." : `Not now. ${error.message}` });
    announce(state.problem);
  }
  draw();
}

function listen(account) {
  state.line = attend(`/ws/phone/${path(account)}`, {
    version: () => state.wallet?.version ?? 0,
    take: (message) => {
      if ("account" in message && message.account === state.card?.account) {
        const earned = state.wallet?.points !== null && message.points !== null ? message.points - (state.wallet?.points ?? message.points) : 0;
        state.wallet = message;
        if (earned > 0) announce(`${points(earned)} earned.`);
        draw();
      } else if ("store" in message) {
        state.store = message;
        drawHead();
      }
    },
  });
}

function forgetLine() {
  state.line?.close();
  state.line = null;
}

function forget() {
  forgetLine();
  document.body.classList.remove("lower");
  Object.assign(state, { view: "ask", card: null, wallet: null, chosen: null, number: "", problem: "", left: IDLE_S });
  draw();
}

function touched() {
  state.left = IDLE_S;
}

setInterval(() => {
  drawHead();
  if (state.view === "ask" && !state.problem) return;
  state.left -= 1;
  if (state.left <= 0) forget();
  else if (state.view === "greet") {
    if (state.left <= LAST_S) draw();
    else drawFoot();
  }
}, 1000);

document.addEventListener("pointerdown", touched);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && state.typed) {
    event.preventDefault();
    const code = state.typed;
    state.typed = "";
    scan(code, false);
  } else if (event.key === "Escape") forget();
  else if (event.key.length === 1 && event.key !== " ") state.typed = (state.typed + event.key).slice(-NUMBER_MAX * 4);
});

async function start() {
  draw();
  try {
    [state.floor, state.store] = await Promise.all([get("/api/v1/floor"), get("/api/v1/store")]);
    if (state.store.store.demo) {
      const now = await get("/api/v1/console");
      state.cards = now.people.filter((one) => one.member && one.name).slice(0, 3);
    }
    draw();
  } catch {
    setTimeout(start, 4_000); // a kiosk waits for its store without a word
  }
}

setInterval(async () => {
  if (state.view === "ask") state.store = await get("/api/v1/store").catch(() => state.store); // keeps the last until it answers
}, 10_000);
navigator.serviceWorker?.register("/worker.js").catch(() => {}); // without it the page only needs the store to open
start();
