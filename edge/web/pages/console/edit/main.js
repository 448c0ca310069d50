// The floor editor: a mode of the console. The plan becomes the draft, and the columns beside it its list and fields.

import { attr, el, svg, text } from "../../lib/dom.js";
import { icon } from "../../lib/icons.js";
import { on as onShop } from "../shop.js";
import { makeDrawing } from "./drawing.js";
import { change, desk, on, open, pick, use } from "./draft.js";
import { makeExpected } from "./expected.js";
import { makeFields } from "./fields.js";
import { makeHands } from "./hands.js";
import { makeEditKeys } from "./keys.js";
import { having, made, second, thing, title } from "./model.js";
import { makePicture } from "./picture.js";
import { makeSaving } from "./saving.js";
import { makeSide, removePicked } from "./side.js";
import { makeView } from "./view.js";
import { onGrid, tidy } from "./geometry.js";

const TOOLS = [["select", "Select", "pointer", "V"], ["zone", "Zone", "zone", "Z"], ["wall", "Wall", "wall", "W"], ["scanner", "Scanner", "wave", "S"], ["shelf", "Shelf", "shelf", "H"], ["till", "Till", "till", "T"]];
const HINTS = {
  select: "",
  zone: "Drag a box, or click corner by corner. Enter or the first corner closes it.",
  wall: "Click corner by corner. Enter ends it; the first corner makes it a fixture.",
  scanner: "Click where it hangs.",
  shelf: "Drag a box, or click its corner.",
  till: "Click where it stands.",
  scale: "Click two points of the picture whose distance you know.",
};

