// What differs between two floors, in sentences a person can check before saving.

import { several } from "../../lib/format.js";
import { metres, tidy } from "./geometry.js";
import { KINDS, title } from "./model.js";

const NAMED_MAX = 3; // names in one sentence; the rest is counted
const PLACE = new Set(["x", "y", "w", "h", "polygon"]);
const differ = (one, other) => JSON.stringify(one) !== JSON.stringify(other);

export function changes(before, after) {
  return [...ofPlan(before, after), ...Object.keys(KINDS).flatMap((kind) => ofKind(kind, before[kind], after[kind])), ...ofPresence(before.presence, after.presence)];
}

function ofKind(kind, before, after) {
  const found = { added: [], removed: [], moved: [], redrawn: [], changed: [] };
  for (const [id, one] of Object.entries(after)) {
    const was = before[id];
    if (was === undefined) found.added.push(title({ kind, id }, one));
    else if (differ(was, one)) found[how(kind, was, one)].push(title({ kind, id }, one));
  }
  for (const [id, one] of Object.entries(before)) if (after[id] === undefined) found.removed.push(title({ kind, id }, one));
  return Object.entries(found).filter(([, names]) => names.length).map(([what, names]) => sentence(kind, what, names));
}

// A shape that went as a whole was moved, one that is another shape was redrawn; all else is a change of its words.
function how(kind, was, one) {
  const fields = kind === "walls" ? [] : Object.keys(one).filter((field) => differ(was[field], one[field]));
  if (fields.some((field) => !PLACE.has(field))) return "changed";
  if (fields.includes("w") || fields.includes("h")) return "redrawn";
  const [before, after] = [was.polygon ?? was, one.polygon ?? one];
  if (!Array.isArray(after)) return "moved";
  const far = after.map(([x, y], n) => [tidy(x - (before[n]?.[0] ?? NaN)), tidy(y - (before[n]?.[1] ?? NaN))].join());
  return before.length === after.length && new Set(far).size === 1 ? "moved" : "redrawn";
}

function sentence(kind, what, names) {
  const counted = `${several(names.length, ...KINDS[kind])} ${what}`;
  if (kind === "walls") return counted;
  const named = names.slice(0, NAMED_MAX).join(", ");
  return `${counted}: ${named}${names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : ""}`;
}

function ofPlan({ plan: was }, { plan: is }) {
  const said = [];
  if (was.name !== is.name) said.push(`Plan named ${is.name || "nothing"}`);
  if (was.width !== is.width || was.height !== is.height) said.push(`Plan ${metres(was.width)} × ${metres(was.height)} m → ${metres(is.width)} × ${metres(is.height)} m`);
  const [old, fresh] = [was.picture, is.picture];
  if (!old && fresh) said.push("Plan picture added");
  else if (old && !fresh) said.push("Plan picture removed");
  else if (old?.file !== fresh?.file) said.push("Plan picture replaced");
  else if (differ(old, fresh)) said.push("Plan picture moved");
  return said;
}

function ofPresence(was, is) {
  return Object.keys(is).filter((name) => was[name] !== is[name]).map((name) => `Presence ${name}: ${was[name]} → ${is[name]}`);
}
