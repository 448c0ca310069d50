// The plan of a survey, to scale: where to stand in blue, where one stood last, what is done, what came out weak.
// One image with a summary for readers; whoever cannot tap it types a place instead.

import { attr, svg } from "../lib/dom.js";
import { several } from "../lib/format.js";

const UNIT = 30; // of the drawing, a metre
const EDGE_M = 0.4;
const NEAR_M = [12, 18]; // closer, at least and at most so much of the floor lies across the phone
const TAP_M = 0.9; // a tap so near to a point means that point

const place = ([x, y]) => `${x * UNIT},${y * UNIT}`;
const line = (points) => points.map(place).join(" ");

export function makePlan(box, zoom, { tapped }) {
  const drawing = svg("svg", { class: "map", role: "img", "aria-label": "Floor plan", onclick: tap });
  zoom.addEventListener("click", () => { whole = !whole; look(); });
  box.append(drawing);
  const under = svg("g");
  const over = svg("g");
  const names = svg("g");
  let floor = null;
  let whole = false;
  let shown = null;
  let named = null;
  new ResizeObserver(look).observe(box);

  function lay(given) {
    floor = given;
    const { plan } = floor;
    under.replaceChildren(
      svg("rect", { class: "ground", width: plan.width_m * UNIT, height: plan.height_m * UNIT, rx: 3 }),
      ...Object.values(floor.zones).map(layZone),
      ...plan.walls.map(layWall),
      ...Object.values(floor.shelves).map((one) => svg("rect", { class: "bay", x: one.x * UNIT, y: one.y * UNIT, width: one.w * UNIT, height: one.h * UNIT, rx: 2 })),
    );
    drawing.replaceChildren(under, over);
  }

  // `now` is the survey, `target` the point to stand at or null, `from` where one stood last or null.
  function draw(now, target, from) {
    if (!floor) return;
    shown = { now, target, from };
    if (now.stops !== named) {
      named = now.stops; // the same list until the store has another one
      const taken = [...(named ?? []), ...Object.values(floor.scanners)];
      names.replaceChildren(...Object.values(floor.zones).map((zone) => name(zone, taken)));
    }
    const heard = new Set(now.heard.map((one) => one.scanner));
    over.replaceChildren(
      ...Object.entries(floor.scanners).map(([id, one]) => ear(one, heard.has(id))),
      names,
      ...(now.stops ?? []).flatMap((stop) => (target && stop.x === target.x && stop.y === target.y ? [] : dot(stop))),
      ...way(now, target, from),
    );
    attr(drawing, "aria-label", summary(now, target));
    look();
  }

  // A floor that lies across the phone would be small: closer, the part around the point fills the height.
  function look() {
    const size = drawing.getBoundingClientRect();
    if (!floor || !size.width || !size.height) return;
    const [wide, high] = [floor.plan.width_m + 2 * EDGE_M, floor.plan.height_m + 2 * EDGE_M];
    const shape = size.width / size.height;
    const across = Math.min(Math.max(high * shape, NEAR_M[0]), NEAR_M[1]);
    const at = shown?.target ?? shown?.from;
    zoom.hidden = across >= wide || !at;
    zoom.textContent = whole ? "Closer" : "Whole floor";
    const view = whole || zoom.hidden ? [0, 0, wide, high] : [within(at.x, across, wide), within(at.y, across / shape, high), across, across / shape];
    attr(drawing, "viewBox", [view[0] - EDGE_M, view[1] - EDGE_M, view[2], view[3]].map((m) => (m * UNIT).toFixed(1)).join(" "));
  }

  function tap(event) {
    const matrix = drawing.getScreenCTM();
    if (!floor || !matrix) return;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const [x, y] = [at.x / UNIT, at.y / UNIT];
    if (x < 0 || y < 0 || x > floor.plan.width_m || y > floor.plan.height_m) return;
    const stops = shown?.now.stops ?? [];
    const nearest = stops.reduce((best, one) => (far(one, { x, y }) < far(best, { x, y }) ? one : best), { x: Infinity, y: Infinity });
    tapped(far(nearest, { x, y }) <= TAP_M ? { x: nearest.x, y: nearest.y } : { x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10 });
  }

  return { lay, draw };
}

export const far = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

