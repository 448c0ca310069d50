// The draft as a drawing: quiet things, the picked one in the accent with its handles, what is wrong dashed.

import { svg } from "../../lib/dom.js";
import { UNIT } from "../plan.js";
import { desk, problemsOf, same } from "./draft.js";
import { bounds, isClosed, metres } from "./geometry.js";
import { SCREEN, TILL, corners, thing, title } from "./model.js";

const WAVE = "M1.9 6.3a8.8 8.8 0 0 1 12.2 0M4.1 8.8a5.6 5.6 0 0 1 7.8 0M6.3 11.2a2.5 2.5 0 0 1 3.4 0";
const CHAR_PX = 6.6; // how wide a letter of a label is, about
const KINDS = ["zones", "walls", "shelves", "tills", "signs", "scanners"]; // from below to above
const units = (m) => Math.round(m * UNIT * 100) / 100;
const path = (points) => points.map(([x, y]) => `${units(x)},${units(y)}`).join(" ");

export function makeDrawing(canvas, layers) {
  const coarse = matchMedia("(pointer: coarse)");
  const ground = svg("g");
  const things = svg("g");
  const marks = svg("g");
  const made = new Map();
  canvas.append(ground, layers.picture, layers.heat, things, marks);

  function draw(u) {
    const { floor } = desk;
    const { width, height } = floor.plan;
    ground.replaceChildren(
      svg("rect", { class: "ground", width: units(width), height: units(height), rx: 2 }),
      ...grid(width, height, u),
    );
    things.replaceChildren(...KINDS.map((kind) => layer(kind, floor[kind], u)));
    marks.replaceChildren(...handles(u), ...layers.sketch(u));
  }

  // A large store has thousands of things: what did not change since is not drawn again while something is dragged.
  function layer(kind, section, u) {
    const had = made.get(kind);
    const picked = desk.picked?.kind === kind ? desk.picked : null;
    const seen = [section, picked, desk.problems, desk.hints, u];
    if (had && seen.every((one, n) => one === had.seen[n])) return had.node;
    const node = svg("g", {}, Object.entries(section).map(([id, one]) => drawn(kind, id, one, u)));
    made.set(kind, { node, seen });
    return node;
  }

  function drawn(kind, id, one, u) {
    const ref = { kind, id };
    const found = problemsOf(ref);
    const state = found.some((problem) => problem.level === "error") ? "wrong" : found.length ? "doubted" : "";
    const node = svg("g", { class: `e-${kind} ${same(desk.picked, ref) ? "picked" : ""} ${state}`, "data-kind": kind, "data-id": id });
    node.append(...SHAPES[kind](id, one, u), svg("title", {}, `${title(ref, one)}${found.length ? `: ${found[0].say}` : ""}`));
    return node;
  }

  // The picked thing's corners, a small dot between each two of them for one more, and a zone's margin.
  function handles(u) {
    const ref = desk.picked;
    const one = ref && thing(desk.floor, ref);
    const own = one && corners(ref.kind, one);
    if (!own) return [];
    const reach = (coarse.matches ? 20 : 10) * u;
    const ring = ref.kind === "zones" || isClosed(one);
    const between = own.map((point, n) => [point, own[(n + 1) % own.length], n]).slice(0, ring ? undefined : -1);
    const margin = ref.kind === "zones" && one.margin_m > 0 ? [svg("polygon", { class: "margin", points: path(own), "stroke-width": units(one.margin_m) })] : [];
    return [
      ...margin,
      ...between.map(([[ax, ay], [bx, by], n]) => svg(
        "g", { class: "between", "data-edge": n, transform: `translate(${units((ax + bx) / 2)} ${units((ay + by) / 2)})` },
        svg("circle", { class: "hit", r: reach }), svg("circle", { class: "bead", r: 3.5 * u }), svg("title", {}, "Drag to add a corner"),
      )),
      ...own.map(([x, y], n) => svg(
        "g", { class: `corner ${desk.corner === n ? "on" : ""}`, "data-corner": n, transform: `translate(${units(x)} ${units(y)})` },
        svg("circle", { class: "hit", r: reach }), svg("circle", { class: "bead", r: 5.5 * u }), svg("title", {}, `Corner ${n + 1}: ${metres(x)}, ${metres(y)}`),
      )),
    ];
  }

  return { draw };
}

const SHAPES = {
  zones: (id, one, u) => {
    if (!one.polygon.length) return [];
    const { x, y, w } = bounds(one.polygon);
    const fits = Math.floor((w * UNIT) / u / CHAR_PX) - 1;
    const name = one.name || id;
    return [
      svg("polygon", { class: "shape", points: path(one.polygon) }),
      svg("text", { class: "name", x: units(x) + 7 * u, y: units(y) + 16 * u }, name.length > fits ? `${name.slice(0, Math.max(1, fits - 1))}…` : name),
    ];
  },
  walls: (id, one) => {
    const shape = isClosed(one) ? "polygon" : "polyline";
    return [svg(shape, { class: "reach", points: path(one) }), svg(shape, { class: `shape ${isClosed(one) ? "closed" : "open"}`, points: path(one) })];
  },
  shelves: (id, { x, y, w, h }) => [
    svg("rect", { class: "shape", x: units(x), y: units(y), width: units(w), height: units(h), rx: 1.5 }),
  ],
  tills: (id, one, u) => [
    svg("rect", { class: "shape", x: units(one.x - TILL.w / 2), y: units(one.y - TILL.h / 2), width: units(TILL.w), height: units(TILL.h), rx: 5 }),
    svg("text", { class: "label", x: units(one.x), y: units(one.y) + 4 * u }, one.name.replace(/^till\s*/i, "") || id),
  ],
  signs: (id, one, u) => [
    svg("rect", { class: "shape", x: units(one.x - SCREEN.w / 2), y: units(one.y - SCREEN.h / 2), width: units(SCREEN.w), height: units(SCREEN.h), rx: 4 }),
    svg("text", { class: "label", x: units(one.x), y: units(one.y) + 4 * u }, one.name),
  ],
  scanners: (id, { x, y }, u) => [
    svg("circle", { class: "hit", cx: units(x), cy: units(y), r: 16 * u }),
    svg("circle", { class: "shape", cx: units(x), cy: units(y), r: 10 * u }),
    svg("svg", { class: "glyph", x: units(x) - 7 * u, y: units(y) - 7 * u, width: 14 * u, height: 14 * u, viewBox: "0 0 16 15" }, svg("path", { d: WAVE })),
  ],
};

// One line a metre, and none where they would be a grey sheet.
function grid(width, height, u) {
  if (UNIT / u < 14) return [];
  const lines = [];
  for (let x = 1; x < width; x += 1) lines.push(`M${units(x)} 0V${units(height)}`);
  for (let y = 1; y < height; y += 1) lines.push(`M0 ${units(y)}H${units(width)}`);
  return [svg("path", { class: "grid", d: lines.join("") || "M0 0" })];
}

// The line of a shape that is not finished, as the tools draw it.
export function sketched(points, next, u, { closes = false, caught = null } = {}) {
  const all = next ? [...points, next] : points;
  return [
    ...(all.length > 1 ? [svg("polyline", { class: "sketch", points: path(all) })] : []),
    ...points.map(([x, y], n) => svg("circle", { class: `dot ${closes && n === 0 ? "closes" : ""}`, cx: units(x), cy: units(y), r: (closes && n === 0 ? 7 : 4) * u })),
    ...(caught ? [svg("circle", { class: "caught", cx: units(caught[0]), cy: units(caught[1]), r: 9 * u })] : []),
  ];
}
