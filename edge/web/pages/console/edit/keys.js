// Keys while the floor is edited. Arrows move what is picked, when the plan has the focus; fields keep their own.

import { change, desk, pick, step, use } from "./draft.js";
import { removeCorner } from "./fields.js";
import { FAR_STEP_M, STEP_M, metres, tidy } from "./geometry.js";
import { corners, having, moved, thing, title, withCorners } from "./model.js";
import { removePicked } from "./side.js";

export const TOOLS = { v: "select", z: "zone", w: "wall", s: "scanner", h: "shelf", t: "till" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function makeEditKeys(canvas, { hands, view, saving, announce }) {
  document.addEventListener("keydown", (event) => {
    if (document.body.dataset.mode !== "edit" || document.querySelector("dialog[open]")) return;
    const typing = event.target.matches("input:not([type=checkbox]):not([type=range]), select, textarea");
    if ((event.ctrlKey || event.metaKey) && !event.altKey) return shortcut(event, typing);
    if (event.key === "Escape") return escape(event, typing);
    if (typing || event.altKey) return undefined;
    const act = onPlan(event) ?? { "+": view.closer, "-": view.farther, "0": view.fit }[event.key] ?? tool(event.key);
    if (!act) return undefined;
    event.preventDefault();
    return act();
  });

  function shortcut(event, typing) {
    const key = event.key.toLowerCase();
    if (key === "s") {
      event.preventDefault();
      if (typing) event.target.blur(); // takes what stands in the field
      return saving.ask();
    }
    if (typing || (key !== "z" && key !== "y")) return undefined;
    event.preventDefault();
    return undo(key === "z" && !event.shiftKey);
  }

  function undo(back) {
    const said = step(back);
    announce(said ? `${back ? "Undone" : "Done again"}: ${said}.` : back ? "Nothing to undo." : "Nothing to do again.");
  }

  function escape(event, typing) {
    if (typing) return canvas.focus();
    if (hands.cancel()) return announce("Cancelled.");
    if (desk.tool !== "select") return use("select");
    return pick(null);
  }

  const tool = (key) => TOOLS[key.toLowerCase()] && (() => use(TOOLS[key.toLowerCase()]));

  function onPlan(event) {
    if (event.target !== canvas && event.target !== document.body) return null;
    if (ARROWS[event.key] && desk.picked) return () => nudge(...ARROWS[event.key].map((n) => n * (event.shiftKey ? FAR_STEP_M : STEP_M)));
    if (event.key === "Enter") return () => hands.finish();
    if (event.key === "Delete" || event.key === "Backspace") {
      return () => hands.backOne() || (desk.corner === null ? removePicked(announce) : removeCorner(desk.picked, desk.corner, announce));
    }
    return null;
  }

  function nudge(dx, dy) {
    const ref = desk.picked;
    const one = thing(desk.floor, ref);
    if (!one || ref.kind === "plan" || ref.kind === "presence") return;
    const name = title(ref, one);
    const key = `nudge/${ref.kind}/${ref.id}/${desk.corner}`;
    if (desk.corner === null) change(`${name} moved`, (floor) => having(floor, ref, moved(ref.kind, one, dx, dy)), key);
    else change(`${name}: corner moved`, (floor) => having(floor, ref, withCorners(ref.kind, one, corners(ref.kind, one).map((point, n) => (n === desk.corner ? [tidy(point[0] + dx), tidy(point[1] + dy)] : point)))), key);
    const now = thing(desk.floor, ref);
    const at = desk.corner === null ? (corners(ref.kind, now)?.[0] ?? [now.x, now.y]) : corners(ref.kind, now)[desk.corner];
    announce(`${name} at ${at.map(metres).join(", ")}.`);
  }

  return { undo };
}
