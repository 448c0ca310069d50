// What an offer gives, in words and prices.

import { count, glued, money } from "./format.js";

// What an offer gives, in a title and a price that a phone and the console both show.
export function granted(grants, products) {
  const main = grants.find((one) => one.kind === "offer") ?? grants.find((one) => one.kind !== "creative") ?? grants[0];
  if (!main) return { title: "", sku: "", now: null, was: null, extra: "" };
  const product = main.sku ? products?.[main.sku] : null;
  const title_ = main.title || product?.name || main.text || "";
  if (main.kind === "offer" && product && main.discount_minor) {
    return {
      title: glued(product.name), sku: main.sku, now: product.price_minor - main.discount_minor, was: product.price_minor,
      extra: "", off: main.discount_minor, product,
    };
  }
  const extra = main.points ? `+${count(main.points)} points` : main.discount_minor ? `${money(main.discount_minor)} off` : "";
  return { title: glued(title_), sku: main.sku ?? "", now: null, was: null, extra, off: 0, product };
}
