// The list beside the plan: every thing of the floor in rows, with what is wrong under it, and tabs by kind.

import { attr, el, keep, text } from "../../lib/dom.js";
import { several } from "../../lib/format.js";
import { icon } from "../../lib/icons.js";
import { change, desk, elsewhere, on, pick, problemsOf, same, sentence } from "./draft.js";
import { KINDS, SINGLES, having, second, thing, title } from "./model.js";

const TABS = [["zones", "Zones"], ["scanners", "Scanners"], ["shelves", "Shelves"], ["walls", "Walls"], ["more", "More"]];
const MORE = ["plan", "picture", "presence"];
const ICONS = { zones: "zone", scanners: "wave", shelves: "shelf", walls: "wall", signs: "screen", tills: "till", plan: "plan", picture: "picture", presence: "person" };
const tabOf = (kind) => (TABS.some(([id]) => id === kind) ? kind : "more");

export function makeSide(panel, { add, focusFields, announce }) {
  let shown = "zones";
  const tabs = TABS.map(([id]) => el("button", { role: "tab", id: `tab-${id}`, "aria-controls": "things", onclick: () => show(id), onkeydown: (event) => turn(event) }));
  const list = el("ul", { id: "things", role: "tabpanel", onkeydown: (event) => walk(event) });
  const count = el("span", { class: "cap" });
  const plus = el("button", { class: "btn small", onclick: () => add(shown) }, icon("plus"), el("span"));
  const others = el("ul", { class: "elsewhere" });
  panel.append(
    el("div", { class: "things-tabs", role: "tablist", "aria-label": "Things of the floor" }, tabs),
    el("div", { class: "things-head" }, count, el("span", { class: "grow" }), plus), list, others,
  );

  function refs() {
    if (shown !== "more") return Object.keys(desk.floor[shown]).map((id) => ({ kind: shown, id }));
    const places = ["tills", "signs"].flatMap((kind) => Object.keys(desk.floor[kind]).map((id) => ({ kind, id })));
    return [...MORE.map((kind) => ({ kind })), ...places];
  }

  function draw() {
    TABS.forEach(([id, name], n) => drawTab(tabs[n], id, name));
    const own = refs();
    text(count, shown === "more" ? "Plan, picture, presence, tills, screens" : several(own.length, ...KINDS[shown]));
    text(plus.lastChild, shown === "more" ? "Add till" : `Add ${KINDS[shown][0]}`);
    attr(list, "aria-labelledby", `tab-${shown}`);
    keep(list, own, (ref) => `${ref.kind}/${ref.id}`, makeRow, drawRow);
    others.hidden = !elsewhere().length;
    others.replaceChildren(...elsewhere().map((one) => el("li", { class: one.level === "error" ? "t-out" : "t-stock" }, icon("alert"), el("span", {}, el("b", { text: `${one.file} line ${one.line}` }), " ", sentence(one.say)))));
  }

  function drawTab(node, id, name) {
    const kinds = id === "more" ? [...MORE, "tills", "signs"] : [id];
    const wrong = desk.problems.filter((one) => one.ref && kinds.includes(one.ref.kind)).length;
    attr(node, "aria-selected", String(id === shown));
    attr(node, "tabindex", id === shown ? "0" : "-1");
    attr(node, "class", wrong ? "has-wrong" : null);
    attr(node, "aria-label", wrong ? `${name}, ${several(wrong, "problem")}` : null);
    text(node, name);
  }

  function makeRow(ref) {
    const button = el("button", { "data-ref": `${ref.kind}/${ref.id ?? ""}`, onclick: () => pick(ref), ondblclick: () => focusFields() },
      el("span", { class: "sort" }, icon(ICONS[ref.kind])), el("span", { class: "said" }, el("b", { class: "first" }), el("span", { class: "second num" }), el("span", { class: "wrong-say" })));
    return el("li", {}, button);
  }

  function drawRow(row, ref) {
    const one = thing(desk.floor, ref);
    const [button] = row.children;
    const found = problemsOf(ref);
    const picked = same(desk.picked, ref);
    attr(row, "class", picked ? "chosen" : null);
    attr(button, "aria-pressed", String(picked));
    const [first, about, wrong] = button.lastChild.children;
    text(first, SINGLES[ref.kind] ?? title(ref, one));
    text(about, second(ref, one, desk.floor));
    text(wrong, found[0] ? sentence(found[0].say) + (found.length > 1 ? ` And ${found.length - 1} more.` : "") : "");
    attr(wrong, "class", `wrong-say ${found[0]?.level === "error" ? "t-out" : "t-stock"}`);
  }

  function show(id) {
    shown = id;
    draw();
  }

  function turn(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = (TABS.findIndex(([id]) => id === shown) + by + TABS.length) % TABS.length;
    show(TABS[at][0]);
    tabs[at].focus();
  }

  // In the list: up and down go through it, Enter goes on to the fields, Delete takes the thing away.
  function walk(event) {
    const row = event.target.closest("li");
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[event.key];
    if (next) next.firstChild.click();
    if (next) next.firstChild.focus();
    if (next) event.preventDefault();
    if (event.key === "Enter" && same(desk.picked, refOf(event.target))) {
      event.preventDefault();
      focusFields();
    }
    if (event.key === "Delete" || event.key === "Backspace") {
      pick(refOf(event.target));
      if (!removePicked(announce)) return;
      const stays = (row.isConnected ? row : list.lastElementChild)?.firstChild;
      stays?.focus();
    }
  }

  function refOf(node) {
    const [kind, id] = (node.closest("[data-ref]")?.dataset.ref ?? "/").split(/\/(.*)/s);
    return id ? { kind, id } : { kind };
  }

  on("floor", draw);
  on("problems", draw);
  on("picked", () => {
    if (desk.picked) shown = tabOf(desk.picked.kind);
    draw();
    list.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  });
  return { draw };
}

// Takes the picked thing off the floor. Screens stay: what they play is not for this page to forget.
export function removePicked(announce) {
  const ref = desk.picked;
  if (!ref || ref.kind === "plan" || ref.kind === "presence") return false;
  if (ref.kind === "signs") return announce("A screen is taken out in floor.yaml, with what it plays.") ?? false;
  const one = thing(desk.floor, ref);
  if (!one) return false;
  const name = title(ref, one);
  change(`${name} removed`, (floor) => having(floor, ref, undefined));
  pick(null);
  announce(`${name} removed. Ctrl Z brings it back.`);
  return true;
}
