// The survey as one walks it: choose the beacon, stand on the blue point, stay until it is enough, go on.
// Everything that counts is in the store; this page may be closed and opened again at any time.

import { get, post } from "../lib/api.js";
import { $, attr, el, text } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { makeChoose } from "./choose.js";
import { far, makePlan } from "./plan.js";
import { makeSheet, where } from "./sheet.js";

const OFTEN_MS = 500; // while one stands
const SELDOM_MS = 1_500;
const BUZZ_MS = 120;
const EACH_S = 30; // a point with the way to it, about

const state = { now: null, floor: null, stops: [], chosen: null, trouble: "", lost: false, busy: false };
const announce = (words) => text($("#status"), words);

const plan = makePlan($("#floor"), $("#zoom"), { tapped });
const choose = makeChoose($("#choose"), { started: take, failed: fail });
const sheet = makeSheet($("#sheet"), {
  begin: () => act("", state.chosen ?? {}),
  finish: () => act("/finish"),
  skip: () => act("/skip"),
  undo: () => act("/undo"),
  back: () => { state.chosen = null; draw(); },
  elsewhere: askPlace,
  end: askEnd,
});
$("#end").addEventListener("click", askEnd);

// --- what comes from the store

function take(now) {
  const before = state.now;
  state.stops = now.stops ?? state.stops;
  state.now = { ...now, stops: state.stops };
  state.lost = false;
  if (now.version !== before?.version) state.trouble = "";
  if (now.phase !== "walking" && now.phase !== "done") state.chosen = null;
  draw();
  tell(before, state.now);
  if (now.phase === "enough") act("/finish");
}

function fail(error) {
  state.lost = error.code === "out_of_reach";
  if (!state.lost) state.trouble = error.message;
  drawNote();
  if (error.code === "out_of_step") look();
}

// Said aloud at each step, not at each reading.
function tell(before, now) {
  if (before?.phase === now.phase && before?.at === now.at) return;
  if (now.phase === "standing") announce("Stay here.");
  if (now.phase === "walking") {
    const { target, from } = places(now);
    announce(`${now.done ? `${now.done} of ${now.stops.length} done. ` : ""}${target ? where(target, from, state.floor) : ""}`);
    if (before?.phase === "standing" || before?.phase === "enough") navigator.vibrate?.(BUZZ_MS);
  }
  if (now.phase === "done") announce("The floor is surveyed.");
}

async function act(step, more = {}) {
  if (state.busy) return;
  state.busy = true;
  state.trouble = "";
  try {
    take(await post(`/api/v1/survey/points${step}`, { version: state.now.version, ...more }));
  } catch (error) {
    fail(error);
  } finally {
    state.busy = false;
  }
}

let timer = 0;
async function look() {
  clearTimeout(timer);
  try {
    state.floor ?? lay(await get("/api/v1/floor"));
    const seen = state.now?.version;
    const now = state.busy ? null : await get(`/api/v1/survey?since=${seen ?? 0}`);
    if (now && seen === state.now?.version) take(now); // else a step was answered meanwhile, and this is older
  } catch (error) {
    fail(error);
  }
  timer = setTimeout(look, state.now?.phase === "standing" ? OFTEN_MS : SELDOM_MS);
}

function lay(floor) {
  state.floor = floor;
  plan.lay(floor);
}

// --- drawing

// Where to stand, and where one stood last: the last point that was done is a good guess.
function places(now) {
  const stop = now.at === null ? null : now.stops[now.at];
  const target = state.chosen ?? stop ?? null;
  const done = now.at === null ? null : now.stops.slice(0, now.at).findLast((one) => one.state === "done");
  return { target, from: done ?? null };
}

function draw() {
  const { now, floor } = state;
  const open = now.phase !== "none";
  $("#end").hidden = !open || now.phase === "done";
  $("#floor").hidden = !open;
  if (!open) $("#zoom").hidden = true;
  if (open) choose.hide();
  else choose.show(now, floor);
  text($("#about"), open ? progress(now) : "The floor is walked once, with a beacon.");
  const { target, from } = places(now);
  sheet.draw(now, { target, from, chosen: Boolean(state.chosen), floor });
  if (open) plan.draw(now, target, from);
  drawNote();
}

function progress(now) {
  const left = now.stops.filter((one) => one.state === "open").length;
  const min = Math.ceil((left * EACH_S) / 60);
  return `${now.done} of ${now.stops.length} points${left ? `, about ${min} min` : ""}`;
}

function drawNote() {
  const { now, lost, trouble } = state;
  const unheard = now && (now.phase === "walking") && !now.is_heard ? now.say : "";
  const says = lost ? "The store engine does not answer. Points so far are safe. Trying again." : trouble || unheard;
  const note = $("#note");
  note.hidden = !says;
  note.className = `note ${lost ? "out" : ""}`;
  if (note.dataset.says === says) return;
  note.dataset.says = says;
  note.replaceChildren(icon("alert"), el("span", { text: says }));
}

// --- a place of one's own, and the end

function tapped(place) {
  const { now } = state;
  if (now?.phase !== "walking" && now?.phase !== "done") return;
  const stop = now.at === null ? null : now.stops[now.at];
  state.chosen = stop && far(stop, place) < 0.01 ? null : place;
  draw();
}

function dialog(title, ...inside) {
  const box = $("#dialog");
  box.replaceChildren(el("header", {}, el("h2", { id: "dialog-title", text: title })), el("div", { class: "in" }, ...inside));
  box.showModal();
  return () => box.close();
}

function askPlace() {
  const { width_m: wide, height_m: high } = state.floor.plan;
  const field = (name, most) => el("input", { id: name, type: "number", inputmode: "decimal", min: 0, max: most, step: "any", required: true });
  const [x, y] = [field("place-x", wide), field("place-y", high)];
  const close = dialog(
    "Stand elsewhere",
    el("p", { class: "sub", text: `Tap the place on the plan, or measure it from the plan's top left corner, up to ${wide} × ${high} m.` }),
    el(
      "form", { onsubmit: (event) => { event.preventDefault(); close(); act("", { x: Number(x.value), y: Number(y.value) }); } },
      el("div", { class: "fields" }, el("label", { for: "place-x" }, "Metres across", x), el("label", { for: "place-y" }, "Metres down", y)),
      el("div", { class: "acts" }, el("button", { class: "btn", type: "button", text: "Back", onclick: () => close() }), el("button", { class: "btn primary", type: "submit", text: "I stand there" })),
    ),
  );
}

function askEnd() {
  const { now } = state;
  const open = now.stops.filter((one) => one.state === "open").length;
  const close = dialog(
    "End this survey?",
    el("p", { class: "sub", text: `${now.done} points are done and stay.${open ? ` ${open} are still open.` : ""}` }),
    el("div", { class: "acts" }, el("button", { class: "btn", text: "Go on", onclick: () => close() }), el("button", { class: "btn primary", text: "End", onclick: () => { close(); end(); } })),
  );
}

async function end() {
  try {
    const response = await fetch("/api/v1/survey", { method: "DELETE" });
    const said = await response.json();
    if (response.ok) take(said);
    else fail({ code: said.code, message: said.detail });
  } catch {
    fail({ code: "out_of_reach" });
  }
}

// --- start

// The screen stays on while one walks, where the browser lets a page ask for that.
const stayLit = () => navigator.wakeLock?.request("screen").catch(() => {});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  stayLit();
  look();
});
document.addEventListener("pointerdown", stayLit, { once: true });
attr(document.documentElement, "data-page", "survey");
look();
