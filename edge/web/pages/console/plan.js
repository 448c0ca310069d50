// The floor plan, to scale: zones tinted by people, shelves that drain, screens with what they play, tills.
// It is one image with a summary for readers; "As a table" says the same in rows, with buttons for every act.

import { attr, el, keep, svg, text } from "../lib/dom.js";
import { money, several } from "../lib/format.js";
import { picture, pictureName } from "../lib/goods.js";
import { icon } from "../lib/icons.js";
import { themeClass } from "../lib/themes.js";
import { takeGoods } from "./acts.js";
import { makePeople } from "./people.js";
import { followed, shop } from "./shop.js";
import { makeTable } from "./table.js";

export const UNIT = 30; // of the drawing, a metre
const STEPS = [0, 1, 3, 5, 7]; // people at which a zone takes its next tint
const SCREEN = { w: 84, h: 47 };

export const tint = (people) => STEPS.findLastIndex((least) => people >= least);
const points = (polygon) => polygon.map(([x, y]) => `${x * UNIT},${y * UNIT}`).join(" ");

function box(polygon) {
  const xs = polygon.map(([x]) => x);
  const ys = polygon.map(([, y]) => y);
  return { x: Math.min(...xs), y: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

export function makePlan(panel, announce, edit) {
  const about = el("span", { class: "cap num" });
  const drawing = svg("svg", { class: "plan", role: "img", "aria-label": "Floor plan" });
  const table = makeTable(announce);
  const asTable = el("button", { class: "btn small", "aria-pressed": "false", onclick: swap }, icon("table"), "As a table");
  const editing = el("button", { class: "btn small to-edit", hidden: true, onclick: () => edit(editing) }, icon("pen"), "Edit floor");
  const refusal = el("div", { class: "refusal", role: "alert", hidden: true });
  const well = el("div", { class: "well" }, drawing);
  panel.append(
    el("header", {}, el("h2", { text: "Floor" }), about, el("span", { class: "grow" }), legend(), asTable, editing),
    refusal,
    well,
    table.node,
  );
  table.node.hidden = true;
  let parts = null;
  const people = makePeople(drawing, announce);

  function swap() {
    const shown = table.node.hidden;
    table.node.hidden = !shown;
    well.hidden = shown;
    attr(asTable, "aria-pressed", String(shown));
    asTable.replaceChildren(icon(shown ? "plan" : "table"), shown ? "As a plan" : "As a table");
    if (shown) table.draw();
  }

  function lay(floor) {
    const { plan } = floor;
    attr(drawing, "viewBox", `-5 -5 ${plan.width_m * UNIT + 10} ${plan.height_m * UNIT + 10}`);
    parts = { zones: new Map(), shelves: new Map(), screens: new Map(), tills: new Map(), own: svg("polygon", { class: "own-zone" }), labels: svg("g") };
    drawing.replaceChildren(
      svg("rect", { class: "ground", width: plan.width_m * UNIT, height: plan.height_m * UNIT, rx: 2 }),
      svg("g", {}, Object.entries(floor.zones).map(([id, zone]) => layZone(parts, id, zone))),
      parts.own,
      svg("g", {}, plan.walls.flatMap(layWall)),
      svg("g", {}, Object.entries(floor.shelves).map(([id, place]) => layShelf(parts, floor, id, place, announce))),
      svg("g", {}, Object.entries(floor.tills).map(([id, place]) => layTill(parts, id, place))),
      svg("g", {}, Object.entries(floor.signs).map(([id, place]) => layScreen(parts, id, place))),
      people.under,
      parts.labels,
      people.over,
    );
  }

  function draw(now) {
    if (!parts) return;
    const { plan } = shop.floor;
    editing.hidden = !now.store.edit;
    const lost = now.people.filter((one) => one.zone === "unknown" || one.x === null).length;
    const visits = now.visits ? several(now.visits, "visit") : "No one is in the store.";
    text(about, `${plan.width_m} × ${plan.height_m} m · ${visits}${lost ? `, ${lost} in zone unknown` : ""}`);
    drawZones(parts, now);
    drawShelves(parts, now);
    drawScreens(parts, now);
    people.draw(now);
    attr(drawing, "aria-label", summary(now));
    if (!table.node.hidden) table.draw();
  }

  // Why the floor cannot be edited now, until it is asked for again.
  function refused(words) {
    refusal.hidden = !words;
    refusal.replaceChildren(icon("alert"), el("span", { text: words }));
  }

  return { lay, draw, refused };
}

function legend() {
  const dot = (cls) => svg("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, svg("circle", { class: cls, cx: 5, cy: 5, r: cls === "p anon" ? 3.6 : 4.4 }));
  return el(
    "div", { class: "legend" },
    el("span", { class: "key" }, dot("p"), "member"),
    el("span", { class: "key" }, dot("p anon"), "anonymous"),
    el("span", { class: "ramp num" }, "0", el("b", {}, [0, 1, 2, 3, 4].map((step) => el("i", { class: `occ${step}` }))), "7+ in zone"),
  );
}

function layZone(parts, id, zone) {
  const { x, y } = box(zone.polygon);
  const area = svg("polygon", { class: "zone o0", points: points(zone.polygon), "stroke-linejoin": "round" });
  const name = svg("text", { class: "zone-name", x: x * UNIT + 8, y: y * UNIT + 17 }, zone.name);
  const people = svg("text", { class: "zone-count", x: x * UNIT + 8, y: y * UNIT + 33 }, "0");
  parts.zones.set(id, { area, people });
  return svg("g", {}, area, name, people);
}

function layWall(wall) {
  const [first, last] = [wall[0], wall.at(-1)];
  const closed = first[0] === last[0] && first[1] === last[1];
  if (wall.length > 2 && closed) return [svg("polygon", { class: "fixture", points: points(wall) })];
  const way = svg("polyline", { class: "wall", points: points(wall) });
  if (wall.length < 3) return [way];
  const gap = { x1: first[0] * UNIT, y1: first[1] * UNIT, x2: last[0] * UNIT, y2: last[1] * UNIT };
  return [way, svg("line", { class: "way-in", ...gap })];
}

function layShelf(parts, floor, id, place, announce) {
  const flat = place.w >= place.h;
  const at = { x: place.x * UNIT, y: place.y * UNIT, width: place.w * UNIT, height: place.h * UNIT };
  const frame = svg("rect", { class: "shelf-frame", x: at.x - 3, y: at.y - 3, width: at.width + 6, height: at.height + 6, rx: 3 });
  const bay = svg("rect", { class: "bay", ...at, rx: 1.5 });
  const fill = svg("rect", { class: "fill", ...at, rx: 1.5 });
  fill.style.transformOrigin = flat ? `${at.x}px ${at.y}px` : `${at.x}px ${at.y + at.height}px`;
  const hit = svg("rect", { class: "hit", x: at.x - 7, y: at.y - 7, width: at.width + 14, height: at.height + 14 });
  const product = floor.products[place.sku];
  const says = svg("title");
  const node = svg("g", { class: "shelf", "data-shelf": id, onclick: () => takeGoods(id, announce) }, frame, bay, fill, hit, says);
  const middle = zoneMiddle(floor, place);
  parts.shelves.set(id, { node, bay, fill, says, flat, at, middle, name: product?.name ?? place.sku, capacity: place.capacity });
  return node;
}

function zoneMiddle(floor, place) {
  const polygon = floor.zones[place.zone]?.polygon;
  if (!polygon?.length) return { x: place.x * UNIT, y: place.y * UNIT };
  const edge = box(polygon);
  return { x: ((edge.x + edge.right) / 2) * UNIT, y: ((edge.y + edge.bottom) / 2) * UNIT };
}

function layTill(parts, id, place) {
  const node = svg(
    "g", { class: "till-place", transform: `translate(${place.x * UNIT},${place.y * UNIT})`, "data-till": id },
    svg("rect", { x: -13, y: -36, width: 26, height: 72, rx: 5 }),
    svg("text", { y: 5 }, place.name.replace(/^till\s*/i, "") || id),
  );
  parts.tills.set(id, node);
  return node;
}

function layScreen(parts, id, place) {
  const face = svg("rect", { class: "screen-face", width: SCREEN.w, height: SCREEN.h, rx: 2.5 });
  const title = svg("text", { class: "screen-title", x: 6, y: 15 });
  const price = svg("text", { class: "screen-price", x: 6, y: 36 });
  const slot = svg("rect", { class: "slot", y: SCREEN.h - 2.5, width: SCREEN.w, height: 2.5 });
  const goods = svg("g", { transform: "translate(50 10)" });
  const name = svg("text", { class: "screen-name", x: SCREEN.w / 2, y: SCREEN.h + 14 }, place.name);
  const edge = svg("rect", { class: "bezel", x: -3, y: -3, width: SCREEN.w + 6, height: SCREEN.h + 6, rx: 5 });
  const corner = `translate(${place.x * UNIT - SCREEN.w / 2},${place.y * UNIT - SCREEN.h / 2})`;
  const node = svg("g", { class: "screen", transform: corner }, edge, name, face, title, price, goods, slot);
  parts.screens.set(id, { node, title, price, slot, goods, zones: place.zones });
  return node;
}

function drawZones(parts, now) {
  const own = followed()?.zone;
  for (const { zone, shoppers } of now.zones) {
    const part = parts.zones.get(zone);
    if (!part) continue;
    attr(part.area, "class", `zone o${tint(shoppers)}`);
    text(part.people, String(shoppers));
    attr(part.people, "class", `zone-count ${shoppers ? "" : "none"}`);
  }
  // A shape of its own over all zones: those that touch would each cover a side of an outline among them.
  attr(parts.own, "points", parts.zones.get(own)?.area.getAttribute("points") ?? "");
}

function drawShelves(parts, now) {
  const needy = [];
  for (const { shelf, pieces, state } of now.shelves) {
    const part = parts.shelves.get(shelf);
    if (!part) continue;
    const share = pieces === null ? 0 : Math.min(1, pieces / part.capacity);
    part.fill.style.transform = part.flat ? `scaleX(${share})` : `scaleY(${share})`;
    attr(part.node, "class", `shelf ${state}`);
    text(part.says, `${part.name}: ${pieces === null ? "unknown" : `${pieces} of ${part.capacity}`}`);
    if (state !== "ok") needy.push({ shelf, pieces, state, part });
  }
  keep(parts.labels, needy, (one) => one.shelf, () => svg("g"), drawLabel);
}

function drawLabel(node, { pieces, state, part }) {
  const words = state === "out" ? `${short(part.name)}: out` : `${short(part.name)}, ${pieces} left`;
  if (node.dataset.words === words) return;
  node.dataset.words = words;
  const wide = words.length * 6.1 + 14;
  const { at, middle, flat } = part;
  const from = { x: at.x + at.width / 2, y: at.y + at.height / 2 };
  const to = flat
    ? { x: from.x, y: from.y + Math.sign(middle.y - from.y || 1) * (at.height / 2 + 26) }
    : { x: from.x + Math.sign(middle.x - from.x || 1) * (at.width / 2 + 12 + wide / 2), y: from.y };
  attr(node, "class", `shelf-label ${state}`);
  node.replaceChildren(
    svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y }),
    svg("rect", { x: to.x - wide / 2, y: to.y - 10, width: wide, height: 20, rx: 4 }),
    svg("text", { x: to.x, y: to.y + 4 }, words),
  );
}

// "Porridge oats 1 kg" is "Porridge oats" on the plan.
const short = (name) => name.replace(/,?\s*[\d.]+\s*(kg|g|l|ml|cl)?$/i, "");

function drawScreens(parts, now) {
  const chosen = shop.decisions.find((one) => one.seq === shop.chosen)?.decision;
  for (const one of now.screens) {
    const part = parts.screens.get(one.sign);
    if (!part) continue;
    const drawn = pictureName(one.fields.picture, one.fields.title);
    const lit = Boolean(chosen?.winners.includes(one.campaign)) && one.campaign !== "";
    attr(part.node, "class", `screen ${themeClass(one.fields.theme, drawn)} ${lit ? "lit" : ""}`);
    text(part.title, clip(one.fields.title, 14));
    text(part.price, one.fields.price_minor === null || one.fields.price_minor === undefined ? "" : money(one.fields.price_minor, now.store.currency));
    if (part.goods.dataset.drawn !== drawn) {
      part.goods.dataset.drawn = drawn;
      const goods = one.fields.template !== "product" ? null : picture(drawn);
      if (goods) for (const side of ["width", "height"]) goods.setAttribute(side, 32);
      part.goods.replaceChildren(...(goods ? [goods] : []));
    }
    const span = Math.max(1, one.until_ms - one.since_ms);
    const through = Math.min(1, Math.max(0, (now.now_ms - one.since_ms) / span));
    part.slot.style.transform = `scaleX(${through.toFixed(3)})`;
  }
}

const clip = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

function summary(now) {
  const busiest = [...now.zones].sort((a, b) => b.shoppers - a.shoppers)[0];
  const low = now.shelves.filter((one) => one.state !== "ok").length;
  const most = busiest?.shoppers ? `, most in ${shop.floor.zones[busiest.zone]?.name ?? busiest.zone} with ${busiest.shoppers}` : "";
  return `Floor plan. ${several(now.visits, "visit")}${most}. ${several(low, "shelf", "shelves")} low or out. ${several(now.screens.length, "screen")} playing.`;
}
