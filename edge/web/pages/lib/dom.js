// Small helpers over the DOM: make an element, keep a keyed list, set text only when it changed.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.setAttribute("class", value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const $ = (selector, within = document) => within.querySelector(selector);

// Writes only what changed, so that a reader is not told the same thing twice.
export function text(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

export function attr(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
}

// Keeps the children of `parent` in step with `items`: one node a key, made once, updated each time, in order.
export function keep(parent, items, keyOf, make, update) {
  const had = (parent.kept ??= new Map());
  // Who is gone goes first: then nobody who stays is put in anew, which would cut transitions and drop what a hand holds.
  const wanted = new Set(items.map(keyOf));
  for (const [key, node] of had) if (!wanted.has(key)) node.remove();
  const now = new Map();
  let at = null;
  for (const item of items) {
    const key = keyOf(item);
    if (now.has(key)) continue;
    const node = had.get(key) ?? make(item);
    if (update) update(node, item);
    now.set(key, node);
    const place = at ? at.nextSibling : parent.firstChild;
    if (place !== node) parent.insertBefore(node, place);
    at = node;
  }
  parent.kept = now;
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
