/* The page: who is signed in, and which view they look at. */

import { events, get, signOut } from "./api.js";
import * as book from "./book.js";
import * as day from "./day.js";
import { h, heading } from "./dom.js";
import { registering, signingIn } from "./signin.js";
import * as visits from "./visits.js";
import * as waitlist from "./waitlist.js";

const PATIENT = { book, visits, waitlist };
const STAFF = { day };
const main = document.getElementById("main");
const nav = document.getElementById("nav");
const out = document.getElementById("sign-out");

let clinic = null; // who is signed in, and what there is to choose from
let leave = null; // ends the view that is shown

const views = () => (clinic.me.role === "patient" ? PATIENT : STAFF);
const wanted = () => location.hash.match(/^#\/(\w+)/)?.[1] || "";

/* Show a view from its beginning; the focus goes to its heading, which is read out. */
function show(title, nodes) {
  document.title = `${title} – Clinic appointments`;
  main.replaceChildren(h("h1", { tabindex: "-1" }, title), ...nodes);
  heading().focus();
}

function route() {
  if (location.hash === "#main") return; // the skip link
  leave?.();
  leave = null;
  for (const open of document.querySelectorAll("dialog[open]")) open.close();
  nav.hidden = out.hidden = !clinic;
  if (!clinic) {
    if (wanted() === "register") show("Register as a patient", registering(enter));
    else show("Sign in", signingIn(enter));
    return;
  }
  const known = views();
  const name = known[wanted()] ? wanted() : Object.keys(known)[0];
  nav.firstElementChild.replaceChildren(...Object.entries(known).map(([one, view]) =>
    h("li", {}, h("a", { href: `#/${one}`, "aria-current": one === name && "page" }, view.TITLE))));
  const shown = known[name].view(clinic);
  leave = shown.leave;
  show(known[name].TITLE, shown.nodes);
}

/* Whoever has just signed in: read who it is and what there is, then show the first view. */
async function enter() {
  const [me, locations, providers, types] = await Promise.all(
    ["/api/auth/me", "/api/v1/locations", "/api/v1/providers", "/api/v1/appointment-types"].map((one) => get(one)),
  );
  const named = (some, key) => Object.fromEntries(some.map((one) => [one[key], one.name || one[key]]));
  const names = { provider: named(providers, "id"), location: named(locations, "id"), type: named(types, "code") };
  clinic = { me, locations, providers, types, names, zones: {}, chosen: {} };
  history.replaceState(null, "", "#/");
  route();
}

function away(why) {
  clinic = null;
  history.replaceState(null, "", "#/");
  route();
  if (why) main.firstElementChild.after(h("p", { class: "notice", role: "alert" }, why));
}

out.addEventListener("click", async () => {
  const gone = signOut();
  away();
  await gone;
});
events.addEventListener("over", (event) => away(event.detail));
addEventListener("hashchange", route);
route();
