// Which beacon is carried: it is held to a scanner, and the one that came close stands first. Or its id is typed.

import { get, post } from "../lib/api.js";
import { el, keep, text } from "../lib/dom.js";
import { several } from "../lib/format.js";
import { icon } from "../lib/icons.js";

const EVERY_MS = 1_000;
const CLOSE_DBM = -55; // held to a scanner, hardly any beacon is weaker
const KINDS = { beacon: "Beacon", "Bluetooth address": "Beacon", phone: "Phone" };
const RISE_DB = 12; // and it came closer by more than a shelf between them makes

export function makeChoose(box, { started, failed }) {
  const list = el("div", { class: "card" });
  const waiting = el("div", { class: "card waiting" }, el("b", { text: "Listening…" }), el("span", { text: "Nothing is heard close to a scanner yet." }));
  const before = el("p", { class: "num" });
  const typed = el("input", { id: "device", name: "device", autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: 128, placeholder: "AA:BB:CC:DD:EE:FF" });
  const go = el("button", { class: "btn", type: "submit", text: "Start" });
  const form = el(
    "form", { class: "card by-id", onsubmit: (event) => { event.preventDefault(); if (typed.value.trim()) start({ device: typed.value.trim() }); } },
    el("label", { for: "device", text: "Or type its id" }), el("div", { class: "row" }, typed, go),
  );
  box.append(
    el("h2", { text: "Which beacon do you carry?" }),
    el("p", { text: "Hold it right against a scanner for some seconds. The one that comes close stands first." }),
    waiting, list, form, before,
  );
  let timer = 0;
  let busy = false;
  let zones = {};
  let scanners = {};

  async function listen() {
    try {
      draw(await get("/api/v1/survey/around"));
    } catch (error) {
      failed(error);
    }
    if (timer) timer = setTimeout(listen, EVERY_MS);
  }

  function draw(found) {
    waiting.hidden = found.length > 0;
    list.hidden = found.length === 0;
    const likely = ({ dbm, rise_db: rise }, place) => place === 0 && dbm >= CLOSE_DBM && rise >= RISE_DB;
    keep(list, found.map((one, place) => ({ ...one, likely: likely(one, place) })), (one) => one.number, make, update);
  }

  function make(one) {
    return el(
      "button", { class: "near", onclick: () => start({ found: one.number }) },
      el("span", { class: "mark" }, icon("wave")), el("b"), el("span", { class: "sub" }), el("span", { class: "go", text: "Use" }),
    );
  }

  function update(node, one) {
    node.classList.toggle("likely", one.likely);
    text(node.querySelector("b"), `${KINDS[one.kind] ?? one.kind} ${one.number}`);
    text(node.querySelector(".sub"), `${closeness(one)} ${scannerName(one.scanner)}`);
    text(node.querySelector(".go"), one.likely ? "Use this one" : "Use");
  }

  const closeness = (one) => (one.dbm >= CLOSE_DBM ? (one.rise_db >= RISE_DB ? "Just came right up to" : "Right at") : one.dbm >= -70 ? "Near" : "Some way from");
  const scannerName = (id) => zones[scanners[id]?.zone]?.name ?? id;

  async function start(asked) {
    if (busy) return;
    busy = true;
    try {
      started(await post("/api/v1/survey", asked));
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
    }
  }

  return {
    show(now, floor) {
      zones = floor?.zones ?? {};
      scanners = floor?.scanners ?? {};
      text(before, now.points ? `The survey has ${several(now.points, "point")}${now.last_day ? `, the last of ${now.last_day}` : ""}. New ones are added.` : "");
      if (box.hidden || !timer) {
        box.hidden = false;
        clearTimeout(timer);
        timer = setTimeout(listen, 0);
      }
    },
    hide() {
      box.hidden = true;
      clearTimeout(timer);
      timer = 0;
    },
  };
}
