// What to do now, in large words at the thumb: go there, stay here, done. Nodes are kept, so that focus stays.

import { attr, el, keep, svg, text } from "../lib/dom.js";
import { count, several } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { far } from "./plan.js";

const ROUND = 2 * Math.PI * 44;
const EARS = 5; // scanners listed by name; the count says the rest
const WANTED = 6; // readings at which a scanner's bar is full

export function makeSheet(box, acts) {
  const walking = makeWalking(acts);
  const standing = makeStanding(acts);
  const done = makeDone(acts);
  const parts = { walking, standing, enough: standing, done };
  let shown = null;
  box.append(walking.node, standing.node, done.node);

  return {
    draw(now, about) {
      const focused = box.contains(document.activeElement);
      const part = now.phase === "done" && about.chosen ? walking : parts[now.phase];
      box.hidden = !part;
      for (const one of [walking, standing, done]) one.node.hidden = one !== part;
      part?.draw(now, about);
      // Whoever uses the keyboard goes on where the next step is; standing, there is nothing to press.
      if (focused && shown !== part) part?.first.focus();
      shown = part;
    },
  };
}

const button = (words, act, cls = "btn") => el("button", { class: cls, onclick: act, text: words });

function makeWalking(acts) {
  const title = el("h2");
  const lead = el("p", { class: "lead num" });
  const undo = button("Undo last", acts.undo);
  const back = button("Next point", acts.back);
  const skip = button("Skip", acts.skip);
  const first = button("I am standing here", acts.begin, "btn primary big");
  const node = el(
    "div", { class: "sheet-in" },
    el("div", {}, title, lead),
    first,
    el("div", { class: "acts" }, skip, back, undo, button("Elsewhere", acts.elsewhere)),
  );

  function draw(now, { target, from, chosen, floor }) {
    text(title, "Stand on the blue point.");
    text(lead, target ? `${where(target, from, floor)} Hold the phone as usual.` : "Hold the phone as usual.");
    attr(undo, "disabled", !now.can_undo);
    text(back, now.phase === "done" ? "Back" : "Next point");
    skip.hidden = chosen;
    back.hidden = !chosen;
  }
  return { node, draw, first };
}

// "In Dairy, 3 m to the right." The plan's own directions: nobody knows which way the phone points.
export function where(target, from, floor) {
  const zone = Object.values(floor.zones).find((one) => inside(target, one.polygon))?.name;
  const named = zone ? `In ${zone}` : from ? "On the plan" : `${target.x.toFixed(1)} m across and ${target.y.toFixed(1)} m down the plan`;
  if (!from || far(target, from) < 0.5) return `${named}.`;
  const [dx, dy] = [target.x - from.x, target.y - from.y];
  const steps = [[Math.abs(dx), dx > 0 ? "to the right" : "to the left"], [Math.abs(dy), dy > 0 ? "down the plan" : "up the plan"]];
  const said = steps.filter(([m]) => m >= 0.75).map(([m, way]) => `${Math.round(m)} m ${way}`);
  return `${named}${said.length ? `, ${said.join(" and ")}` : ""}.`;
}

function inside({ x, y }, polygon) {
  let within = false;
  polygon.forEach(([x1, y1], at) => {
    const [x2, y2] = polygon[(at + 1) % polygon.length];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) within = !within;
  });
  return within;
}

function makeStanding(acts) {
  const ringIn = svg("circle", { class: "in", cx: 52, cy: 52, r: 44, "stroke-dasharray": ROUND, "stroke-dashoffset": ROUND });
  const figure = svg("text", { x: 52, y: 58 });
  const unit = svg("text", { class: "unit", x: 52, y: 76 }, "seconds");
  const ring = svg("svg", { class: "ring", viewBox: "0 0 104 104", role: "img", "aria-label": "Progress" }, svg("circle", { class: "rail", cx: 52, cy: 52, r: 44 }), ringIn, figure, unit);
  const title = el("h2", { text: "Stay here", tabindex: -1 });
  const lead = el("p", { class: "lead num" });
  const ears = el("ul", { class: "ears", "aria-label": "Scanners that hear you" });
  const next = button("Enough, next", acts.finish);
  const node = el(
    "div", { class: "sheet-in" },
    el("div", { class: "standing" }, ring, el("div", {}, title, lead)),
    ears,
    el("div", { class: "acts" }, next, button("Step off", acts.undo), button("Skip", acts.skip)),
  );

  function draw(now) {
    const readings = now.heard.reduce((sum, one) => sum + one.readings, 0);
    const left = Math.ceil(now.left_s);
    ringIn.style.strokeDashoffset = String(ROUND * (1 - now.share));
    attr(ring, "class", `ring ${now.phase === "enough" ? "full" : ""}`);
    attr(ring, "aria-label", `${Math.round(now.share * 100)} % of this point`);
    text(figure, now.phase === "enough" ? "✓" : left ? String(left) : "…");
    attr(unit, "visibility", left && now.phase !== "enough" ? "visible" : "hidden");
    text(title, now.phase === "enough" ? "That is enough" : "Stay here");
    const told = now.is_heard && now.say.startsWith("Stay") && readings;
    text(lead, told ? `${several(readings, "reading")} from ${several(now.heard.length, "scanner")}` : now.say);
    attr(next, "disabled", !readings);
    keep(ears, now.heard.slice(0, EARS), (one) => one.scanner, (one) => el("li", {}, el("span", { text: one.scanner }), el("i", {}, el("b")), el("span", { class: "num" })), (row, one) => {
      row.querySelector("b").style.width = `${Math.min(100, (100 * one.readings) / WANTED)}%`;
      text(row.lastChild, count(one.readings));
    });
  }
  return { node, draw, first: title };
}

function makeDone(acts) {
  const title = el("h2");
  const lead = el("p", { class: "lead num" });
  const weak = el("ul", { class: "weak-list" });
  const again = button("Undo last", acts.undo);
  const first = el("a", { class: "btn primary big", href: "/", text: "See it on the console" });
  const node = el(
    "div", { class: "sheet-in" },
    el("div", { class: "well-done" }, el("span", { class: "mark" }, icon("check")), el("div", {}, title, lead)),
    weak,
    first,
    el("div", { class: "acts" }, again, button("Another spot", acts.elsewhere), button("End", acts.end)),
  );

  function draw(now, { floor }) {
    const stops = now.stops ?? [];
    const good = stops.filter((one) => one.state === "done");
    const poor = good.filter((one) => one.weak);
    const readings = good.reduce((sum, one) => sum + one.readings, 0);
    text(title, "The floor is surveyed.");
    text(lead, `${several(good.length, "point")}, ${several(readings, "reading")}. ${poor.length ? `${several(poor.length, "weak spot")}: hang a scanner nearer, or stand there again.` : "No weak spots."}`);
    attr(again, "disabled", !now.can_undo);
    keep(weak, poor, (one) => `${one.x},${one.y}`, (one) => el("li", {}, icon("alert"), el("span", { text: `${where(one, null, floor)} ${one.weak}` })));
  }
  return { node, draw, first };
}
