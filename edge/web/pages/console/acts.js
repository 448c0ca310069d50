// What a visitor of the demo can do to the store. Each goes through the store's own door, as a device's would.

import { post } from "../lib/api.js";
import { demo, followed, shop, tell } from "./shop.js";
import { tick } from "./tries.js";

export async function walk(subject, at, announce) {
  const before = shop.now.people.find((one) => one.subject === subject)?.zone;
  try {
    await post("/api/v1/demo/walk", { subject, x: Math.round(at.x * 100) / 100, y: Math.round(at.y * 100) / 100 });
    const to = zoneAt(at);
    announce(`On the way to ${to ? shop.floor.zones[to].name : "the aisle"}.`);
    if (to && to !== before) tick("drag");
  } catch (error) {
    announce(error.message);
  }
}

export async function takeGoods(shelf, announce, pieces = 1) {
  if (!demo()) return;
  const place = shop.floor.shelves[shelf];
  const product = shop.floor.products[place.sku];
  const left = shop.now.shelves.find((one) => one.shelf === shelf)?.pieces;
  if (left === 0) {
    announce(`${product?.name ?? place.sku} is out.`);
    return;
  }
  try {
    await post("/api/v1/demo/take", { shelf, pieces });
    tick("take");
    tell("taken", { shelf, sku: place.sku, pieces, by: followed()?.subject });
    announce(`${product?.name ?? place.sku}: ${pieces} taken.`);
  } catch (error) {
    announce(error.message);
  }
}

export function zoneAt({ x, y }) {
  return Object.entries(shop.floor.zones).find(([, zone]) => inside(zone.polygon, x, y))?.[0] ?? null;
}

// Even-odd rule: a ray to the right crosses the edge an odd number of times.
function inside(polygon, x, y) {
  let odd = false;
  polygon.forEach(([x1, y1], n) => {
    const [x2, y2] = polygon[(n + 1) % polygon.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
  });
  return odd;
}

export function zoneMiddle(zone) {
  const { polygon } = shop.floor.zones[zone];
  const sum = polygon.reduce(([sx, sy], [x, y]) => [sx + x, sy + y], [0, 0]);
  return { x: sum[0] / polygon.length, y: sum[1] / polygon.length };
}
