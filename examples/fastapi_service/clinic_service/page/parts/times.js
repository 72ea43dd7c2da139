/* Dates and times: on the clinic's wall, and on the viewer's where that differs. */

const LANGUAGE = "en-GB";
const DAY = 86_400_000;
const formats = new Map();

function format(zone, options) {
  const key = `${zone} ${JSON.stringify(options)}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat(LANGUAGE, { timeZone: zone, ...options }));
  }
  return formats.get(key);
}

const at = (date) => new Date(`${date}T00:00:00Z`);

export const viewerZone = () => new Intl.DateTimeFormat().resolvedOptions().timeZone;
export const addDays = (date, days) => new Date(at(date).getTime() + days * DAY).toISOString().slice(0, 10);
export const mondayOf = (date) => addDays(date, -((at(date).getUTCDay() + 6) % 7));

/* What the wall of a zone shows at an instant: { date: "2026-03-02", time: "09:00" }. */
export function wall(instant, zone) {
  const options = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const parts = {};
  for (const { type, value } of format(zone, options).formatToParts(new Date(instant))) parts[type] = value;
  return { date: `${parts.year}-${parts.month}-${parts.day}`, time: `${parts.hour}:${parts.minute}` };
}

export const todayIn = (zone) => wall(Date.now(), zone).date;

/* The first instant of a local date. Where its midnight is skipped, the first there is. */
export function startOf(date, zone) {
  const middle = at(date).getTime();
  let found = middle - 15 * 3_600_000;
  let after = middle + 15 * 3_600_000;
  while (after - found > 60_000) { // dates only go up, so halve
    const half = Math.floor((found + after) / 120_000) * 60_000;
    if (wall(half, zone).date < date) found = half;
    else after = half;
  }
  return new Date(after).toISOString();
}

const short = { weekday: "short", day: "numeric", month: "short" };
const long = { weekday: "long", day: "numeric", month: "long" };
export const dayName = (date) => format("UTC", short).format(at(date));
export const longDay = (date) => format("UTC", { ...long, year: "numeric" }).format(at(date));

export function weekName(monday) {
  const options = { day: "numeric", month: "long", year: "numeric" };
  return format("UTC", options).formatRange(at(monday), at(addDays(monday, 6)));
}

/* "EST": which of two equal times on the wall is meant. */
export function zoneWord(instant, zone) {
  const found = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "short" });
  return found.formatToParts(new Date(instant)).find((one) => one.type === "timeZoneName").value;
}

/* The viewer's time at an instant, with its day where that differs; null if the walls agree. */
export function yours(instant, date, time) {
  const own = wall(instant, viewerZone());
  if (own.date === date && own.time === time) return null;
  return own.date === date ? own.time : `${dayName(own.date)} ${own.time}`;
}

/* "America/New_York" as people write it. */
export const place = (zone) => zone.split("/").pop().replaceAll("_", " ");

/* "Monday 2 March 2026, 09:00 (New York)", and the viewer's beside it. */
export function described(instant, zone) {
  const there = wall(instant, zone);
  const own = yours(instant, there.date, there.time);
  const told = `${longDay(there.date)}, ${there.time}`;
  return own ? `${told} ${place(zone)} time (${own} your time)` : told;
}

/* An ISO 8601 duration of hours and minutes: "30 minutes". */
export function lasting(duration) {
  const [, days, hours, minutes] = /^P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?/.exec(duration) || [];
  const total = (days || 0) * 1440 + (hours || 0) * 60 + Number(minutes || 0);
  return `${total} minutes`;
}
