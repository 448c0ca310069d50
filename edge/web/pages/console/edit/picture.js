// The picture under the plan: sent to the store, laid to scale by two points whose distance somebody knows.

import { el, svg } from "../../lib/dom.js";
import { icon } from "../../lib/icons.js";
import { Refused } from "../../lib/api.js";
import { UNIT } from "../plan.js";
import { change, desk, pick, use } from "./draft.js";
import { apart, metres, tidy } from "./geometry.js";
import { having } from "./model.js";

const WAIT_MS = 60_000; // 8 MB over a weak Wi-Fi
const KINDS = "image/png,image/jpeg,image/webp";
const REF = { kind: "picture" };

export function makePicture(announce, measure, refused) {
  const layer = svg("g", { class: "picture" });
  const image = svg("image", { "data-kind": "picture", preserveAspectRatio: "none" });
  const sizes = new Map(); // file -> height by width, once the browser has read it
  const chooser = el("input", { type: "file", accept: KINDS, hidden: true, "aria-label": "Picture of the plan", onchange: () => chosen() });
  const slider = el("input", { type: "range", min: 0, max: 100, step: 5, value: 60, oninput: () => shine() });
  const faint = el("label", { class: "faint", hidden: true }, "Picture", slider);
  let after = () => {};

  function draw() {
    const placed = desk.floor.plan.picture;
    faint.hidden = !placed;
    if (!placed) return layer.replaceChildren();
    const ratio = sizes.get(placed.file);
    if (ratio === undefined) learn(placed.file);
    image.setAttribute("class", desk.picked?.kind === "picture" ? "picked" : "");
    for (const [name, value] of Object.entries({ x: placed.x * UNIT, y: placed.y * UNIT, width: placed.width * UNIT, height: placed.width * UNIT * (ratio ?? 0) })) image.setAttribute(name, value);
    if (image.getAttribute("href") !== address(placed.file)) image.setAttribute("href", address(placed.file));
    if (image.parentNode !== layer) layer.append(image);
    return undefined;
  }

  const address = (file) => `/api/v1/floor/picture/${encodeURIComponent(file)}`;
  const shine = () => layer.style.setProperty("opacity", Number(slider.value) / 100);
  shine();

  function learn(file) {
    sizes.set(file, 0);
    const read = new Image();
    read.addEventListener("load", () => {
      sizes.set(file, read.naturalHeight / read.naturalWidth);
      draw();
    });
    read.addEventListener("error", () => announce("The plan's picture is not beside the store's files. Upload it again."));
    read.src = address(file);
  }

  const choose = () => chooser.click();

  async function chosen() {
    const [file] = chooser.files;
    chooser.value = "";
    if (!file) return;
    try {
      const kept = await send(file);
      const { picture, width } = desk.floor.plan;
      const placed = picture ? { ...picture, file: kept.file } : { file: kept.file, x: 0, y: 0, width };
      change("Plan picture", (floor) => having(floor, REF, placed));
      pick(REF);
      announce("The picture lies under the plan. Set its scale by two points whose distance you know.");
    } catch (error) {
      refused(error.message);
    }
  }

  async function send(file) {
    let response;
    try {
      response = await fetch("/api/v1/floor/picture", { method: "PUT", headers: { "Content-Type": file.type || "image/unknown" }, body: file, signal: AbortSignal.timeout(WAIT_MS) });
    } catch {
      throw new Error("The picture did not reach the store. Try again.");
    }
    const said = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(said, response.status, 0);
    return said;
  }

  // Two points on the picture and the metres between them say how wide it is. The first point stays in its place.
  const far = el("input", { type: "number", min: 0.1, max: 1000, step: "any", required: true, inputmode: "decimal", id: "known-m", class: "entry" });
  const form = el("form", { method: "dialog", class: "in scale-form" },
    el("p", { text: "How far are the two points apart? Read it off the plan, or measure it in the store." }),
    el("label", { for: "known-m" }, "Metres"), far,
    el("div", { class: "acts" }, el("button", { class: "btn", type: "button", onclick: () => dialog.close() }, "Cancel"), el("button", { class: "btn primary" }, "Set scale")));
  const dialog = el("dialog", { "aria-label": "Distance between the two points", onclose: () => after() }, el("header", {}, el("h2", { text: "Set the picture's scale" })), form);
  document.body.append(dialog, chooser);
  let points = null;
  form.addEventListener("submit", () => scaled(Number(far.value)));

  function scale() {
    announce("Click two points of the picture whose distance you know.");
    measure((found) => {
      points = found;
      far.value = metres(apart(...found));
      after = () => use("select");
      dialog.showModal();
      far.select();
    });
  }

  function scaled(known) {
    const [from, to] = points ?? [];
    const by = known / apart(from, to);
    if (!(by > 0) || !Number.isFinite(by)) return announce("The two points are one. Choose two that are apart.");
    change("Plan picture scaled", (floor) => {
      const { picture } = floor.plan;
      const next = { ...picture, x: tidy(from[0] + (picture.x - from[0]) * by), y: tidy(from[1] + (picture.y - from[1]) * by), width: tidy(picture.width * by) };
      return having(floor, REF, next);
    });
    return announce(`Scale set: the picture is ${metres(desk.floor.plan.picture.width)} m across.`);
  }

  const acts = () => {
    const has = Boolean(desk.floor.plan.picture);
    return el("div", { class: "acts left" },
      el("button", { class: "btn small", onclick: choose }, icon("picture"), has ? "Replace" : "Upload a plan"),
      has && el("button", { class: "btn small", onclick: scale }, icon("ruler"), "Set scale"),
      has && el("button", { class: "btn small", onclick: () => change("Plan picture removed", (floor) => having(floor, REF, undefined)) }, icon("bin"), "Remove"));
  };

  return { layer, faint, draw, acts };
}