export function makeEditor(cols, announce, closed) {
  const canvas = svg("svg", { class: "plan draft", tabindex: 0, role: "group", "aria-label": "Plan being edited", "aria-describedby": "draft-help" });
  const about = el("span", { class: "cap num about" });
  const hint = el("span", { class: "hint cap" });
  const tools = el("div", { class: "tools", role: "radiogroup", "aria-label": "Tool" });
  const bin = el("button", { class: "btn small square", "aria-label": "Delete", title: "Delete", onclick: () => removePicked(announce) }, icon("bin"));
  const back = el("button", { class: "btn small square", "aria-label": "Undo", title: "Undo, Ctrl Z", onclick: () => keys.undo(true) }, icon("undo"));
  const forth = el("button", { class: "btn small square", "aria-label": "Redo", title: "Redo, Ctrl Shift Z", onclick: () => keys.undo(false) }, icon("redo"));
  const expected = makeExpected(announce);
  const view = makeView(canvas, redraw);
  const picture = makePicture(announce, (done) => hands.ask(done), told);
  const drawing = makeDrawing(canvas, { picture: picture.layer, heat: expected.layer, sketch: (u) => hands.marks(u) });
  const hands = makeHands(canvas, view, { redraw, announce, drawn: (ref) => matchMedia("(pointer: fine)").matches && ref.kind === "zones" && fields.focus("name") });
  const zooms = el("div", { class: "zooms" },
    [["plus", "Closer", view.closer], ["minus", "Farther", view.farther], ["fit", "The whole plan", view.fit]].map(([drawn, name, act]) => el("button", { class: "btn small square", "aria-label": name, title: name, onclick: () => act() }, icon(drawn))));
  const help = el("p", { class: "sr", id: "draft-help", text: "Arrows move what is picked by 0.1 metre, with shift by 1. Delete removes it, Escape lets go. Everything here is also in the list and the fields beside it." });
  const plan = el("section", { class: "col edit-plan", "aria-label": "Plan being edited" }, el("section", { class: "panel floor" },
    el("header", {}, el("h2", { text: "Edit floor" }), about, el("span", { class: "grow" }), el("a", { class: "btn small", href: "/survey", text: "Survey" }), zooms, el("div", { class: "steps" }, back, forth, bin)),
    el("div", { class: "edit-bar" }, tools, el("div", { class: "layers" }, picture.faint, expected.choose, expected.missing)),
    el("div", { class: "well" }, canvas, hint), expected.foot, help));
  const sheet = el("div", { class: "fields" });
  const heading = el("h2");
  const bar = el("section", { class: "panel save-bar", "aria-label": "Save or discard" });
  const things = el("section", { class: "panel things", "aria-label": "Things of the floor" });
  const side = el("section", { class: "col edit-side", "aria-label": "List and fields" }, things, el("section", { class: "panel of-thing", "aria-label": "Fields" }, el("header", {}, heading), sheet), bar);
  cols.append(plan, side);

  const fields = makeFields(sheet, announce, extras);
  makeSide(things, { add, focusFields: () => fields.focus(), announce });
  const saving = makeSaving(bar, { close, announce });
  const keys = makeEditKeys(canvas, { hands, view, saving, announce });
  tools.append(...TOOLS.map(([id, name, drawn, key]) => el("button", { class: "tool", role: "radio", "data-tool": id, title: `${name}, ${key}`, "aria-label": name, onclick: () => use(id), onkeydown: turn }, icon(drawn), el("span", { text: name }))));

  // --- drawing, once for all that happened since the last picture of the screen

  let waits = false;

  function redraw() {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      if (document.body.dataset.mode !== "edit" || !desk.floor) return;
      picture.draw();
      drawing.draw(view.px());
      drawAbout();
    });
  }

  function drawAbout() {
    const ref = desk.picked;
    const one = ref && thing(desk.floor, ref);
    const { width, height } = desk.floor.plan;
    const words = ref ? `${title(ref, one)} · ${second(ref, one, desk.floor)}` : `${width} × ${height} m`;
    text(about, words);
    text(heading, ref ? title(ref, one) : "Nothing picked");
    bin.disabled = !ref || ["plan", "presence", "signs"].includes(ref.kind) || !one;
    back.disabled = !desk.undo.length;
    forth.disabled = !desk.redo.length;
    attr(canvas, "class", `plan draft with-${desk.tool} ${ref?.kind === "picture" ? "moves-picture" : ""} ${desk.floor.plan.picture ? "over-picture" : ""}`);
  }

  on("floor", () => {
    view.refit();
    fields.draw();
    redraw();
  });
  onShop("floor", () => document.body.dataset.mode === "edit" && expected.learn());
  on("problems", () => {
    fields.draw();
    redraw();
  });
  on("picked", () => {
    fields.draw();
    redraw();
  });
  function drawTools() {
    if (desk.tool !== "scale") hands.forget();
    text(hint, HINTS[desk.tool]);
    for (const node of tools.children) {
      const own = node.dataset.tool === desk.tool;
      attr(node, "aria-checked", String(own));
      attr(node, "tabindex", own || (desk.tool === "scale" && node === tools.firstChild) ? "0" : "-1");
    }
    redraw();
  }
  on("tool", drawTools);

  function turn(event) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const all = [...tools.children];
    const next = all[(all.indexOf(event.currentTarget) + by + all.length) % all.length];
    use(next.dataset.tool);
    next.focus();
  }

  // --- by the list: a thing in the middle of the plan, to be placed by its fields

  function add(tab) {
    const kind = tab === "more" ? "tills" : tab;
    const { width, height } = desk.floor.plan;
    const [x, y] = [onGrid(width / 2 - 1), onGrid(height / 2 - 1)];
    const box = [[x, y], [tidy(x + 2), y], [tidy(x + 2), tidy(y + 2)], [x, tidy(y + 2)]];
    const points = { zones: box, walls: box.slice(0, 2), shelves: [[x, y]], scanners: [[x, y]], tills: [[x, y]] }[kind];
    const { id, one } = made(desk.floor, kind, points);
    change(`${title({ kind, id }, one)} added`, (floor) => having(floor, { kind, id }, one));
    pick({ kind, id });
    fields.focus();
    announce(`${title({ kind, id }, one)} added in the middle of the plan.`);
  }

  function extras(ref) {
    const apart = ref.kind === "zones" && desk.apart[ref.id];
    if (apart) {
      const taken = desk.floor.zones[apart.confused_with]?.name;
      return el("p", { class: "cap", text: `The radio tells it apart ${Math.round(apart.told_apart_p * 100)} % of the time${taken ? `; else it is mostly taken for ${taken}` : ""}.` });
    }
    if (ref.kind === "picture") return picture.acts();
    if (ref.kind === "signs") return el("p", { class: "cap", text: "What it plays, and for which zones, is set in floor.yaml." });
    if (ref.kind === "presence") return el("p", { class: "cap", text: "Swapped in without a restart. Shoppers keep the zone they are in." });
    return null;
  }

  function told(words) {
    announce(words);
    text(hint, words);
  }

  // --- the mode

  async function enter() {
    await open();
    document.body.dataset.mode = "edit";
    use("select");
    for (const act of [view.fit, drawTools, saving.draw, expected.begin]) act();
    canvas.focus({ preventScroll: true });
    announce("Editing the floor. The store goes on with the floor it has until you save.");
  }

  function close() {
    hands.cancel();
    delete document.body.dataset.mode;
    document.body.classList.remove("heated");
    closed();
  }

  return { enter };
}
