// Save and discard: what would change is shown first, and so is what a save loses.

import { attr, el, text } from "../../lib/dom.js";
import { several } from "../../lib/format.js";
import { icon } from "../../lib/icons.js";
import { changes } from "./changes.js";
import { desk, dirty, errors, on, open, overtake, pick, save } from "./draft.js";

const SHOWN_MAX = 12; // lines of the preview; the rest is counted

export function makeSaving(bar, { close, announce }) {
  const count = el("span");
  const first = el("button", { class: "btn small", hidden: true, onclick: () => pick(errors().find((one) => one.ref)?.ref ?? null) }, "Show it");
  const discard = el("button", { class: "btn", onclick: () => leave() });
  const go = el("button", { class: "btn primary", onclick: () => ask() }, "Save");
  bar.append(count, first, el("span", { class: "grow" }), discard, go);
  const list = el("ul", { class: "changes" });
  const loses = el("p", { class: "say loses" });
  const trouble = el("div", { class: "trouble", role: "alert" });
  const acts = el("div", { class: "acts" });
  const heading = el("h2");
  const dialog = el("dialog", { class: "saving", "aria-label": "Save the floor" }, el("header", {}, heading), el("div", { class: "in" }, list, loses, trouble, acts));
  document.body.append(dialog);

  function draw() {
    if (!desk.floor) return;
    const wrong = errors().length;
    const found = dirty() ? changes(desk.base, desk.floor).length : 0;
    const words = desk.unreached || (wrong ? `${wrong} to mend first` : desk.stale ? "Somebody else saved meanwhile" : found ? several(found, "change") : "Nothing changed yet");
    text(count, words);
    attr(count, "class", desk.unreached || wrong ? "t-out b" : found ? "b" : "cap");
    first.hidden = Boolean(desk.unreached) || !errors().some((one) => one.ref);
    text(discard, found ? "Discard" : "Close");
    go.disabled = !found || wrong > 0 || Boolean(desk.unreached);
  }

  function ask() {
    if (go.disabled) return announce(count.textContent);
    const found = changes(desk.base, desk.floor);
    const shown = found.slice(0, SHOWN_MAX);
    text(heading, "Save this floor?");
    list.replaceChildren(...shown.map((words) => el("li", { text: words })), ...(found.length > SHOWN_MAX ? [el("li", { class: "cap", text: `and ${found.length - SHOWN_MAX} more` })] : []));
    loses.hidden = false;
    loses.replaceChildren(el("span", { class: "mark" }, icon("receipt")), el("b", { text: desk.comments ? `${several(desk.comments, "line")} with a comment in floor.yaml will be lost` : "floor.yaml is written anew" }), el("span", { text: `The comment at its top stays. The file as it is now is kept beside it.` }));
    trouble.replaceChildren();
    choices(["Go on editing", () => dialog.close()], ["Save floor", () => write(), "primary"]);
    dialog.showModal();
    return acts.lastChild.focus();
  }

  function choices(...given) {
    acts.replaceChildren(...given.map(([words, act, kind = ""]) => el("button", { class: `btn ${kind}`, onclick: act }, words)));
  }

  async function write() {
    for (const button of acts.children) button.disabled = true;
    try {
      await save();
      dialog.close();
      announce("Floor saved. The store reads it within a second.");
    } catch (error) {
      if (error.code === "floor_changed") return clash();
      trouble.replaceChildren(el("b", { class: "t-out", text: "Not saved." }), " ", error.message);
      choices(["Go on editing", () => dialog.close()], ["Try again", () => write(), "primary"]);
    }
    return draw();
  }

  // Somebody else saved meanwhile: one of the two floors has to give way, and a person says which.
  function clash() {
    text(heading, "The floor was changed meanwhile");
    list.replaceChildren();
    loses.hidden = true;
    trouble.replaceChildren("Somebody else saved floor.yaml since you opened it. Load their floor and draw your changes again, or save yours over it: theirs is then kept beside it as floor.yaml with its time.");
    choices(["Go on editing", () => dialog.close()], ["Load theirs", async () => {
      await reload();
      dialog.close();
    }], ["Save mine over it", async () => {
      await overtake().catch((error) => announce(error.message));
      await write();
    }, "primary"]);
    acts.firstChild.focus();
  }

  async function reload() {
    await open().catch((error) => announce(error.message));
    announce("This is the floor as it was saved.");
  }

  // Leaves the editor. What was not saved is lost only if a person says so.
  function leave() {
    if (!dirty()) return close();
    text(heading, "Discard your changes?");
    list.replaceChildren(...changes(desk.base, desk.floor).slice(0, SHOWN_MAX).map((words) => el("li", { text: words })));
    loses.hidden = true;
    trouble.replaceChildren("The floor stays as the file holds it.");
    choices(["Go on editing", () => dialog.close()], ["Discard", () => {
      dialog.close();
      close();
    }, "danger"]);
    dialog.showModal();
    return acts.firstChild.focus();
  }

  addEventListener("beforeunload", (event) => {
    if (document.body.dataset.mode === "edit" && dirty()) event.preventDefault();
  });
  on("floor", draw);
  on("problems", draw);
  return { ask, draw };
}
