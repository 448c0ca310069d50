// Fields of the picked thing. Whatever can be done on the plan by hand can be done here by keyboard, in numbers.

import { attr, el, text } from "../../lib/dom.js";
import { icon } from "../../lib/icons.js";
import { shop } from "../shop.js";
import { change, desk, pick, problemsOf, sentence, tell } from "./draft.js";
import { isClosed, middle, onGrid, tidy } from "./geometry.js";
import { corners, freeId, having, renamed, thing, title, withCorners } from "./model.js";

const M = { unit: "m", step: 0.1 };
const WHOLE = { step: 1 };
const ZONE = () => Object.entries(desk.floor.zones).map(([id, zone]) => [id, zone.name || id]);
const PRODUCT = () => Object.entries(shop.floor?.products ?? {}).map(([sku, product]) => [sku, product.name]);
const XY = [["x", "x", M], ["y", "y", M]];

// [field, label, how]; two strings in one row are a heading.
const FORMS = {
  zones: [["name", "Name", {}], ["margin_m", "Margin", { ...M, hint: "Half of it lies inside the border, half outside: who stands in it has neither entered nor left." }]],
  scanners: [["zone", "Stands for", { of: ZONE }], ...XY, ["z", "Height", M], ["beacon", "Own beacon", { hint: "The device id under which other scanners hear it, if it has one." }], ["smoothing_s", "Smoothing", { unit: "s", step: 1, hint: "If it reports a mean: over how long. 0 if it reports each reading." }]],
  shelves: [["sku", "Goods", { of: PRODUCT }], ["zone", "Zone", { of: ZONE }], ...XY, ["w", "Width", M], ["h", "Depth", M], ["unit_g", "A piece weighs", { ...WHOLE, unit: "g" }], ["capacity", "Pieces when full", WHOLE], ["low_at", "Low at", WHOLE], ["scale", "Scale", { hint: "The node under the shelf, if it reports raw counts." }], ["zero_counts", "Counts when empty", WHOLE], ["counts_per_kg", "Counts a kilogram", WHOLE]],
  walls: [],
  signs: [["name", "Name", {}], ...XY, ["slot_s", "Slot", { ...WHOLE, unit: "s" }]],
  tills: [["name", "Name", {}], ...XY],
  plan: [["name", "Name", {}], ["width", "Width", M], ["height", "Height", M]],
  picture: [...XY, ["width", "Width", M]],
  presence: [
    ["method", "Method", { of: () => [["auto", "Auto: radio map, else nearest"], ["radio", "Radio map"], ["nearest", "Nearest scanner"]] }],
    ["By the radio map"], ["enter_p", "Enter at p", { step: 0.05 }], ["leave_p", "Leave at p", { step: 0.05 }], ["cell_m", "Cell, 0 by the floor", { unit: "m", step: 0.25 }], ["carried_z_m", "Carried at", M], ["beacon_sd_db", "Devices differ by", { unit: "dB", step: 0.5 }],
    ["By the nearest scanner"], ["window_s", "Window", { unit: "s", step: 0.5 }], ["hysteresis_db", "Lead", { unit: "dB", step: 1 }], ["hold_s", "Hold", { unit: "s", step: 1 }],
    ["Silence"], ["zone_silence_s", "Leaves the zone after", { unit: "s", step: 1 }], ["visit_silence_s", "Ends the visit after", { unit: "s", step: 5 }],
  ],
};

