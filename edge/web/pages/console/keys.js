// Keys of the console, and the dialog that lists them.

import { el } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { follow, shop } from "./shop.js";

const KEYS = [
  ["/", "find a decision"],
  ["P", "pause the decisions, go on"],
  ["↑ ↓", "move through the decisions"],
  ["Enter", "read why"],
  ["Esc", "close it, back to the row"],
  ["F", "follow the next visit"],
  ["Shift F", "follow the one before"],
  ["?", "this list"],
];

const EDITING = [
  ["V Z W S H T", "select, zone, wall, scanner, shelf, till"],
  ["Enter", "end a wall or a zone"],
  ["Backspace", "take its last point back"],
  ["Arrows", "move what is picked by 0.1 m"],
  ["Shift arrows", "by 1 m"],
  ["Delete", "remove a corner or a thing"],
  ["Alt", "while drawing: no corner catches"],
  ["Ctrl Z", "undo; with Shift, redo"],
  ["Ctrl S", "save"],
  ["+ − 0", "closer, farther, the whole plan"],
  ["Esc", "let go"],
];

const listed = (keys) => el("dl", { class: "keys" }, keys.map(([key, does]) => [el("dt", {}, el("kbd", { text: key })), el("dd", { text: does })]));

export function makeKeys({ feed, why, announce }) {
  const shut = el("button", { class: "btn small square", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"));
  const dialog = el(
    "dialog", { "aria-label": "Keys" },
    el("header", {}, el("h2", { text: "Keys" }), shut),
    el("div", { class: "in" }, listed(KEYS), el("h3", { text: "While the floor is edited" }), listed(EDITING)),
  );
  document.body.append(dialog);

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
    const editing = document.body.dataset.mode === "edit";
    if (editing && event.key !== "?") return;
    if (event.key === "Escape") {
      if (dialog.open) return;
      if (feed.endFind() || !why.isOpen()) return;
      why.close();
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    const act = { "/": feed.find, "?": () => dialog.showModal(), p: () => feed.pause(), f: () => step(1), F: () => step(-1) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  function step(by) {
    const people = shop.now?.people ?? [];
    if (!people.length) return;
    const at = people.findIndex((one) => one.subject === shop.followed);
    const next = people[(at + by + people.length) % people.length];
    follow(next.subject);
    announce(`Following ${next.name || "an anonymous visit"}, ${shop.floor.zones[next.zone]?.name ?? "zone unknown"}.`);
  }
}
