/* Waiting for a time that suits: offers that came, what is waited for, and joining. */

import { command, get } from "./api.js";
import { alertBox, ask, button, field, form, h, heading, newId, say, select, showError, swap } from "./dom.js";
import { follow, soon } from "./follow.js";
import { addDays, described, longDay, todayIn, viewerZone, wall } from "./times.js";

export const TITLE = "Waitlist";
const STATUS = {
  waiting: "Waiting", offered: "A time is offered to you", booked: "Booked", left: "Left", lapsed: "The dates are past", removed: "Ended",
};

export function view(clinic) {
  const { names, providers, types, zones, chosen } = clinic;
  const box = alertBox();
  const offers = h("ul", { class: "cards" });
  const entries = h("ul", { class: "cards" });
  const offered = h("section", { "aria-labelledby": newId("offers"), hidden: true });
  offered.append(h("h2", { id: offered.getAttribute("aria-labelledby") }, "Offered to you"), offers);
  const nobody = h("p", { class: "hint" }, "You are not waiting for anything.");
  let before = "";

  async function read(unasked) {
    const how = { unasked };
    const [live, mine] = await Promise.all([get("/api/v1/offers", how), get("/api/v1/waitlist", how)]);
    const waits = mine.filter((one) => ["waiting", "offered"].includes(one.status));
    const places = await Promise.all(waits.map((one) =>
      get(`/api/v1/waitlist/${encodeURIComponent(one.id)}/position`, how).catch(() => null)));
    await Promise.all([...new Set(live.map((one) => one.provider))].filter((one) => !zones[one]).map(learnZone));
    const now = JSON.stringify([live, mine, places]);
    if (now === before) return;
    const more = before && live.length > offers.children.length;
    before = now;
    swap(offers, live.map(offer));
    swap(entries, waits.map((one, number) => entry(one, places[number])));
    offered.hidden = live.length === 0;
    nobody.hidden = waits.length > 0;
    if (more) say("A time is offered to you.");
  }

  /* The zone of a provider's clinic, as far as anything tells it. */
  async function learnZone(provider) {
    zones[provider] = await zoneOf(clinic, provider);
  }

  function offer(one) {
    const zone = zones[one.provider];
    const when = described(one.start, zone);
    const path = `/api/v1/offers/${encodeURIComponent(one.id)}`;
    const error = alertBox();
    const answer = (how, said) => async () => {
      error.textContent = "";
      try {
        await command("POST", `${path}/${how}`, {});
        await read(false);
        heading().focus();
        say(`${said}: ${when}`);
      } catch (problem) {
        showError(error, problem);
        if (problem.status === 409) error.textContent = "This offer does not stand any more.";
      }
    };
    return h("li", { class: "card offer" },
      h("h3", {}, when),
      h("p", {}, `${names.type[one.type] || one.type} · ${names.provider[one.provider] || one.provider}`),
      h("p", { class: "hint" }, `It is kept for you until ${wall(one.expires, viewerZone()).time} your time.`),
      error,
      h("div", { class: "actions" },
        button("Accept", answer("accept", "Booked"), { class: "main", "data-key": `yes ${one.id}`, "aria-label": `Accept ${when}` }),
        button("Decline", answer("decline", "Declined"), { "data-key": `no ${one.id}`, "aria-label": `Decline ${when}` })));
  }

  function entry(one, position) {
    const who = one.providers.map((id) => names.provider[id] || id).join(", ") || "anyone";
    const what = `${names.type[one.type] || one.type} with ${who}`;
    const leave = () => ask("Leave the waitlist?", `${what}. You would lose your place.`, "Leave the waitlist", async () => {
      await command("DELETE", `/api/v1/waitlist/${encodeURIComponent(one.id)}`);
      await read(false);
      heading().focus();
      say("You left the waitlist.");
    });
    return h("li", { class: "card entry" },
      h("h3", {}, what),
      h("p", {}, `${longDay(one.earliest)} to ${longDay(one.latest)}`),
      h("p", { class: "status" }, STATUS[one.status] || one.status,
        position && one.status === "waiting" && ` – number ${position.position} of ${position.among}`),
      h("div", { class: "actions" }, button("Leave", leave, { "data-key": one.id, "aria-label": `Leave the waitlist: ${what}` })));
  }

  const today = todayIn(viewerZone());
  const first = h("input", { type: "date", name: "earliest", required: true, value: today, min: today });
  const last = h("input", { type: "date", name: "latest", required: true, value: addDays(today, 28), min: today });
  first.addEventListener("change", () => { if (last.value < first.value) last.value = first.value; });
  const joining = form({ class: "card medium" }, async (said) => {
    if (said.latest < said.earliest) throw new Error("The last date comes before the first.");
    const { provider, ...rest } = said;
    const body = provider ? { ...rest, providers: [provider] } : rest;
    try {
      await command("POST", "/api/v1/waitlist", body);
    } catch (error) {
      if (error.status === 409 && !error.violations.length) throw new Error("You are waiting for this already.");
      throw error;
    }
    await read(false);
    say("You are on the waitlist.");
    joined.focus();
  },
  field("Visit", select("type", types.map((one) => [one.code, one.name || one.code]), chosen.type)),
  field("With", select("provider", [["", "Anyone"], ...providers.map((one) => [one.id, one.name || one.id])], chosen.provider)),
  h("div", { class: "pair" }, field("From", first), field("To", last)),
  field("Notes (optional)", h("textarea", { name: "notes", rows: 2, maxlength: 500 })),
  h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Join the waitlist")));

  const joined = h("h2", { tabindex: "-1" }, "You wait for");
  const look = soon(() => read(true));
  const stop = follow(look, () => {});
  read(false).catch((error) => showError(box, error));
  return {
    nodes: [box, offered, joined, nobody, entries, h("h2", {}, "Join"), joining],
    leave() { stop(); look.stop(); },
  };
}

/* A zone that a location or provider states, or that of the next free time there; else UTC. */
export async function zoneOf(clinic, provider) {
  const told = clinic.providers.find((one) => one.id === provider);
  const there = clinic.locations.find((one) => one.id === told?.location);
  if (there?.timezone || told?.timezone) return there?.timezone || told.timezone;
  const today = todayIn("UTC");
  const params = { providers: provider, start_date: today, end_date: addDays(today, 180), limit: 1 };
  const { slots } = await get("/api/v1/slots", { params });
  return slots[0]?.timezone || "UTC";
}
