/* Follows what changes, as server-sent events: from where it was, whenever the line breaks. */

import { Over, Problem, events, now, pause, stream } from "./api.js";

const LONGEST = 30_000; // milliseconds between two tries
const SILENCE = 30_000; // milliseconds without a word, after which the line is dead

/* Tell `onChange` each change { event, kind, id, start, end, type }, and `onState` "live" or "lost".
 * Returns how to stop. What ends by itself is told again when it ends: nobody else says so. */
export function follow(onChange, onState) {
  const stopped = new AbortController();
  const timers = new Set();
  let last = null;
  let wait = 500;

  function tell(change) {
    onChange(change);
    const left = change.expires ? Date.parse(change.expires) - now() + 1000 : -1;
    if (left <= 0 || left > 86_400_000) return;
    const timer = setTimeout(() => { timers.delete(timer); onChange(change); }, left);
    timers.add(timer);
  }

  async function read() {
    const line = new AbortController();
    const signal = AbortSignal.any([line.signal, stopped.signal]);
    let silent = setTimeout(() => line.abort(), SILENCE);
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const body = await stream("/api/v1/changes", headers, signal);
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(silent);
        silent = setTimeout(() => line.abort(), SILENCE);
        wait = 500;
        onState("live");
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) parse(block);
      }
    } finally {
      clearTimeout(silent);
    }
  }

  function parse(block) {
    const told = {};
    for (const one of block.split("\n")) {
      const colon = one.indexOf(":");
      if (colon > 0) told[one.slice(0, colon)] = one.slice(colon + 1).trim();
    }
    if (told.id) last = told.id;
    if (told.event) tell({ ...JSON.parse(told.data || "{}"), event: told.event });
  }

  (async () => {
    while (!stopped.signal.aborted) {
      try {
        await read();
      } catch (error) {
        if (error instanceof Over && !stopped.signal.aborted) await touched(stopped.signal);
        if (error instanceof Problem && error.status === 422) last = null; // it is told "all" then
      }
      if (stopped.signal.aborted) return;
      onState("lost");
      await Promise.race([pause(wait * (0.5 + Math.random())), back()]);
      wait = Math.min(wait * 2, LONGEST);
    }
  })();

  const over = () => stop();
  events.addEventListener("over", over);
  function stop() {
    events.removeEventListener("over", over);
    stopped.abort();
    timers.forEach(clearTimeout);
  }
  return stop;
}

const back = () => new Promise((done) => addEventListener("online", done, { once: true }));

/* Nobody has used the page for long, so it does not go on by itself: until somebody does. */
function touched(signal) {
  return new Promise((done) => {
    if (signal.aborted) { done(); return; }
    for (const sign of ["pointerdown", "keydown"]) addEventListener(sign, done, { once: true, signal });
    signal.addEventListener("abort", done, { once: true });
  });
}

/* Call `work` soon, once for many calls, and never while it runs; again, once somebody is there. */
export function soon(work, after = 120) {
  let timer = null;
  let running = false;
  let again = false;
  const ended = new AbortController();
  const run = async () => {
    timer = null;
    if (running) { again = true; return; }
    running = true;
    try {
      await work();
    } catch (error) {
      if (error instanceof Over) touched(ended.signal).then(() => { if (!ended.signal.aborted) ask(); });
    } finally {
      running = false;
      if (again) { again = false; ask(); }
    }
  };
  const ask = () => { timer ??= setTimeout(run, after); };
  ask.stop = () => { clearTimeout(timer); ended.abort(); };
  return ask;
}
