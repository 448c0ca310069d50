// Five things to try: a row under the plan that ticks itself, and remembers in this browser what was done.

import { el } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { demo, shop } from "./shop.js";

const KEPT = "endcap.tries";

const THINGS = [
  { id: "drag", words: "drag a shopper to a zone", needs: ["drag"] },
  { id: "take", words: "click a shelf", needs: ["take"] },
  { id: "sale", words: "ring up a sale", needs: ["sale"] },
  { id: "wan", words: "cut the WAN, put it back", needs: ["wan-cut", "wan-back"] },
  { id: "ray", words: "kill Ray", needs: ["ray"] },
];
// Where no cell is wanted on Ray there is nothing to kill.
const WITHOUT_RAY = { id: "why", words: "open a decision to read why", needs: ["why"] };

let done = new Set(JSON.parse(recall() ?? "[]"));
let redraw = () => {};

function recall() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // a browser without storage forgets: nothing else changes
  }
}

export function tick(what) {
  if (done.has(what) || (what === "wan-back" && !done.has("wan-cut"))) return;
  done.add(what);
  try {
    localStorage.setItem(KEPT, JSON.stringify([...done]));
  } catch {
    // as above
  }
  redraw();
}

export function makeTries(box) {
  const list = el("ol", { class: "tries-list" });
  const head = el("b", { text: "Five things to try" });
  const again = el("button", { class: "btn small", onclick: () => { done = new Set(); tick(""); } }, "Start over");
  box.append(head, list, again);
  let drawn = "";
  function draw() {
    box.hidden = !demo();
    if (!shop.now) return;
    const ray = shop.now.cells.some((one) => one.wanted === "ray");
    const things = THINGS.map((one) => (one.id === "ray" && !ray ? WITHOUT_RAY : one));
    const finished = things.filter((one) => one.needs.every((need) => done.has(need)));
    const key = JSON.stringify([things.map((one) => one.id), [...done]]);
    if (key === drawn) return;
    drawn = key;
    head.textContent = finished.length === things.length ? "All five done" : "Five things to try";
    again.hidden = finished.length !== things.length;
    list.replaceChildren(...things.map((one) => {
      const ticked = finished.includes(one);
      return el(
        "li", { class: ticked ? "done" : "", "data-try": one.id },
        el("span", { class: "box" }, ticked ? icon("check") : null), el("span", { text: one.words }),
        el("span", { class: "sr", text: ticked ? ", done" : ", not yet" }),
      );
    }));
  }
  redraw = draw;
  return { draw };
}