export function makeFields(body, announce, extras) {
  let shown = null; // what the form was made for
  let parts = [];

  function draw() {
    const ref = desk.picked;
    const one = ref && thing(desk.floor, ref);
    const key = keyOf(ref, one);
    if (key !== shown) {
      shown = key;
      parts = [];
      body.replaceChildren(...(ref ? form(ref, one) : [el("p", { class: "cap none", text: "Pick something on the plan or in the list. Or draw: choose a tool above the plan." })]));
    }
    if (ref) for (const part of parts) part(ref, one, problemsOf(ref));
  }

  const keyOf = (ref, one) => (ref ? JSON.stringify([ref, corners(ref.kind, one ?? [])?.length, Boolean(one)]) : "");

  function form(ref, one) {
    const said = el("ul", { class: "said-of" });
    parts.push((_, __, found) => said.replaceChildren(...found.filter((problem) => !shownAt(problem)).map(told)));
    const rows = one || ref.kind !== "picture" ? FORMS[ref.kind].map((row) => (row.length === 1 ? el("h3", { text: row[0] }) : field(ref, ...row))) : [];
    const own = one ? corners(ref.kind, one) : null;
    return [said, ident(ref), el("div", { class: "grid" }, rows), own && table(ref), extras(ref)].filter(Boolean);
  }

  const shownAt = ({ ref, field: name, index }) => FORMS[ref.kind].some(([own]) => own === name) || (index !== null && index !== undefined && ref.kind === "zones");
  const told = ({ say, level }) => el("li", { class: level === "error" ? "t-out" : "t-stock" }, icon("alert"), el("span", { text: sentence(say) }));

  // An id is what gateways, scales and campaigns name: it is chosen once, before it was ever saved.
  function ident(ref) {
    if (ref.id === undefined || ref.kind === "walls") return null;
    const fresh = desk.base[ref.kind][ref.id] === undefined;
    if (!fresh) return el("p", { class: "cap id" }, "Id ", el("span", { class: "mono", text: ref.id }));
    const input = el("input", { class: "entry mono", value: ref.id, maxlength: 128, spellcheck: "false", autocapitalize: "off", "data-field": "id", onchange: (event) => rename(ref, event.target) });
    parts.push(() => {
      if (document.activeElement !== input) input.value = ref.id;
    });
    return labelled("Id", input, {
      hint: ref.kind === "scanners" ? "The name by which the gateway calls itself. It cannot change once it is saved." : "It cannot change once it is saved.",
    }).node;
  }

  function rename(ref, input) {
    const to = input.value.trim();
    if (to === ref.id) return;
    if (!to || to in desk.floor[ref.kind]) {
      announce(to ? `There is a ${to} already. Choose another id.` : "An id cannot be empty.");
      input.value = ref.id;
      return;
    }
    called(ref, to, `${ref.id} named ${to}`, (floor) => floor);
  }

  // The form stands for the same thing under its other id, so whoever tabs on from here comes to its next field.
  function called(ref, to, say, make) {
    const from = { ...ref };
    ref.id = to;
    shown = keyOf(ref, thing(desk.floor, from));
    change(say, (floor) => renamed(make(floor, from), from, to));
    tell("picked");
  }

  function field(ref, name, label, how) {
    const input = how.of
      ? el("select", { class: "entry", "data-field": name, onchange: (event) => write(event.target.value) })
      : el("input", { class: "entry", "data-field": name, ...(how.step ? { type: "number", step: "any", inputmode: "decimal" } : { type: "text", maxlength: 200 }), onchange: (event) => typed(event.target), onkeydown: (event) => how.step && stepped(event, how.step) });
    const { node, mark } = labelled(label, input, how);
    function write(value) {
      const say = `${title(ref, thing(desk.floor, ref))}: ${label.toLowerCase()}`;
      const make = (floor, own) => having(floor, own, { ...thing(floor, own), [name]: value });
      // A new zone's id follows its first name: campaigns will read better for it.
      const unnamed = ref.kind === "zones" && name === "name" && value && /^zone-\d+$/.test(ref.id) && !desk.base.zones[ref.id];
      if (unnamed) called(ref, freeId(desk.floor, "zones", value), say, make);
      else change(say, (floor) => make(floor, ref), `${ref.kind}/${ref.id}/${name}`);
    }

    function typed(target) {
      if (!how.step) return write(target.value.trim());
      if (target.value === "" || !Number.isFinite(target.valueAsNumber)) return mark("a number, such as 8.3", "error");
      return write(tidy(target.valueAsNumber));
    }

    parts.push((_, one, found) => {
      if (how.of) options(input, how.of(), one?.[name]);
      if (document.activeElement !== input || how.of) input.value = one?.[name] ?? "";
      const own = found.find((problem) => problem.field === name);
      mark(own?.say ?? "", own?.level);
    });
    return node;
  }

  // The arrow keys of a number go in the step that suits it, and shift makes it ten.
  function stepped(event, by) {
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way || event.target.value === "") return;
    event.preventDefault();
    event.target.value = tidy(event.target.valueAsNumber + way * by * (event.shiftKey ? 10 : 1));
    event.target.dispatchEvent(new Event("change"));
  }

  function table(ref) {
    const rows = corners(ref.kind, thing(desk.floor, ref)).map((_, n) => row(ref, n));
    return el("table", { class: "corners num" },
      el("caption", { text: "Corners, in metres from the top left" }),
      el("thead", {}, el("tr", {}, ["", "x", "y"].map((head) => el("th", { scope: "col", text: head })), el("td"))),
      el("tbody", {}, rows));
  }

  function row(ref, n) {
    const cell = (axis) => {
      const input = el("input", { class: "entry", type: "number", step: "any", inputmode: "decimal", "data-field": `corner-${n}-${axis}`, "aria-label": `Corner ${n + 1}, ${"xy"[axis]}`, onfocus: () => pick(ref, n), onkeydown: (event) => stepped(event, 0.1), onchange: (event) => Number.isFinite(event.target.valueAsNumber) && set(axis, tidy(event.target.valueAsNumber)) });
      parts.push((_, one) => {
        const value = corners(ref.kind, one)?.[n]?.[axis];
        if (document.activeElement !== input) input.value = value ?? "";
      });
      return el("td", {}, input);
    };
    const set = (axis, value) => change("Corner moved", (floor) => edited(floor, (points) => points.map((point, at) => (at === n ? point.map((old, side) => (side === axis ? value : old)) : point))), `corner/${ref.kind}/${ref.id}/${n}`);
    const edited = (floor, make) => {
      const one = thing(floor, ref);
      return having(floor, ref, withCorners(ref.kind, one, make(corners(ref.kind, one))));
    };
    const line = el("tr", {}, el("th", { scope: "row", text: String(n + 1) }), cell(0), cell(1), el("td", {}, el("div", { class: "acts" },
      el("button", { class: "btn small square", "aria-label": `Add a corner after ${n + 1}`, title: "Add a corner after it", onclick: () => add() }, icon("plus")),
      el("button", { class: "btn small square", "aria-label": `Remove corner ${n + 1}`, title: "Remove it", onclick: () => removeCorner(ref, n, announce) }, icon("minus")))));
    const add = () => {
      change("Corner added", (floor) => edited(floor, (points) => [...points.slice(0, n + 1), middle([points[n], points[(n + 1) % points.length]]).map(onGrid), ...points.slice(n + 1)]));
      body.querySelector(`[data-field="corner-${n + 1}-0"]`)?.focus();
    };
    parts.push(() => attr(line, "class", desk.corner === n ? "on" : null));
    return line;
  }

  function focus(name = null) {
    const input = body.querySelector(name ? `[data-field="${name}"]` : "[data-field]");
    input?.focus();
    if (input?.localName === "input") input.select();
  }
  return { draw, focus };
}

