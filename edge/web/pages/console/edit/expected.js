// The layer "Expected error": how far off a position is likely to be, in five steps of one hue, with its legend.

import { get } from "../../lib/api.js";
import { el, svg } from "../../lib/dom.js";
import { UNIT } from "../plan.js";
import { desk, tell } from "./draft.js";

const STEPS_M = [0, 1, 2, 3, 5]; // metres at which the next tint begins
const NAMES = ["0–1", "1–2", "2–3", "3–5", "5+"];

export function makeExpected(announce) {
  const layer = svg("g", { class: "heat", "aria-hidden": "true" });
  const box = el("input", { type: "checkbox", role: "switch", onchange: () => show() });
  const choose = el("label", { class: "layer" }, el("span", { class: "switch" }, box, el("i")), "Expected error");
  const missing = el("span", { class: "cap missing", hidden: true, text: "Expected error: Survey the floor first." });
  const legend = el(
    "div", { class: "heat-legend num", role: "img", "aria-label": "Tints, from 0 to over 5 metres of expected error" },
    NAMES.map((name, n) => el("span", {}, el("i", { class: `heat${n}` }), name)), el("span", { text: "m" }),
  );
  const said = el("ul", { class: "heat-said" });
  const foot = el("div", { class: "heat-foot", hidden: true }, legend, said);
  let known = null;

  // Asked when editing begins, as a survey may have been made since, and when the store has another floor.
  async function learn() {
    let found = null;
    try {
      found = await get("/api/v1/floor/expected");
    } catch (error) {
      if (error.status !== 404) announce(error.message);
    }
    known = found;
    choose.hidden = known === null;
    missing.hidden = known !== null;
    desk.hints = Object.fromEntries(Object.entries(known?.zones ?? {}).filter(([, zone]) => zone.say).map(([zone, { say }]) => [zone, say]));
    desk.apart = known?.zones ?? {};
    said.replaceChildren(...(known?.say ?? []).map((words) => el("li", { text: words })));
    show();
    tell("problems");
  }

  function show() {
    const shown = known !== null && box.checked;
    layer.replaceChildren(...(shown ? tints() : []));
    foot.hidden = !shown;
    document.body.classList.toggle("heated", shown);
  }

  // Cells of one tint that stand in a row are one rectangle, and all of a tint one path.
  function tints() {
    const { cell_m: cell, columns, rows, error_m: errors } = known;
    const side = cell * UNIT;
    const paths = STEPS_M.map(() => "");
    for (let row = 0; row < rows; row += 1) {
      for (let from = 0, to; from < columns; from = to) {
        const step = tint(errors[row * columns + from]);
        for (to = from + 1; to < columns && tint(errors[row * columns + to]) === step; to += 1);
        if (step >= 0) paths[step] += `M${from * side} ${row * side}h${(to - from) * side}v${side}h${(from - to) * side}z`;
      }
    }
    return paths.map((d, step) => svg("path", { class: `heat${step}`, d: d || "M0 0" }));
  }

  function begin() {
    known = null;
    box.checked = false;
    return learn();
  }

  return { layer, choose, missing, foot, begin, learn };
}

const tint = (error) => (error >= 0 ? STEPS_M.findLastIndex((least) => error >= least) : -1);
