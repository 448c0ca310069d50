// The window onto the plan: how far it is zoomed and where it looks. One metre is UNIT of the drawing.

import { UNIT } from "../plan.js";
import { desk } from "./draft.js";

const AROUND = 0.9; // metres of paper around the plan, so that handles on its edge can be reached
const CLOSEST_M = 4; // the least that fills the window
const NUDGE = 1.3; // one press of a zoom button

export function makeView(canvas, redraw) {
  const at = { x: 0, y: 0, w: 1, h: 1 };
  let fitted = true;

  function whole() {
    const { width, height } = desk.floor.plan;
    return { x: -AROUND * UNIT, y: -AROUND * UNIT, w: (width + 2 * AROUND) * UNIT, h: (height + 2 * AROUND) * UNIT };
  }

  function show() {
    canvas.setAttribute("viewBox", [at.x, at.y, at.w, at.h].map((n) => Math.round(n * 100) / 100).join(" "));
    const one = px();
    canvas.style.setProperty("--u", one);
    redraw();
  }

  // Units of the drawing that one pixel of the screen shows.
  function px() {
    const matrix = canvas.getScreenCTM();
    return matrix && matrix.a > 0 ? 1 / matrix.a : 1;
  }

  function fit() {
    fitted = true;
    Object.assign(at, whole());
    show();
  }

  // Zooms so that the point of the drawing under the finger stays there.
  function zoom(factor, point = [at.x + at.w / 2, at.y + at.h / 2]) {
    const all = whole();
    const w = Math.min(all.w, Math.max(CLOSEST_M * UNIT, at.w / factor));
    if (w >= all.w) return fit();
    fitted = false;
    const by = w / at.w;
    Object.assign(at, { x: point[0] - (point[0] - at.x) * by, y: point[1] - (point[1] - at.y) * by, w, h: at.h * by });
    return show();
  }

  function pan(dx, dy) {
    if (fitted) return;
    const all = whole();
    at.x = Math.min(Math.max(at.x + dx, all.x), all.x + all.w - at.w);
    at.y = Math.min(Math.max(at.y + dy, all.y), all.y + all.h - at.h);
    show();
  }

  // A point of the screen on the drawing, in units; and in metres.
  function units(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(canvas.getScreenCTM().inverse());
    return [point.x, point.y];
  }
  const floor = (event) => units(event).map((n) => n / UNIT);

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), units(event));
  }, { passive: false });
  new ResizeObserver(() => desk.floor && (fitted ? fit() : show())).observe(canvas);

  return { fit, zoom, pan, px, units, floor, closer: () => zoom(NUDGE), farther: () => zoom(1 / NUDGE), refit: () => fitted && fit() };
}
