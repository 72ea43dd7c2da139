/* The service as this page calls it: tokens, one refresh at a time, keys, problems.
 *
 * The tokens are in memory only. Nothing is left behind on a shared computer, and a tab that is
 * duplicated does not copy a refresh token: one that comes twice ends its session. */

const SOON = 30_000; // milliseconds before its end, from which on a token is not used any more
const AGAIN_AFTER = [400, 1500]; // milliseconds before a request without an answer is sent again

let session = null; // { access, refresh, until, since }
let refreshing = null;
let touched = Date.now();
let skew = 0;

export const events = new EventTarget(); // "over": the session has ended; detail says why
for (const sign of ["pointerdown", "keydown"]) {
  addEventListener(sign, () => { touched = Date.now(); }, { capture: true, passive: true });
}

/* What the service refused, as RFC 9457 problem details. */
export class Problem extends Error {
  constructor(status, told, retryAfter) {
    super(told.detail || told.title || "The service did not say what is wrong.");
    this.status = status;
    this.kind = (told.type || "").split(":").pop();
    this.fields = told.errors || [];
    this.violations = told.violations || [];
    this.alternatives = told.alternatives || [];
    this.retryAfter = retryAfter;
  }
}

/* No answer at all: the network, or the server, is away. */
export class Unreachable extends Error {
  constructor() {
    super("The service cannot be reached. Check the connection and try again.");
  }
}

/* Nobody is signed in any more, or nobody is there for whom to go on. */
export class Over extends Error {}

/* The server's own time, as well as the last answer tells it, in milliseconds. */
export const now = () => Date.now() + skew;

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID() wants https
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

async function sent(path, init) {
  const response = await fetch(path, { cache: "no-store", ...init });
  const date = Date.parse(response.headers.get("Date"));
  if (date) skew = date - Date.now();
  return response;
}

async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  return new Problem(response.status, told, Number(response.headers.get("Retry-After")) || null);
}

function json(method, body, signal) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return { method, headers, body: body && JSON.stringify(body), signal };
}

/* Send it until there is an answer; only what does the same when it is sent twice. */
async function answered(path, init) {
  for (const wait of [...AGAIN_AFTER, null]) {
    try {
      const response = await sent(path, init);
      if (response.status !== 503 || wait === null) return response;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (wait === null) throw new Unreachable();
    }
    await pause(wait);
  }
}

/* A call of nobody: to sign in, to register. */
async function open(path, body) {
  let response;
  try {
    response = await sent(path, json("POST", body));
  } catch {
    throw new Unreachable();
  }
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

function keep(told) {
  const since = Date.now();
  const [access, refresh] = [told.access_token, told.refresh_token];
  session = { access, refresh, since, until: since + told.expires_in * 1000 };
}

export async function signIn(said) {
  keep(await open("/api/auth/login", said));
}

export const register = (said) => open("/api/auth/register", said);

export async function signOut() {
  const ended = session;
  session = null;
  const headers = { Authorization: `Bearer ${ended.access}` };
  await fetch("/api/auth/logout", { method: "POST", headers }).catch(() => {});
}

function end(mine, why) {
  if (session !== mine) return; // somebody has signed in since
  session = null;
  events.dispatchEvent(new CustomEvent("over", { detail: why }));
}

function refresh() {
  refreshing ??= (async () => {
    const mine = session;
    try {
      const told = await open("/api/auth/refresh", { refresh_token: mine.refresh });
      if (session === mine) keep(told);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      end(mine, "You were signed out. Sign in again to go on.");
      throw new Over();
    } finally {
      refreshing = null;
    }
  })();
  return refreshing;
}

/* An access token that is still good. What nobody asked for does not keep a session alive: the
 * page goes on by itself only while somebody has used it since the last refresh. */
async function access(unasked) {
  if (!session) throw new Over();
  if (session.until - Date.now() < SOON) {
    if (unasked && touched < session.since) throw new Over();
    await refresh();
  }
  if (!session) throw new Over();
  return session.access;
}

async function authorised(path, init, unasked, send) {
  for (const last of [false, true]) {
    const token = await access(unasked);
    const mine = session;
    const headers = { ...init.headers, Authorization: `Bearer ${token}` };
    const response = await send(path, { ...init, headers });
    if (response.status !== 401) return response;
    if (last || session !== mine) {
      end(mine, "You were signed out. Sign in again to go on.");
      throw new Over();
    }
    await refresh();
  }
}

/* What is there. `unasked`: the page looks by itself, nobody asked for it. */
export async function get(path, { params, signal, unasked = false } = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(params || {})) {
    for (const one of [value].flat()) if (one !== null && one !== "") asked.append(name, one);
  }
  const url = params ? `${path}?${asked}` : path;
  const response = await authorised(url, json("GET", undefined, signal), unasked, answered);
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

/* A command, under a key of its own: however often it is sent, it is done once. */
export async function command(method, path, body) {
  const init = json(method, body);
  init.headers["Idempotency-Key"] = newKey();
  const response = await authorised(path, init, false, answered);
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

/* The last word of a page that is being left; nobody waits for the answer. */
export function farewell(method, path) {
  if (!session) return;
  const headers = { Authorization: `Bearer ${session.access}`, "Idempotency-Key": newKey() };
  fetch(path, { method, headers, keepalive: true }).catch(() => {});
}

/* A stream: EventSource could not send the token. */
export async function stream(path, headers, signal) {
  const response = await authorised(path, { headers, signal }, true, sent);
  if (!response.ok) throw await problemOf(response);
  return response.body;
}

// Whoever reads or writes for long, without a request, is there all the same.
setInterval(() => {
  const soon = session && session.until - Date.now() < 2 * SOON;
  if (soon && touched > session.since) refresh().catch(() => {});
}, SOON / 2);
