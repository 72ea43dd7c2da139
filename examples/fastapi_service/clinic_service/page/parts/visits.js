/* A patient's own appointments. */

import { command, get } from "./api.js";
import { alertBox, ask, button, h, heading, say, showError, swap } from "./dom.js";
import { follow, soon } from "./follow.js";
import { described } from "./times.js";

export const TITLE = "My visits";
export const STATUS = {
  scheduled: "Booked", pending: "Requested", proposed: "Proposed", arrived: "Arrived", "checked-in": "Checked in",
  completed: "Took place", no_show: "Did not come", cancelled: "Cancelled", waitlist: "Waiting",
};

export function view(clinic) {
  const { me, names } = clinic;
  const id = encodeURIComponent(me.patient_id);
  const box = alertBox();
  const coming = h("ul", { class: "cards" });
  const past = h("ul", { class: "cards" });
  const empty = h("p", { class: "hint", hidden: true }, "No visit is booked. ", h("a", { href: "#/book" }, "Book one"));
  const others = h("details", { hidden: true }, h("summary", {}, "Past and cancelled visits"), past);
  let before = "";

  /* Instants and names from one list, the zone that was agreed on from the other. */
  async function read(unasked) {
    const [walls, found] = await Promise.all([get(`/api/patients/${id}/appointments`, { unasked }), all(unasked)]);
    const zones = Object.fromEntries(walls.map((one) => [one.id, one.timezone]));
    put(found.map((one) => ({ ...one, timezone: zones[one.id] || "UTC" })));
  }

  async function all(unasked) {
    const found = [];
    for (let page = 1; ; page += 1) {
      const params = { page, page_size: 1000 };
      const told = await get(`/api/v1/appointments/by-patient/${id}/`, { params, unasked });
      found.push(...told.results);
      if (!told.next) return found;
    }
  }

  function put(found) {
    if (JSON.stringify(found) === before) return;
    before = JSON.stringify(found);
    const open = (one) => one.status !== "cancelled" && Date.parse(one.end_time) > Date.now();
    swap(coming, found.filter(open).map(card));
    swap(past, found.filter((one) => !open(one)).reverse().map(card));
    empty.hidden = coming.children.length > 0;
    others.hidden = past.children.length === 0;
  }

  function card(one) {
    const when = described(one.start_time, one.timezone);
    const can = ["scheduled", "pending"].includes(one.status) && Date.parse(one.start_time) > Date.now();
    const what = names.type[one.appointment_type] || one.appointment_type;
    return h("li", { class: `card visit ${one.status}` },
      h("h2", {}, when),
      h("p", {}, [what, one.provider_name || one.provider, one.facility_name].filter(Boolean).join(" · ")),
      one.reason && h("p", { class: "reason" }, one.reason),
      h("p", { class: "status" }, STATUS[one.status] || one.status),
      can && h("div", { class: "actions" },
        button("Cancel this visit", () => cancel(one, when), { "data-key": one.id, "aria-label": `Cancel this visit, ${when}` })));
  }

  function cancel(one, when) {
    ask("Cancel this visit?", `${when}. The time will be free for others.`, "Cancel the visit", async () => {
      await command("POST", `/api/v1/appointments/${encodeURIComponent(one.id)}/cancel/`);
      await read(false);
      heading().focus();
      say(`Cancelled: ${when}`);
    });
  }

  const look = soon(() => read(true));
  const stop = follow(look, () => {});
  read(false).catch((error) => showError(box, error));
  return { nodes: [box, empty, coming, others], leave() { stop(); look.stop(); } };
}
