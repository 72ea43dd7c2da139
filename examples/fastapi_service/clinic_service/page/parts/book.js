/* The week of a patient: free times to choose from, on the clinic's wall, as they come and go. */

import { get } from "./api.js";
import { booking, own } from "./booking.js";
import { alertBox, button, choices, field, h, newId, say, select, showError } from "./dom.js";
import { follow, soon } from "./follow.js";
import { addDays, dayName, lasting, longDay, mondayOf, place, todayIn, viewerZone, weekName, yours, zoneWord } from "./times.js";

export const TITLE = "Book a visit";
const HALF_YEAR = 180; // days that are searched for the next free time

/* All slots of some dates, page by page. */
async function slotsOf(asked, how) {
  const found = [];
  let cursor = null;
  do {
    const page = await get("/api/v1/slots", { ...how, params: { ...asked, limit: 1000, cursor } });
    found.push(...page.slots);
    cursor = page.next;
  } while (cursor);
  return found;
}

export function view(clinic) {
  const { locations, providers, types, names, zones, chosen } = clinic;
  chosen.location ??= "";
  chosen.provider ??= "";
  chosen.type ??= types[0]?.code || "";
  const shown = new Map(); // slot id -> { slot, free, item }
  let monday = mondayOf(chosen.date || todayIn(viewerZone()));
  let loading = new AbortController();

  // ---- what is chosen
  const clinics = select("location", [["", "Any clinic"], ...locations.map((one) => [one.id, one.name || one.id])], chosen.location);
  const who = select("provider", []);
  const what = select("type", types.map((one) => [one.code, `${one.name || one.code}, ${lasting(one.duration)}`]), chosen.type);
  const when = h("input", { type: "date", name: "date", required: true });

  function listProviders() {
    const some = providers.filter((one) => !chosen.location || one.location === chosen.location);
    if (!some.some((one) => one.id === chosen.provider)) chosen.provider = "";
    const labelled = some.map((one) => [one.id, [one.name || one.id, ...one.specialties].join(", ")]);
    choices(who, [["", "Anyone"], ...labelled], chosen.provider);
  }

  clinics.addEventListener("change", () => { chosen.location = clinics.value; listProviders(); fresh(); });
  who.addEventListener("change", () => { chosen.provider = who.value; fresh(); });
  what.addEventListener("change", () => { chosen.type = what.value; fresh(); });
  when.addEventListener("change", () => { if (when.value && when.checkValidity()) go(when.value); });

  // ---- the week
  const title = h("h2", { id: newId("week"), tabindex: "-1" });
  const count = h("p", { class: "count", role: "status" });
  const zoneNote = h("p", { class: "hint" });
  const box = alertBox();
  const none = h("div", { class: "none", hidden: true });
  const week = h("div", { class: "week", role: "group", "aria-labelledby": title.id });
  const live = h("p", { class: "live", role: "status" });
  week.addEventListener("keydown", move);

  function go(date) {
    monday = mondayOf(date);
    chosen.date = date;
    return fresh();
  }

  const today = () => todayIn(Object.values(zones)[0] || viewerZone());
  const bar = h("div", { class: "bar" },
    button("‹ Previous", () => go(addDays(monday, -7)), { "aria-label": "Previous week" }),
    button("This week", () => go(today())),
    button("Next ›", () => go(addDays(monday, 7)), { "aria-label": "Next week" }),
    field("Week of", when));

  const asked = () => ({
    appointment_type: chosen.type, location: chosen.location || null, providers: chosen.provider || null,
  });
  const days = () => Array.from({ length: 7 }, (_, number) => addDays(monday, number));

  async function read(unasked) {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    const dates = { start_date: monday, end_date: addDays(monday, 6) };
    const found = await slotsOf({ ...asked(), ...dates }, { signal, unasked });
    return signal.aborted ? null : found;
  }

  /* Another week, or other wishes: begin anew. */
  async function fresh() {
    shown.clear();
    title.textContent = weekName(monday);
    when.value = chosen.date || monday;
    box.textContent = "";
    week.hidden = false;
    week.setAttribute("aria-busy", "true");
    try {
      const found = await read(false);
      if (!found) return;
      week.replaceChildren(...days().map(dayOf));
      put(found);
      count.textContent = told(found.length);
      tellNone(found.length === 0);
      week.hidden = found.length === 0;
      week.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name === "AbortError") return;
      week.removeAttribute("aria-busy");
      week.replaceChildren();
      tellNone(false);
      count.textContent = "";
      showError(box, error);
    }
  }

  const told = (many) => (many === 1 ? "1 free time" : `${many || "No"} free times`);

  /* The same week again: what was taken stays where it was, and says so; nothing moves away
   * under a finger, and the focus is not lost. */
  async function again() {
    if (week.hasAttribute("aria-busy")) return;
    const found = await read(true);
    if (!found) return;
    const ids = new Set(found.map((one) => one.slot_id));
    const gone = [...shown.values()].filter(
      (one) => one.free && !ids.has(one.slot.slot_id) && !own.has(one.slot.slot_id));
    const back = found.filter((one) => !shown.get(one.slot_id)?.free);
    for (const one of gone) mark(one, false);
    put(found);
    const news = [said(gone.map((one) => one.slot), "no longer free"), said(back, "free now")].filter(Boolean);
    if (!news.length) return;
    count.textContent = told([...shown.values()].filter((one) => one.free).length); // a status: it is read out, too
    tellNone(found.length === 0);
    week.hidden = shown.size === 0;
    if (gone.length + back.length < 4) say(news.join(" "));
  }

  function tellNone(is) {
    if (!is && none.contains(document.activeElement)) title.focus(); // what is hidden loses it
    none.hidden = !is;
  }

  const said = (some, how) => (some.length ? `${some.map((one) => `${dayName(one.date)} ${one.start_time}`).join(", ")}: ${how}.` : "");

  function dayOf(date) {
    const name = h("h3", { id: newId("day"), "aria-current": date === today() && "date" }, dayName(date));
    const list = h("ul", { "data-date": date });
    return h("section", { class: "day", "aria-labelledby": name.id }, name, list, h("p", { class: "empty" }, "None free"));
  }

  function put(found) {
    for (const slot of found) {
      zones[slot.provider] = slot.timezone;
      const old = shown.get(slot.slot_id);
      if (old) mark(old, true);
      else shown.set(slot.slot_id, made(slot));
    }
    const walls = new Map();
    for (const one of shown.values()) {
      const key = `${one.slot.date} ${one.slot.start_time}`;
      walls.set(key, (walls.get(key) || new Set()).add(one.slot.start));
    }
    for (const list of week.querySelectorAll("ul")) {
      const mine = [...shown.values()].filter((one) => one.slot.date === list.dataset.date);
      mine.sort((a, b) => a.slot.start.localeCompare(b.slot.start) || label(a).localeCompare(label(b)));
      mine.forEach((one, place) => {
        const twice = walls.get(`${one.slot.date} ${one.slot.start_time}`).size > 1;
        if (twice) one.word.textContent = ` ${zoneWord(one.slot.start, one.slot.timezone)}`;
        if (list.children[place] !== one.item) list.insertBefore(one.item, list.children[place] || null);
      });
      list.nextElementSibling.hidden = mine.length > 0;
    }
    const all = [...new Set([...shown.values()].map((one) => one.slot.timezone))];
    const differs = [...shown.values()].some((one) => one.yours);
    zoneNote.textContent = all.length
      ? `Times are those of the clinic: ${all.map(place).join(", ")}.${differs ? ` Yours (${place(viewerZone())}) stand below them.` : ""}`
      : "";
  }

  const label = (one) => names.provider[one.slot.provider] || one.slot.provider;

  function made(slot) {
    const their = yours(slot.start, slot.date, slot.start_time);
    const word = h("span", { class: "word" });
    const one = { slot, free: true, yours: their, word };
    one.state = h("span", { class: "state" });
    one.button = h("button", { type: "button", class: "slot", "data-slot": slot.slot_id },
      h("span", { class: "time" }, slot.start_time, word),
      their && h("span", { class: "yours" }, `${their} your time`),
      !chosen.provider && h("span", { class: "whose" }, label(one)),
      h("span", { class: "unseen" }, `, ${longDay(slot.date)}`),
      one.state);
    one.button.addEventListener("click", () => take(one));
    one.item = h("li", {}, one.button);
    return one;
  }

  function mark(one, free) {
    one.free = free;
    one.button.classList.toggle("gone", !free);
    one.state.textContent = free ? "" : Date.parse(one.slot.start) < Date.now() ? "past" : "taken";
    if (free) one.button.removeAttribute("aria-disabled");
    else one.button.setAttribute("aria-disabled", "true");
  }

  function take(one) {
    if (!one.free) {
      say("This time is no longer free.");
      return;
    }
    booking(clinic, one.slot, look);
  }

  /* Arrows go up and down a day, and from day to day; each time can be reached by Tab as well. */
  function move(event) {
    const lists = [...week.querySelectorAll("ul")].filter((one) => one.children.length);
    const item = event.target.closest("li");
    const day = item && lists.indexOf(item.parentElement);
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    const row = [...lists[day].children].indexOf(item);
    const goal = {
      ArrowUp: [day, row - 1], ArrowDown: [day, row + 1], ArrowLeft: [day - 1, row], ArrowRight: [day + 1, row],
      Home: [day, 0], End: [day, Infinity],
    }[event.key];
    if (!goal) return;
    event.preventDefault();
    const there = lists[goal[0]]?.children;
    if (there && goal[1] >= 0) there[Math.min(goal[1], there.length - 1)].firstElementChild.focus();
  }

  none.append(
    h("p", {}, "There is no free time in this week."),
    h("div", { class: "actions" },
      button("Find the next free time", async () => {
        const first = addDays(monday, 7);
        const params = { ...asked(), start_date: first, end_date: addDays(first, HALF_YEAR), limit: 1 };
        try {
          const { slots } = await get("/api/v1/slots", { params });
          if (!slots.length) say(none.firstElementChild.textContent = "There is no free time in the next half year.");
          else await go(slots[0].date).then(() => week.querySelector(".slot")?.focus());
        } catch (error) {
          showError(box, error);
        }
      }),
      h("a", { href: "#/waitlist", class: "button" }, "Join the waitlist")));

  // ---- what changes
  const look = soon(again);
  function changed(change) {
    if (change.event === "time") {
      if (change.end < `${addDays(monday, -1)}T10` || change.start > `${addDays(monday, 8)}T14`) return;
      if (change.kind === "provider" && chosen.provider && change.id !== chosen.provider) return;
    }
    if (change.event === "type" && change.type !== chosen.type) return;
    look();
  }
  const stop = follow(changed, (state) => {
    const text = state === "live" ? "" : "The connection is lost. What you see may be out of date.";
    if (live.textContent !== text) live.textContent = text;
  });

  listProviders();
  fresh();
  const wishes = h("form", { class: "card wishes" }, field("Clinic", clinics), field("With", who), field("Visit", what));
  wishes.addEventListener("submit", (event) => event.preventDefault());
  const hint = h("p", { class: "hint keys" }, "Choose a time to keep it while you decide. With the keyboard: Tab, or the arrow keys within the week.");
  const shownWeek = h("section", { "aria-labelledby": title.id }, title, bar, count, live, zoneNote, box, none, week, hint);
  return {
    nodes: [wishes, shownWeek],
    leave() {
      stop();
      look.stop();
      loading.abort();
    },
  };
}
