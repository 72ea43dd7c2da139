/* The day of a clinic for those who work there: who comes when, as it changes. */

import { command, get } from "./api.js";
import { alertBox, ask, button, field, h, heading, newId, say, select, showError, swap } from "./dom.js";
import { follow, soon } from "./follow.js";
import { addDays, longDay, place, startOf, todayIn, viewerZone, wall, yours } from "./times.js";
import { STATUS } from "./visits.js";
import { zoneOf } from "./waitlist.js";

export const TITLE = "Day";

export function view(clinic) {
  const { me, locations, names, zones, chosen } = clinic;
  const providers = clinic.providers.filter((one) => !me.physician_id || one.id === me.physician_id);
  const places = locations.filter((one) => !me.physician_id || providers.some((own) => own.location === one.id));
  chosen.location ??= (places.find((one) => me.locations.includes(one.id)) || places[0])?.id ?? "";
  const without = new Set(); // providers who are not looked at
  const rows = new Map(); // provider -> their appointments
  let zone = null;
  let date = null;
  let loading = 0;

  const where = select("location", places.map((one) => [one.id, one.name || one.id]), chosen.location);
  const when = h("input", { type: "date", name: "date", required: true });
  const boxes = h("div", { class: "boxes" });
  const who = h("fieldset", {}, h("legend", {}, "Providers"), boxes);
  const title = h("h2", { id: newId("day") });
  const count = h("p", { class: "count", role: "status" });
  const note = h("p", { class: "hint" });
  const live = h("p", { class: "live", role: "status" });
  const box = alertBox();
  const list = h("ol", { class: "agenda", "aria-labelledby": title.id });

  const here = () => providers.filter((one) => !places.length || one.location === chosen.location);
  const looked = () => here().filter((one) => !without.has(one.id)).map((one) => one.id);

  function listProviders() {
    boxes.replaceChildren(...here().map((one) => {
      const box = h("input", { type: "checkbox", checked: !without.has(one.id), id: newId("who") });
      box.addEventListener("change", () => {
        if (box.checked) without.delete(one.id);
        else without.add(one.id);
        fresh();
      });
      return h("div", {}, box, h("label", { for: box.id }, one.name || one.id));
    }));
  }

  where.addEventListener("change", () => { chosen.location = where.value; zone = null; listProviders(); fresh(); });
  when.addEventListener("change", () => { if (when.value && when.checkValidity()) go(when.value); });

  function go(day) {
    date = day;
    return fresh();
  }

  /* The appointments of one provider on the day. */
  async function read(provider, unasked) {
    const params = {
      start_after: startOf(date, zone), start_before: startOf(addDays(date, 1), zone), page_size: 1000,
    };
    const told = await get("/api/v1/appointments/", { params: { ...params, provider }, unasked });
    return told.results;
  }

  async function fresh() {
    const mine = ++loading;
    box.textContent = "";
    try {
      const some = looked();
      zone ??= here().length ? await zoneOf(clinic, here()[0].id) : viewerZone();
      date ??= todayIn(zone);
      title.textContent = longDay(date);
      when.value = date;
      const found = await Promise.all(some.map((one) => read(one, false)));
      if (mine !== loading) return;
      rows.clear();
      some.forEach((one, number) => rows.set(one, found[number]));
      put();
    } catch (error) {
      if (mine === loading) showError(box, error);
    }
  }

  const wanted = new Set(); // whose day may be another now
  async function again() {
    const mine = loading;
    const some = [...wanted].filter((one) => rows.has(one));
    wanted.clear();
    let found;
    try {
      found = await Promise.all(some.map((one) => read(one, true)));
    } catch (error) {
      some.forEach((one) => wanted.add(one));
      throw error;
    }
    if (mine !== loading) return;
    const before = JSON.stringify([...rows]);
    const [had, has] = [some.flatMap((one) => rows.get(one)), found.flat()];
    some.forEach((one, number) => rows.set(one, found[number]));
    if (JSON.stringify([...rows]) === before) return;
    put();
    const old = new Map(had.map((one) => [one.id, JSON.stringify(one)]));
    const fresh = has.filter((one) => !old.has(one.id)).length;
    const other = has.filter((one) => old.has(one.id) && old.get(one.id) !== JSON.stringify(one)).length;
    say(`Updated: ${fresh} new, ${other} changed.`);
  }

  function put() {
    const all = [...rows.values()].flat();
    all.sort((a, b) => a.start_time.localeCompare(b.start_time) || a.provider_name.localeCompare(b.provider_name));
    swap(list, all.map(row));
    const open = all.filter((one) => one.status !== "cancelled").length;
    count.textContent = open === 1 ? "1 appointment" : `${open || "No"} appointments`;
    const differs = wall(Date.now(), zone).time !== wall(Date.now(), viewerZone()).time;
    note.textContent = `Times are those of the clinic: ${place(zone)}.${differs ? ` Yours (${place(viewerZone())}) stand below them.` : ""}`;
  }

  function row(one) {
    const start = wall(one.start_time, zone);
    const own = yours(one.start_time, start.date, start.time);
    const patient = one.patient_name || `Patient ${one.patient}`;
    const can = ["scheduled", "pending"].includes(one.status);
    return h("li", { class: `visit ${one.status}` },
      h("p", { class: "when" }, h("span", { class: "time" }, `${start.time}–${wall(one.end_time, zone).time}`),
        own && h("span", { class: "yours" }, `${own} your time`)),
      h("div", { class: "about" },
        h("h3", {}, patient),
        h("p", {}, [names.type[one.appointment_type] || one.appointment_type, one.provider_name || one.provider].join(" · ")),
        one.reason && h("p", { class: "reason" }, one.reason)),
      h("p", { class: "status" }, STATUS[one.status] || one.status),
      can && button("Cancel", () => cancel(one, patient, start.time), { "data-key": one.id, "aria-label": `Cancel ${patient}, ${start.time}` }));
  }

  function cancel(one, patient, time) {
    ask("Cancel this appointment?", `${patient}, ${time}.`, "Cancel the appointment", async () => {
      await command("POST", `/api/v1/appointments/${encodeURIComponent(one.id)}/cancel/`);
      await fresh();
      heading().focus();
      say(`Cancelled: ${patient}, ${time}`);
    });
  }

  const look = soon(again);
  function changed(change) {
    if (!zone || !date) return;
    if (change.event === "time") {
      if (change.kind !== "provider" || !rows.has(change.id)) return;
      const low = Date.parse(startOf(addDays(date, -1), zone));
      const high = Date.parse(startOf(addDays(date, 2), zone)); // buffers are told with the time
      if (Date.parse(change.end) <= low || Date.parse(change.start) >= high) return;
    }
    if (change.kind === "provider" && change.id) wanted.add(change.id);
    else for (const one of rows.keys()) wanted.add(one);
    look();
  }
  const stop = follow(changed, (state) => {
    const text = state === "live" ? "Live" : "The connection is lost, trying again";
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("lost", state !== "live");
  });

  listProviders();
  fresh();
  const bar = h("div", { class: "bar" },
    button("‹ Previous", () => date && go(addDays(date, -1)), { "aria-label": "Previous day" }),
    button("Today", () => zone && go(todayIn(zone))),
    button("Next ›", () => date && go(addDays(date, 1)), { "aria-label": "Next day" }),
    field("Date", when));
  const wishes = h("form", { class: "card wishes" }, places.length > 0 && field("Clinic", where), who);
  wishes.addEventListener("submit", (event) => event.preventDefault());
  const agenda = h("section", { "aria-labelledby": title.id }, title, bar, h("div", { class: "states" }, count, live), note, box, list);
  return { nodes: [wishes, agenda], leave() { stop(); look.stop(); loading += 1; } };
}
