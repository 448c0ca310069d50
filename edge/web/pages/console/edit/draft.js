// The floor as it is being edited: one draft, its history, what is picked, and what the store says of it.
// Every state of the floor is a value: a change makes another one, so that undo is going back to it.

import { get, put } from "../../lib/api.js";
import { crosses } from "./geometry.js";

const DRAFT = "/api/v1/floor/draft";
const STEPS_MAX = 200; // steps that can be undone; the oldest are forgotten
const CHECK_MS = 350; // a pause in editing after which the store is asked what it thinks of the floor
const MERGE_MS = 900; // the same change again within this is one step of undo

export const desk = {
  floor: null, // the document, with `walls` by id beside the plan: a wall has no name of its own
  base: null, // the floor that the file holds
  revision: "",
  comments: 0, // lines with a comment that saving loses
  picked: null, // { kind, id }
  corner: null, // of the picked thing
  tool: "select",
  problems: [], // what the store says, each with the thing that it is about
  checked: false, // whether that is about the floor as it is now
  unreached: "", // why the store could not be asked
  stale: false, // somebody else saved the file since
  apart: {}, // zone -> how well the radio tells it
  hints: {}, // zone -> a sentence, where it is drawn finer than the radio can tell
  undo: [],
  redo: [],
};

const listeners = new Map();

export function on(what, act) {
  if (!listeners.has(what)) listeners.set(what, []);
  listeners.get(what).push(act);
}

export function tell(what) {
  for (const act of listeners.get(what) ?? []) act();
}

// --- the file

const opened = ({ plan: { walls, ...plan }, ...rest }) => ({ plan, walls: Object.fromEntries(walls.map((wall, n) => [`w${n + 1}`, wall])), ...rest });
const closed = ({ plan, walls, ...rest }) => ({ plan: { ...plan, walls: Object.values(walls) }, ...rest });

export async function open() {
  const draft = await get(DRAFT);
  const floor = opened(draft.floor);
  Object.assign(desk, { floor, base: floor, revision: draft.revision, comments: draft.comments, undo: [], redo: [], picked: null, corner: null, problems: [], hints: {}, apart: {}, stale: false });
  tell("picked");
  changed();
}

// Takes the file's newest revision for ours: what is saved next stands in place of what somebody else saved.
export async function overtake() {
  const draft = await get(DRAFT);
  desk.revision = draft.revision;
  desk.comments = draft.comments;
}

export async function save() {
  const floor = desk.floor;
  const saved = await put(DRAFT, { revision: desk.revision, floor: closed(floor) });
  Object.assign(desk, { base: floor, revision: saved.revision, comments: 0 });
  tell("floor");
}

export const dirty = () => desk.floor !== desk.base && JSON.stringify(desk.floor) !== JSON.stringify(desk.base);

// --- changing it

let last = { key: null, at: 0 };
let before = null; // the floor before a drag

// `make(floor)` gives the next floor. Changes with the same `key` in a row are undone together.
export function change(say, make, key = null) {
  const next = make(desk.floor);
  if (next === desk.floor) return;
  const now = performance.now();
  const again = key !== null && key === last.key && now - last.at < MERGE_MS;
  if (!again) push({ floor: desk.floor, say });
  last = { key, at: now };
  desk.floor = next;
  changed();
}

function push(step) {
  desk.undo = [...desk.undo, step].slice(-STEPS_MAX);
  desk.redo = [];
}

// While a finger or a mouse holds something: the floor follows it, and one step of undo stands for it all.
export function preview(make) {
  before ??= desk.floor;
  desk.floor = make(before);
  tell("floor");
}

export function settle(say) {
  if (before === null) return;
  const [was, is] = [before, desk.floor];
  before = null;
  if (JSON.stringify(was) === JSON.stringify(is)) return;
  push({ floor: was, say });
  last = { key: null, at: 0 };
  changed();
}

export function revert() {
  if (before === null) return false;
  desk.floor = before;
  before = null;
  tell("floor");
  return true;
}

export const held = () => before !== null;

// Steps back or forth; gives what that undid or did again, in words, or "".
export function step(back) {
  const [from, to] = back ? [desk.undo, "redo"] : [desk.redo, "undo"];
  const taken = from.at(-1);
  if (!taken) return "";
  desk[back ? "undo" : "redo"] = from.slice(0, -1);
  desk[to] = [...desk[to], { floor: desk.floor, say: taken.say }];
  desk.floor = taken.floor;
  last = { key: null, at: 0 };
  if (desk.picked && !exists(desk.picked)) pick(null);
  changed();
  return taken.say;
}

function changed() {
  desk.checked = false;
  tell("floor");
  clearTimeout(waiting);
  waiting = setTimeout(check, CHECK_MS);
}

// --- what is picked

const SINGLE = ["plan", "picture", "presence"];
const exists = ({ kind, id }) => SINGLE.includes(kind) || desk.floor[kind]?.[id] !== undefined;

export const same = (one, other) => one?.kind === other?.kind && one?.id === other?.id;

export function pick(ref, corner = null) {
  if (same(desk.picked, ref) && desk.corner === corner) return;
  desk.picked = ref && { ...ref };
  desk.corner = corner;
  tell("picked");
}

export function use(tool) {
  if (desk.tool === tool) return;
  desk.tool = tool;
  tell("tool");
}

// --- what the store says of it

let waiting = 0;
let asked = 0;

async function check() {
  const serial = ++asked;
  const floor = desk.floor;
  try {
    const said = await put(`${DRAFT}?dry_run=true`, { revision: desk.revision, floor: closed(floor) });
    if (serial !== asked || floor !== desk.floor) return;
    Object.assign(desk, { problems: said.problems.map((one) => placed(one, floor)), checked: true, unreached: "", stale: said.revision !== desk.revision });
  } catch (error) {
    if (serial !== asked) return;
    desk.unreached = error.message;
  }
  tell("problems");
}

// The store leads to the place in the file; here that is a thing and one of its fields.
function placed(problem, floor) {
  const [section, one, two, three] = problem.at;
  const about = { ...problem, ref: null, field: null, index: null };
  if (section === "plan" && one === "walls") return { ...about, ref: two ? { kind: "walls", id: Object.keys(floor.walls)[Number(two)] } : { kind: "plan" } };
  if (section === "plan" && one === "picture") return { ...about, ref: { kind: "picture" }, field: two };
  if (section === "plan" || section === "presence") return { ...about, ref: { kind: section }, field: one };
  if (floor[section] && one) return { ...about, ref: { kind: section, id: one }, field: two === "box" ? "polygon" : two, index: three };
  return about;
}

export function problemsOf(ref) {
  const found = desk.problems.filter((one) => same(one.ref, ref));
  if (ref.kind !== "zones") return found;
  const zone = desk.floor.zones[ref.id];
  if (zone && crosses(zone.polygon)) found.push({ ref, level: "warning", say: "its border crosses itself; move a corner" });
  if (desk.hints[ref.id]) found.push({ ref, level: "warning", say: desk.hints[ref.id] });
  return found;
}

// What a reader of files says in a half sentence, as one.
export const sentence = (say) => say && say.charAt(0).toUpperCase() + say.slice(1) + (/[.?!]$/.test(say) ? "" : ".");

export const errors = () => desk.problems.filter((one) => one.level === "error");
export const elsewhere = () => desk.problems.filter((one) => one.ref === null);