// Where a window of the floor begins that has a point in its middle and stays on the floor.
const within = (middle, size, most) => (size >= most ? (most - size) / 2 : Math.min(Math.max(middle + EDGE_M - size / 2, 0), most - size));

const layZone = (zone) => (zone.polygon.length ? svg("polygon", { class: "area", points: line(zone.polygon) }) : svg("g"));

// The zone's name in the first of its corners, or along its left side, where it covers no point and no scanner.
function name(zone, taken) {
  if (!zone.polygon.length) return svg("g");
  const [xs, ys] = [0, 1].map((axis) => zone.polygon.map((one) => one[axis]));
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const long = (zone.name.length * 8.2) / UNIT;
  const rows = [top + 0.65];
  for (let y = bottom - 0.25; y > top + 1; y -= 0.5) rows.push(y);
  const spots = rows.flatMap((y) => [{ x: left + 0.2, y }, { x: Math.max(left + 0.2, right - long - 0.2), y }]);
  const free = ({ x, y }) => !taken.some((one) => one.x > x - 0.5 && one.x < x + long + 0.5 && one.y > y - 0.9 && one.y < y + 0.5);
  const spot = spots.find(free) ?? spots[0];
  return svg("text", { class: "area-name", x: spot.x * UNIT, y: spot.y * UNIT }, zone.name);
}

function layWall(wall) {
  const [first, last] = [wall[0], wall.at(-1)];
  const closed = wall.length > 3 && first[0] === last[0] && first[1] === last[1];
  return svg(closed ? "polygon" : "polyline", { class: closed ? "fixture" : "wall", points: line(wall) });
}

// A scanner: a dot with two waves.
function ear(one, hears) {
  return svg("g", { class: `ear ${hears ? "hears" : ""}`, transform: `translate(${one.x * UNIT},${one.y * UNIT})` }, svg("path", { d: "M-9 -3a13 13 0 0 1 18 0M-5 2a7 7 0 0 1 10 0M0 7v.1" }));
}

function dot(stop) {
  const at = `translate(${stop.x * UNIT},${stop.y * UNIT})`;
  if (stop.state === "skipped") return [svg("path", { class: "past", transform: at, d: "M-5 -5l10 10M5 -5l-10 10" })];
  if (stop.state === "open") return [svg("circle", { class: "stop", transform: at, r: 7 })];
  if (stop.weak) return [svg("path", { class: "stop weak", transform: at, d: "M0 -12l12 21h-24z" })];
  return [svg("g", { transform: at }, svg("circle", { class: "stop done", r: 10 }), svg("path", { class: "tick", d: "M-4.5 .5l3 3 6 -7" }))];
}

function way(now, target, from) {
  const parts = [];
  if (target && from && far(target, from) > 0.5) {
    const [dx, dy] = [target.x - from.x, target.y - from.y];
    const long = Math.hypot(dx, dy);
    const end = { x: target.x - (dx / long) * 0.95, y: target.y - (dy / long) * 0.95 };
    const turn = (Math.atan2(dy, dx) * 180) / Math.PI;
    parts.push(
      svg("line", { class: "way", x1: from.x * UNIT, y1: from.y * UNIT, x2: end.x * UNIT, y2: end.y * UNIT }),
      svg("path", { class: "tip", transform: `translate(${end.x * UNIT},${end.y * UNIT}) rotate(${turn})`, d: "M6 0l-16 -10v20z" }),
      svg("circle", { class: "you", cx: from.x * UNIT, cy: from.y * UNIT, r: 10 }),
      svg("text", { class: "you-word", x: from.x * UNIT + 15, y: from.y * UNIT + 6 }, "you"),
    );
  }
  if (target) {
    parts.push(
      svg("circle", { class: "halo", cx: target.x * UNIT, cy: target.y * UNIT, r: 34 }),
      svg("circle", { class: "target", cx: target.x * UNIT, cy: target.y * UNIT, r: 17 }),
    );
    if (now.phase === "standing" || now.phase === "enough") parts.push(svg("circle", { cx: target.x * UNIT, cy: target.y * UNIT, r: 6, class: "core" }));
  }
  return parts;
}

function summary(now, target) {
  const stops = now.stops ?? [];
  const next = target ? ` Stand at ${target.x.toFixed(1)} m across, ${target.y.toFixed(1)} m down.` : "";
  return `Floor plan. ${now.done} of ${several(stops.length, "point")} done.${next}`;
}
