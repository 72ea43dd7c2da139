/* Elements, dialogs and what is said. Data becomes text, never markup. */

import { Over } from "./api.js";

/* An element. Attributes that begin with "on" listen; false and null leave an attribute out. */
export function h(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((one) => one != null && one !== false));
  return made;
}

let named = 0;
export const newId = (name) => `${name}-${++named}`;

/* Tell it to whoever does not see the screen; politely. */
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = "";
  setTimeout(() => { said.textContent = text; }, 50); // said again, the same is news, too
}

/* A field with its label; `control` is made by `h`. */
export function field(label, control, hint) {
  control.id ||= newId("field");
  const parts = [h("label", { for: control.id }, label), control];
  if (hint) {
    const told = h("p", { class: "hint", id: newId("hint") }, hint);
    control.setAttribute("aria-describedby", told.id);
    parts.push(told);
  }
  return h("div", { class: "field" }, ...parts);
}

/* Let these [value, label] be what can be chosen. */
export function choices(control, options, chosen) {
  control.replaceChildren(...options.map(([value, label]) => h("option", { value }, label)));
  if (options.some(([value]) => value === chosen)) control.value = chosen;
}

export function select(name, options, chosen) {
  const made = h("select", { name });
  choices(made, options, chosen);
  return made;
}

/* What is wrong, in words. */
export function words(error) {
  const told = [...new Set(error.violations?.map((one) => one.message) || [])];
  let text = told.length ? told.join(". ") : error.message;
  if (error.status === 503) text = "The service is busy. Nothing was changed; try again.";
  if (error.status === 404) text = "This is not there any more.";
  if (error.retryAfter && error.status === 429) text += ` Try again in ${error.retryAfter} seconds.`;
  text = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export const alertBox = () => h("p", { class: "error", role: "alert" });

/* Show what is wrong next to the fields it is about, and the rest in the box. */
export function showError(box, error, form) {
  if (error instanceof Over || error.name === "AbortError") return;
  const rest = [];
  for (const one of error.fields || []) {
    const control = form?.elements.namedItem(one.field.split(".").pop());
    if (!control) rest.push(`${one.field.split(".").pop()}: ${one.message}`);
    else wrong(control, one.message);
  }
  const some = form?.querySelector("[aria-invalid]");
  box.textContent = rest.length ? rest.join(". ") : words(error);
  some?.focus();
}

function wrong(control, message) {
  const told = h("p", { class: "error", id: newId("wrong"), "data-wrong": true }, message);
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-errormessage", told.id);
  control.after(told);
}

export function clearErrors(form, box) {
  box.textContent = "";
  for (const one of form.querySelectorAll("[data-wrong]")) one.remove();
  for (const one of form.querySelectorAll("[aria-invalid]")) {
    one.removeAttribute("aria-invalid");
    one.removeAttribute("aria-errormessage");
  }
}

/* Do it once, however often it is clicked. `disabled` would take the focus away from a button. */
export async function once(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

export const button = (label, work, attributes) => {
  const made = h("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", () => once(made, () => work(made)));
  return made;
};

/* A form that is sent once at a time; what is wrong is shown in it. */
export function form(attributes, work, ...children) {
  const box = alertBox();
  const made = h("form", attributes, ...children.slice(0, -1), box, children.at(-1));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    const by = event.submitter || made.querySelector("[type=submit]");
    once(by, async () => {
      clearErrors(made, box);
      try {
        await work(Object.fromEntries(new FormData(made)));
      } catch (error) {
        showError(box, error, made);
      }
    });
  });
  return made;
}

/* A modal dialog. The focus goes back to where it was, or to the heading if that is gone. */
export class Dialog {
  constructor(title, onclose) {
    this.title = h("h2", { id: newId("title"), tabindex: "-1" }, title);
    this.body = h("div");
    this.element = h("dialog", { "aria-labelledby": this.title.id }, this.title, this.body);
    this.busy = false;
    const opener = document.activeElement;
    this.element.addEventListener("cancel", (event) => { if (this.busy) event.preventDefault(); });
    this.element.addEventListener("close", () => {
      this.element.remove();
      const back = opener?.isConnected && opener !== document.body && opener.getClientRects().length;
      (back ? opener : heading()).focus();
      onclose?.();
    });
    document.body.append(this.element);
    this.element.showModal();
    this.title.focus();
  }

  /* Show something else in it; the focus goes to `first`, or to the title, which is read out. */
  show(title, nodes, first) {
    this.title.textContent = title;
    this.body.replaceChildren(...nodes);
    (first || this.title).focus();
  }

  get isOpen() {
    return this.element.open;
  }

  close() {
    if (this.isOpen) this.element.close();
  }
}

/* Ask before something is done that cannot be undone; errors are told where it was asked. */
export function ask(title, text, yes, work) {
  const dialog = new Dialog(title);
  const box = alertBox();
  const go = button(yes, async () => {
    dialog.busy = true;
    box.textContent = "";
    try {
      await work();
      dialog.busy = false;
      dialog.close();
    } catch (error) {
      showError(box, error);
    } finally {
      dialog.busy = false;
    }
  }, { class: "danger" });
  const no = button("Keep it", () => { if (!dialog.busy) dialog.close(); });
  dialog.show(title, [h("p", {}, text), box, h("div", { class: "actions" }, go, no)], no);
}

/* The heading of what is shown. */
export const heading = () => document.querySelector("main h1") || document.getElementById("main");

/* Put other nodes in; the focus stays with what has the same data-key, else goes to the heading. */
export function swap(container, nodes) {
  const held = container.contains(document.activeElement) && document.activeElement.dataset.key;
  const had = container.contains(document.activeElement);
  container.replaceChildren(...nodes);
  if (!had) return;
  const same = held && [...container.querySelectorAll("[data-key]")].find((one) => one.dataset.key === held);
  (same || heading()).focus();
}
