// The things of a floor: how each is found, named, moved, made and taken away. Values in, values out.

import { several } from "../../lib/format.js";
import { shop } from "../shop.js";
import { area, bounds, inside, isClosed, length, metres, middle, apart, shifted, tidy } from "./geometry.js";

export const KINDS = {
  zones: ["zone", "zones"],
  scanners: ["scanner", "scanners"],
  shelves: ["shelf", "shelves"],
  walls: ["wall", "walls"],
  signs: ["screen", "screens"],
  tills: ["till", "tills"],
};
export const SINGLES = { plan: "Plan", picture: "Plan picture", presence: "How presence concludes" };
export const TILL = { w: 26 / 30, h: 72 / 30 }; // as the plan draws one, in metres
export const SCREEN = { w: 84 / 30, h: 47 / 30 };

export function thing(floor, { kind, id }) {
  if (kind === "picture") return floor.plan.picture;
  return id === undefined ? floor[kind] : floor[kind]?.[id];
}

// The floor with another value of one thing; without it where the value is undefined.
export function having(floor, { kind, id }, value) {
  if (kind === "picture") return { ...floor, plan: { ...floor.plan, picture: value ?? null } };
  if (id === undefined) return { ...floor, [kind]: value };
  const section = { ...floor[kind] };
  if (value === undefined) delete section[id];
  else section[id] = value;
  return { ...floor, [kind]: section };
}

// A thing under another id, in its place, and whatever names it.
export function renamed(floor, { kind, id }, to) {
  const rename = (section, from) => Object.fromEntries(Object.entries(section).map(([key, value]) => [key === from ? to : key, value]));
  const next = { ...floor, [kind]: rename(floor[kind], id) };
  if (kind !== "zones") return next;
  const follow = (section, map) => Object.fromEntries(Object.entries(section).map(([key, value]) => [key, map(value)]));
  const swap = (zone) => (zone === id ? to : zone);
  next.scanners = follow(next.scanners, (one) => ({ ...one, zone: swap(one.zone) }));
  next.shelves = follow(next.shelves, (one) => ({ ...one, zone: swap(one.zone) }));
  next.signs = follow(next.signs, (one) => ({ ...one, zones: one.zones.map(swap) }));
  return next;
}

// --- places

export const corners = (kind, one) => (kind === "zones" ? one.polygon : kind === "walls" ? (isClosed(one) ? one.slice(0, -1) : one) : null);

export function withCorners(kind, one, points) {
  if (kind === "zones") return { ...one, polygon: points };
  return isClosed(one) ? [...points, points[0]] : points;
}

// Points by which a thing is snapped to others, and its box.
export function outline(kind, one) {
  const own = corners(kind, one);
  if (own) return own;
  if (kind === "shelves") return [[one.x, one.y], [one.x + one.w, one.y], [one.x + one.w, one.y + one.h], [one.x, one.y + one.h]];
  return [[one.x, one.y]];
}

export function moved(kind, one, dx, dy) {
  if (kind === "zones") return { ...one, polygon: shifted(one.polygon, dx, dy) };
  if (kind === "walls") return shifted(one, dx, dy);
  return { ...one, x: tidy(one.x + dx), y: tidy(one.y + dy) };
}

// Corners of all the others: what a point that is drawn may be caught by.
export function anchors(floor, except = null) {
  const found = [];
  for (const kind of ["zones", "walls", "shelves"]) {
    for (const [id, one] of Object.entries(floor[kind])) {
      if (except?.kind !== kind || except.id !== id) found.push(...outline(kind, one));
    }
  }
  return found;
}

export function zoneAt(floor, point) {
  const ids = Object.keys(floor.zones);
  const under = ids.find((id) => inside(floor.zones[id].polygon, point));
  if (under) return under;
  const far = (id) => (floor.zones[id].polygon.length ? apart(middle(floor.zones[id].polygon), point) : Infinity);
  return ids.sort((one, other) => far(one) - far(other))[0] ?? "unknown";
}

// --- names

const product = (sku) => shop.floor?.products[sku]?.name ?? sku;

export function title({ kind, id }, one) {
  if (SINGLES[kind]) return SINGLES[kind];
  if (kind === "zones" || kind === "signs" || kind === "tills") return one.name || id;
  if (kind === "shelves") return product(one.sku);
  if (kind === "walls") return isClosed(one) ? "Fixture" : "Wall";
  return id;
}

export function second({ kind, id }, one, floor) {
  const at = (place) => `${metres(place.x)}, ${metres(place.y)}`;
  const zone = (name) => floor.zones[name]?.name ?? "no zone";
  if (kind === "zones") {
    if (!one.polygon.length) return "not drawn yet";
    const { w, h } = bounds(one.polygon);
    return `${metres(w)} × ${metres(h)} m · ${Math.round(area(one.polygon))} m²${one.polygon.length === 4 ? "" : ` · ${several(one.polygon.length, "corner")}`}`;
  }
  if (kind === "walls") {
    const { x, y, w, h } = bounds(one);
    return isClosed(one) ? `${metres(w)} × ${metres(h)} m at ${metres(x)}, ${metres(y)}` : `${metres(Math.round(length(one) * 10) / 10)} m, ${several(one.length, "corner")}`;
  }
  if (kind === "scanners") return `${zone(one.zone)} · ${at(one)} · ${metres(one.z)} m up`;
  if (kind === "shelves") return `${id} · ${zone(one.zone)} · ${metres(one.w)} × ${metres(one.h)} m`;
  if (kind === "signs" || kind === "tills") return `${id} · ${at(one)}`;
  if (kind === "plan") return `${metres(one.width)} × ${metres(one.height)} m`;
  if (kind === "picture") return one ? `${metres(one.width)} m across at ${at(one)}` : "none yet";
  return { auto: "by the radio map where there is one", radio: "by the radio map", nearest: "by the nearest scanner" }[one.method];
}

// --- making

export function freeId(floor, kind, wanted) {
  const plain = wanted.toLowerCase().normalize("NFD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "") || KINDS[kind][0];
  if (!(plain in floor[kind])) return plain;
  let number = 2;
  while (`${plain}-${number}` in floor[kind]) number += 1;
  return `${plain}-${number}`;
}

export function made(floor, kind, points) {
  const [x, y] = points[0];
  const number = Object.keys(floor[kind]).length + 1;
  if (kind === "zones") return { id: freeId(floor, kind, `zone-${number}`), one: { name: `Zone ${number}`, polygon: points, margin_m: 0 } };
  if (kind === "walls") return { id: `w${1 + Math.max(0, ...Object.keys(floor.walls).map((id) => Number(id.slice(1))))}`, one: points };
  if (kind === "scanners") return { id: freeId(floor, kind, `scanner-${number}`), one: { zone: zoneAt(floor, [x, y]), x, y, z: 2.5, beacon: "", smoothing_s: 0 } };
  if (kind === "tills") return { id: freeId(floor, kind, `till-${number}`), one: { name: `Till ${number}`, x, y } };
  const { w, h } = points.length > 1 ? bounds(points) : { w: 1, h: 0.5 };
  const placed = new Set(Object.values(floor.shelves).map((one) => one.sku));
  const skus = Object.keys(shop.floor?.products ?? {});
  const sku = skus.find((one) => !placed.has(one)) ?? skus[0] ?? "";
  const zone = zoneAt(floor, [x + w / 2, y + h / 2]);
  const one = { zone, sku, unit_g: 500, capacity: 20, low_at: 4, x, y, w, h, scale: "", zero_counts: 0, counts_per_kg: 0 };
  return { id: freeId(floor, kind, `${zone}-${number}`), one };
}
