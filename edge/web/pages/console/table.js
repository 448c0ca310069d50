// The plan as a table: zones, goods and screens in rows, with a button for what dragging and clicking do.

import { el, keep, text } from "../lib/dom.js";
import { money, person as personName } from "../lib/format.js";
import { takeGoods, walk, zoneMiddle } from "./acts.js";
import { demo, followed, shop } from "./shop.js";

const STATES = { ok: "in stock", low: "low", out: "out" };

export function makeTable(announce) {
  const zones = el("tbody");
  const shelves = el("tbody");
  const screens = el("tbody");
  const node = el(
    "div", { class: "tables" },
    table("Zones", ["Zone", "Shoppers", "Members", ""], zones),
    table("Shelves", ["Goods", "Left", "State", ""], shelves),
    table("Screens", ["Screen", "Plays", "Price", ""], screens),
  );

  function draw() {
    const { now, floor } = shop;
    keep(zones, now.zones, (one) => one.zone, (one) => el(
      "tr", {}, el("th", { scope: "row", text: floor.zones[one.zone]?.name ?? one.zone }), el("td", { class: "num" }),
      el("td", { class: "num" }), el("td", {}, lead(one.zone, announce)),
    ), (row, one) => {
      text(row.children[1], String(one.shoppers));
      text(row.children[2], String(one.members));
      const button = row.children[3].firstChild;
      button.hidden = !demo() || !followed();
      text(button, followed() ? `Lead ${personName(followed())} here` : "");
    });
    keep(shelves, now.shelves, (one) => one.shelf, (one) => el(
      "tr", {}, el("th", { scope: "row", text: floor.products[floor.shelves[one.shelf]?.sku]?.name ?? one.shelf }),
      el("td", { class: "num" }), el("td", {}),
      el("td", {}, el("button", { class: "btn small", onclick: () => takeGoods(one.shelf, announce) }, "Take one")),
    ), (row, one) => {
      const capacity = floor.shelves[one.shelf]?.capacity;
      text(row.children[1], one.pieces === null ? "unknown" : `${one.pieces} of ${capacity}`);
      text(row.children[2], STATES[one.state]);
      row.children[2].className = { low: "t-stock b", out: "t-out b" }[one.state] ?? "";
      row.children[3].firstChild.hidden = !demo();
    });
    keep(screens, now.screens, (one) => one.sign, (one) => el(
      "tr", {}, el("th", { scope: "row" }, el("a", { href: `/screen/${encodeURIComponent(one.sign)}`, text: floor.signs[one.sign]?.name ?? one.sign })),
      el("td", {}), el("td", { class: "num" }), el("td", {}),
    ), (row, one) => {
      text(row.children[1], one.fields.title);
      text(row.children[2], one.fields.price_minor === null || one.fields.price_minor === undefined ? "" : money(one.fields.price_minor, now.store.currency));
      text(row.children[3], one.heard_ms ? "connected" : "not connected");
    });
  }
  return { node, draw };
}

function lead(zone, announce) {
  return el("button", { class: "btn small", onclick: () => followed() && walk(followed().subject, zoneMiddle(zone), announce) });
}

function table(caption, heads, body) {
  return el(
    "table", { class: "rows" }, el("caption", { text: caption }),
    el("thead", {}, el("tr", {}, heads.map((head) => (head ? el("th", { scope: "col", text: head }) : el("td"))))), body,
  );
}
