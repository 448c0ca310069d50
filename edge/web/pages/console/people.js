// Dots on the plan: they walk in straight lines, leave four fading steps, and can be followed or dragged.

import { attr, keep, svg, text } from "../lib/dom.js";
import { person as personName } from "../lib/format.js";
import { walk } from "./acts.js";
import { demo, follow, shop } from "./shop.js";

const UNIT = 30;
const TRAIL = [0.62, 0.48, 0.34, 0.2]; // opacity of the last four steps, newest first
const PATH_MAX = 400; // points of the followed visit's path that are kept
const JUMP_M = 4; // farther than that in one step is a lead or a correction, not a walk: no trail
const STILL = 4; // pixels that a pointer may move and still be a click

export function makePeople(drawing, announce) {
  const trails = TRAIL.map((opacity) => svg("path", { class: "trail", opacity }));
  const path = svg("path", { class: "path" });
  const under = svg("g", { "aria-hidden": "true" }, trails, path);
  const dots = svg("g");
  const halo = svg("circle", { class: "halo" });
  const tag = svg("g", { class: "tag" }, svg("rect", { height: 21, rx: 10.5 }), svg("text", { y: 14.6 }));
  const ghost = svg("circle", { class: "ghost", r: 9 });
  const over = svg("g", {}, halo, dots, tag, ghost);
  halo.style.display = tag.style.display = ghost.style.display = "none";
  const steps = new Map(); // subject -> the last positions, newest first
  let way = [];
  let whose = null;
  let held = null;

  function draw(now) {
    const seen = now.people.filter((one) => one.x !== null);
    remember(seen);
    const onTop = [...seen].sort((a, b) => Number(a.subject === shop.followed) - Number(b.subject === shop.followed));
    keep(dots, onTop, (one) => one.subject, makeDot, moveDot);
    TRAIL.forEach((_, age) => attr(trails[age], "d", trail(age)));
    drawFollowed(seen.find((one) => one.subject === shop.followed));
  }

  function remember(seen) {
    const here = new Set(seen.map((one) => one.subject));
    for (const subject of steps.keys()) if (!here.has(subject)) steps.delete(subject);
    for (const { subject, x, y } of seen) {
      const had = steps.get(subject) ?? [];
      const [last] = had;
      if (!last || Math.hypot(last[0] - x, last[1] - y) > 0.05) {
        const jumped = last && Math.hypot(last[0] - x, last[1] - y) > JUMP_M;
        steps.set(subject, [[x, y], ...(jumped ? [] : had)].slice(0, TRAIL.length + 1));
      }
    }
  }

  function trail(age) {
    let d = "";
    for (const at of steps.values()) {
      if (at.length > age + 1) d += `M${at[age].map(units).join(" ")}L${at[age + 1].map(units).join(" ")}`;
    }
    return d || "M0 0";
  }

  function makeDot(one) {
    const node = svg(
      "g", { class: "dot", "data-subject": one.subject },
      svg("circle", { class: "grip", r: 13 }), svg("circle", { class: "p", r: 4.6 }), svg("title"),
    );
    node.addEventListener("pointerdown", (event) => grab(event, node, one.subject));
    return node;
  }

  function moveDot(node, one) {
    const own = one.subject === shop.followed;
    attr(node, "class", `dot ${own ? "own" : ""}`);
    attr(node.children[1], "class", `p ${one.member ? "" : "anon"}`);
    attr(node.children[1], "r", own ? 7 : one.member ? 4.6 : 4);
    text(node.children[2], `${personName(one)}, ${shop.floor.zones[one.zone]?.name ?? "zone unknown"}`);
    node.style.transform = `translate(${units(one.x)}px, ${units(one.y)}px)`;
  }

  function drawFollowed(one) {
    halo.style.display = tag.style.display = one ? "" : "none";
    if (whose !== shop.followed) {
      whose = shop.followed;
      way = [];
    }
    if (!one) return attr(path, "d", "M0 0");
    const last = way.at(-1);
    if (!last || Math.hypot(last[0] - one.x, last[1] - one.y) > 0.05) way = [...way, [one.x, one.y]].slice(-PATH_MAX);
    attr(path, "d", way.map((at, n) => `${n ? "L" : "M"}${at.map(units).join(" ")}`).join(""));
    attr(halo, "r", Math.max(14, one.doubt_m * UNIT));
    halo.style.transform = `translate(${units(one.x)}px, ${units(one.y)}px)`;
    const name = personName(one);
    const wide = name.length * 6.4 + 22;
    text(tag.children[1], name);
    attr(tag.children[0], "width", wide);
    attr(tag.children[1], "x", wide / 2);
    const below = one.y < shop.floor.plan.height_m - 1.5;
    tag.style.transform = `translate(${units(one.x) - wide / 2}px, ${units(one.y) + (below ? 14 : -35)}px)`;
    return undefined;
  }

  function grab(event, node, subject) {
    if (event.button !== 0) return;
    event.preventDefault();
    held = { subject, from: [event.clientX, event.clientY], moved: false };
    node.setPointerCapture(event.pointerId);
    const move = (moved) => drag(moved);
    const drop = (dropped) => {
      node.removeEventListener("pointermove", move);
      node.removeEventListener("pointerup", drop);
      node.removeEventListener("pointercancel", drop);
      release(dropped);
    };
    node.addEventListener("pointermove", move);
    node.addEventListener("pointerup", drop);
    node.addEventListener("pointercancel", drop);
  }

  function drag(event) {
    if (!held || !demo()) return;
    held.moved ||= Math.hypot(event.clientX - held.from[0], event.clientY - held.from[1]) > STILL;
    if (!held.moved) return;
    const at = onFloor(event);
    ghost.style.display = "";
    drawing.classList.add("dragging");
    attr(ghost, "cx", units(at.x));
    attr(ghost, "cy", units(at.y));
  }

  function release(event) {
    if (!held) return;
    const { subject, moved } = held;
    held = null;
    ghost.style.display = "none";
    drawing.classList.remove("dragging");
    follow(subject);
    if (moved && event.type === "pointerup") walk(subject, onFloor(event), announce);
  }

  function onFloor(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    const { width_m, height_m } = shop.floor.plan;
    const within = (value, most) => Math.min(Math.max(value / UNIT, 0), most);
    return { x: within(at.x, width_m), y: within(at.y, height_m) };
  }

  return { under, over, draw };
}

const units = (metres) => Math.round(metres * UNIT * 10) / 10;
