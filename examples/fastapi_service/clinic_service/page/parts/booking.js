/* One time: kept while its patient decides, then booked; what else is free if it is not. */

import { command, farewell } from "./api.js";
import { Dialog, alertBox, button, field, form, h, say, showError } from "./dom.js";
import { described } from "./times.js";

const MINUTES = 10; // so long a time is kept
const WARNED = 60; // seconds before the end, when it is said

export const own = new Set(); // ids of the slots that this page keeps: taken for all others
let released = Promise.resolve(); // what was given back is free before anything else is kept

/* `slot` has slot_id, provider, appointment_type and start. `changed` is called when it may be
 * free or taken now. */
export function booking(clinic, slot, changed) {
  const { names, zones } = clinic;
  let tried = slot;
  let hold = null; // { id, ends } while it is kept
  let ticking = null;
  let reason = "";

  const dialog = new Dialog("Keeping this time for you…", release);
  addEventListener("pagehide", leaving);

  const zone = (one) => zones[one.provider] || zones[slot.provider] || "UTC";
  const begins = (one) => one.start || one.start_time;
  const name = (one) => names.provider[one.provider] || one.provider;
  const facts = (one) => h("dl", { class: "facts" },
    h("div", {}, h("dt", {}, "When"), h("dd", {}, described(begins(one), zone(one)))),
    h("div", {}, h("dt", {}, "What"), h("dd", {}, names.type[one.appointment_type] || one.appointment_type)),
    h("div", {}, h("dt", {}, "With"), h("dd", {}, name(one))),
    one.location?.address && h("div", {}, h("dt", {}, "Where"), h("dd", {}, one.location.address)));
  const closing = (label) => button(label, () => dialog.close());

  function leaving() {
    if (hold) farewell("DELETE", `/api/v1/holds/${encodeURIComponent(hold.id)}`);
  }

  /* The dialog is closed. */
  function release() {
    removeEventListener("pagehide", leaving);
    giveBack();
  }

  /* What is still kept is not to be booked. */
  function giveBack() {
    clearInterval(ticking);
    const held = hold;
    hold = null;
    if (held) released = command("DELETE", `/api/v1/holds/${encodeURIComponent(held.id)}`).catch(() => {}).finally(over);
    else over();
  }

  /* This page keeps it no more, whoever has it now. */
  function over() {
    own.delete(tried.slot_id);
    changed();
  }

  async function keep(one) {
    tried = one;
    dialog.busy = true; // it is not closed while nobody knows whether the time is kept
    await released;
    own.add(one.slot_id);
    try {
      const told = await command("POST", "/api/v1/holds", { slot_id: one.slot_id, minutes: MINUTES });
      hold = { id: told.id, ends: Date.now() + MINUTES * 60_000 };
      decide();
    } catch (error) {
      over();
      instead("This time is not free any more", error);
    } finally {
      dialog.busy = false;
    }
  }

  /* It is kept: what for? */
  function decide() {
    const left = h("p", { class: "left" });
    const warned = h("p", { class: "notice", role: "status" });
    const control = h("textarea", { name: "reason", rows: 3, maxlength: 500 });
    control.value = reason;
    control.addEventListener("input", () => { reason = control.value; });
    const made = form({}, book,
      field("Reason for the visit (optional)", control),
      left, warned,
      h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Book this time"), button("Do not book", () => { if (!dialog.busy) dialog.close(); })));
    dialog.show("Book this time?", [facts(tried), made], control);
    const tick = () => {
      if (!hold) return;
      const seconds = Math.round((hold.ends - Date.now()) / 1000);
      if (seconds <= 0 && !dialog.busy) {
        expired();
        return;
      }
      const clock = `${Math.floor(Math.max(seconds, 0) / 60)}:${String(Math.max(seconds, 0) % 60).padStart(2, "0")}`;
      left.textContent = `Kept for you for another ${clock}`;
      if (seconds <= WARNED && !warned.textContent) warned.textContent = "It is kept for less than a minute.";
    };
    clearInterval(ticking);
    ticking = setInterval(tick, 500);
    tick();
  }

  function expired() {
    clearInterval(ticking);
    hold = null;
    over();
    const text = `The time was kept for ${MINUTES} minutes, and is not any more. Nothing was booked.`;
    dialog.show("The time ran out", [
      facts(tried),
      h("p", { class: "notice", role: "alert" }, text),
      h("div", { class: "actions" }, button("Keep it again", () => keep(tried), { class: "main" }), closing("Close")),
    ]);
  }

  async function book() {
    if (!hold) return;
    dialog.busy = true;
    try {
      await command("POST", `/api/v1/holds/${encodeURIComponent(hold.id)}/confirm`, { reason });
    } catch (error) {
      const why = error.violations?.length || error.alternatives?.length;
      if (error.status === 409 && !why) expired();
      else if (error.status === 404 || error.status === 409) {
        giveBack();
        instead("This time could not be booked", error);
      } else throw error;
      return;
    } finally {
      dialog.busy = false;
    }
    clearInterval(ticking);
    hold = null;
    over();
    dialog.show("Your visit is booked", [
      facts(tried),
      h("div", { class: "actions" }, closing("Close"), h("a", { class: "button", href: "#/visits" }, "Show my visits")),
    ]);
    say(`Booked: ${described(begins(tried), zone(tried))}`);
  }

  /* It is not to be had. What is free instead can be taken at once. */
  function instead(title, error) {
    clearInterval(ticking);
    const free = error.alternatives || [];
    const choices = free.map((one) => {
      const made = button("", () => keep(one), { class: "choice" });
      made.append(h("span", { class: "time" }, described(one.start_time, zone(one))), h("span", { class: "whose" }, name(one)));
      return h("li", {}, made);
    });
    const box = alertBox();
    const lost = error.violations?.length > 0 && error.violations.every((one) => one.reason === "taken");
    if (lost) box.textContent = `Somebody was faster: ${name(tried)} is not free on ${described(begins(tried), zone(tried))}.`;
    else showError(box, error);
    dialog.show(error.status === 409 ? title : "That did not work", [
      box,
      free.length > 0 && h("p", {}, "These times are free instead:"),
      free.length > 0 && h("ul", { class: "choices" }, ...choices),
      h("div", { class: "actions" }, closing("Close")),
    ].filter(Boolean));
  }

  keep(slot);
}