export function removeCorner(ref, n, announce) {
  const one = thing(desk.floor, ref);
  const own = corners(ref.kind, one);
  const least = ref.kind === "zones" || isClosed(one) ? 3 : 2;
  if (own.length <= least) return announce(least === 3 ? "It needs three corners. Delete it whole instead." : "A wall needs two points. Delete it whole instead.");
  change("Corner removed", (floor) => having(floor, ref, withCorners(ref.kind, one, own.filter((_, at) => at !== n))));
  pick(ref, null);
  return announce(`Corner ${n + 1} removed.`);
}

let labels = 0;

function labelled(words, input, { unit = "", hint = "" }) {
  labels += 1;
  const id = `field-${labels}`;
  const wrong = el("span", { class: "wrong-say", id: `${id}-say` });
  const more = hint ? el("span", { class: "hint cap", id: `${id}-hint`, text: hint }) : null;
  input.id = id;
  attr(input, "aria-describedby", [hint && `${id}-hint`, `${id}-say`].filter(Boolean).join(" "));
  const node = el("div", { class: `field ${hint ? "long" : ""} ${input.localName === "select" || input.type === "text" ? "wide" : ""}` }, el("label", { for: id }, words, unit && el("span", { class: "cap", text: unit })), input, more, wrong);
  const mark = (say, level) => {
    text(wrong, sentence(say));
    attr(wrong, "class", `wrong-say ${level === "error" ? "t-out" : "t-stock"}`);
    attr(input, "aria-invalid", say && level === "error" ? "true" : null);
  };
  return { node, mark };
}

// Keeps a value that is not offered: a zone that is gone is a problem to see, not one to hide.
function options(select, offered, value) {
  const all = offered.some(([id]) => id === value) || value === undefined ? offered : [...offered, [value, `${value} (not there)`]];
  const key = JSON.stringify(all);
  if (select.dataset.offered === key) return;
  select.dataset.offered = key;
  select.replaceChildren(...all.map(([id, name]) => el("option", { value: id, text: name })));
}
