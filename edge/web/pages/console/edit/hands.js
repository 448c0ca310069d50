// Pointers on the plan: pick, drag, draw, pinch. What is drawn lands on the grid, or on a corner it comes near to.

import { svg } from "../../lib/dom.js";
import { UNIT } from "../plan.js";
import { change, desk, pick, preview, revert, same, settle, use } from "./draft.js";
import { sketched } from "./drawing.js";
import { apart, boxOf, metres, onGrid, snapped, snappedShift } from "./geometry.js";
import { anchors, corners, having, made, moved, outline, second, thing, title, withCorners } from "./model.js";

const STILL_PX = 4; // a pointer that moved less has clicked
const CATCH_PX = 12; // how near a corner catches what is drawn
const LINES = { wall: "walls", zone: "zones" };
const LEAST = { wall: 2, zone: 3 };

export function makeHands(canvas, view, { redraw, drawn, announce }) {
  const down = new Map(); // pointers that touch, by id
  let hold = null; // what one of them has in its hand
  let sketch = null; // { tool, points } of a line that is not finished
  let next = null; // where its next point would be
  let caught = null; // a corner that catches
  let measured = null; // two points that measure the picture, and who asked

  const reach = () => (CATCH_PX * view.px()) / UNIT;
  const snap = (event, except) => {
    const free = event.altKey ? [] : anchors(desk.floor, except);
    const found = snapped(view.floor(event), sketch ? [...free, ...sketch.points] : free, reach());
    caught = found.caught ? found.at : null;
    return found.at;
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    down.set(event.pointerId, event);
    canvas.focus({ preventScroll: true, focusVisible: false });
    canvas.setPointerCapture(event.pointerId);
    if (down.size === 2) return pinch();
    if (down.size > 2) return undefined;
    return (desk.tool === "select" ? grab : put)(event);
  });

  canvas.addEventListener("pointermove", (event) => {
    const was = down.get(event.pointerId);
    if (was) down.set(event.pointerId, event);
    if (hold?.what === "pinch") return pinched();
    if (hold) return drag(event);
    if (desk.tool === "select") return undefined;
    next = snap(event, null);
    return redraw();
  });

  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, (event) => {
      down.delete(event.pointerId);
      if (!hold) return;
      if (hold.what === "pinch") {
        if (down.size === 0) hold = null;
      } else if (kind === "pointercancel") cancel();
      else release(event);
    });
  }
  canvas.addEventListener("dblclick", () => finish());
  canvas.addEventListener("pointerleave", () => {
    if (hold || !next) return;
    next = caught = null;
    redraw();
  });

  // --- with nothing chosen to draw: pick and drag

  function grab(event) {
    const from = view.floor(event);
    const ref = desk.picked;
    const one = ref && thing(desk.floor, ref);
    const corner = event.target.closest("[data-corner]");
    const edge = event.target.closest("[data-edge]");
    const found = event.target.closest("[data-kind]");
    if (corner) {
      const n = Number(corner.dataset.corner);
      pick(ref, n);
      hold = { what: "corner", ref, n, points: corners(ref.kind, one), from, event };
    } else if (edge) {
      const n = Number(edge.dataset.edge) + 1;
      const own = corners(ref.kind, one);
      const at = snap(event, ref);
      hold = { what: "corner", ref, n, points: [...own.slice(0, n), at, ...own.slice(n)], from, event, is: "added", moves: true };
      preview((floor) => having(floor, ref, withCorners(ref.kind, one, hold.points)));
      pick(ref, n);
    } else if (found) {
      const picked = found.dataset.kind === "picture" ? { kind: "picture" } : { kind: found.dataset.kind, id: found.dataset.id };
      if (event.pointerType === "touch" && !same(ref, picked)) {
        // A finger that means to push the plan along must not push a zone: a tap picks, and only then it moves.
        hold = { what: "paper", from, event, last: view.units(event), tapped: picked };
        return;
      }
      pick(picked);
      hold = { what: "thing", ref: picked, one: thing(desk.floor, picked), from, event };
    } else {
      hold = { what: "paper", from, event, last: view.units(event) };
    }
  }

  function drag(event) {
    hold.moves ||= Math.hypot(event.clientX - hold.event.clientX, event.clientY - hold.event.clientY) > STILL_PX;
    if (!hold.moves) return;
    if (hold.what === "paper") {
      const [x, y] = view.units(event);
      view.pan(hold.last[0] - x, hold.last[1] - y);
    } else if (hold.what === "box") {
      next = snap(event, null);
      redraw();
    } else if (hold.what === "corner") dragCorner(event);
    else dragThing(event);
  }

  function dragCorner(event) {
    const at = snap(event, hold.ref);
    const points = hold.points.map((point, n) => (n === hold.n ? at : point));
    preview((floor) => having(floor, hold.ref, withCorners(hold.ref.kind, thing(floor, hold.ref), points)));
  }

  function dragThing(event) {
    const { kind } = hold.ref;
    const to = view.floor(event);
    const far = [to[0] - hold.from[0], to[1] - hold.from[1]];
    const free = event.altKey || kind === "picture" || kind === "scanners" ? [] : anchors(desk.floor, hold.ref);
    const points = kind === "picture" ? [[hold.one.x, hold.one.y]] : outline(kind, hold.one);
    const { by, caught: on } = snappedShift(points, far, free, reach());
    caught = on;
    preview((floor) => having(floor, hold.ref, moved(kind, hold.one, ...by)));
  }

  function release(event) {
    const { what, ref, moves, is } = hold;
    const was = hold;
    hold = null;
    caught = null;
    if (what === "box") return endBox(event, was);
    if (what === "paper") {
      if (!moves) pick(was.tapped ?? null);
      return undefined;
    }
    if (moves) {
      const one = thing(desk.floor, ref);
      const name = title(ref, one);
      settle(what === "corner" ? `${name}: corner ${is ?? "moved"}` : `${name} moved`);
      announce(`${name}: ${second(ref, one, desk.floor)}.`);
    }
    return redraw();
  }

  // Takes back what is under way: a drag, a line, two points. False if nothing was.
  function cancel() {
    const had = hold !== null || sketch !== null || measured !== null;
    if (measured) use("select");
    hold = sketch = next = caught = measured = null;
    if (!revert()) redraw();
    return had;
  }

  // --- with a tool in the hand

  function put(event) {
    const at = snap(event, null);
    if (desk.tool === "scale") return measure(view.floor(event));
    if (desk.tool === "scanner" || desk.tool === "till") return place(desk.tool === "till" ? "tills" : "scanners", [at]);
    if (desk.tool === "shelf" || (desk.tool === "zone" && !sketch)) {
      hold = { what: "box", tool: desk.tool, at, event };
      next = at;
      return undefined;
    }
    return addPoint(at);
  }

  function endBox(event, { tool, at, moves }) {
    const to = snap(event, null);
    caught = next = null;
    const isBox = moves && to[0] !== at[0] && to[1] !== at[1];
    if (isBox) return place(tool === "shelf" ? "shelves" : "zones", boxOf(at, to));
    return tool === "shelf" ? place("shelves", [at]) : addPoint(at);
  }

  function addPoint(at) {
    sketch ??= { tool: desk.tool, points: [] };
    const { points, tool } = sketch;
    const [first] = points;
    const last = points.at(-1);
    if (points.length >= 3 && apart(first, at) < 1e-9) return finish(true);
    if (last && apart(last, at) < 1e-9) return undefined;
    sketch.points = [...points, at];
    next = null;
    announce(`Point ${sketch.points.length} at ${at.map(metres).join(", ")}.${sketch.points.length >= LEAST[tool] ? " Enter ends it." : ""}`);
    return redraw();
  }

  function finish(closes = false) {
    if (!sketch) return false;
    const { tool, points } = sketch;
    if (points.length < LEAST[tool]) {
      announce(tool === "zone" ? "A zone needs three corners." : "A wall needs two points.");
      return true;
    }
    sketch = next = caught = null;
    place(LINES[tool], tool === "wall" && closes ? [...points, points[0]] : points);
    return true;
  }

  function backOne() {
    if (!sketch) return false;
    sketch.points = sketch.points.slice(0, -1);
    if (!sketch.points.length) sketch = null;
    redraw();
    return true;
  }

  function place(kind, points) {
    const { id, one } = made(desk.floor, kind, points);
    const ref = { kind, id };
    change(`${title(ref, one)} added`, (floor) => having(floor, ref, one));
    use("select");
    pick(ref);
    drawn(ref);
    announce(`${title(ref, one)} added.`);
  }

  // --- two points a known distance apart, for whoever asked with `ask`

  function ask(done) {
    measured = { points: [], done };
    use("scale");
  }

  function measure(at) {
    if (!measured) return use("select");
    measured.points.push(at.map((n) => Math.round(n * 1000) / 1000));
    if (measured.points.length < 2) return redraw();
    const { points, done } = measured;
    return done(points);
  }

  function forget() {
    measured = sketch = next = null;
    redraw();
  }

  // --- two fingers

  function pinch() {
    if (hold) cancel();
    const [one, other] = [...down.values()].map(view.units);
    hold = { what: "pinch", far: apart(one, other), middle: [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2] };
  }

  function pinched() {
    const [one, other] = [...down.values()].map(view.units);
    if (!other) return;
    const middle = [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
    view.zoom(apart(one, other) / Math.max(1, hold.far), middle);
    view.pan(hold.middle[0] - middle[0], hold.middle[1] - middle[1]);
  }

  function marks(u) {
    if (measured) return sketched(measured.points, measured.points.length === 1 ? next : null, u);
    if (hold?.what === "box" && next) return sketched([], null, u, { caught }).concat(boxMark(hold.at, next));
    if (sketch) return sketched(sketch.points, next, u, { closes: sketch.points.length > 2, caught });
    return caught ? sketched([], null, u, { caught }) : [];
  }

  return { marks, cancel, finish, backOne, ask, forget, sketching: () => sketch !== null, place };
}

function boxMark(at, to) {
  const points = boxOf(at.map(onGrid), to).map(([x, y]) => `${x * UNIT},${y * UNIT}`).join(" ");
  return svg("polygon", { class: "sketch", points });
}
