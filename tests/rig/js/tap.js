// Stands before the Worker in the rig: counts the calls to each class of
// objects, and makes them late, fail, hang or trap as a test asks.
//
//   GET  /__rig/objects            calls per class
//   PUT  /__rig/objects/<class>    {"fault": "none" | "fail" | "hang", "delay_ms": n, "trap_after": n}
//   any request with `rig-trap: n` traps at the nth call out of the crate

import { trapAfter } from "./trap.js";
import worker, * as exported from "./index.js";

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const classes = new Map();

function tapped(name) {
  const state = { fetches: 0, alarms: 0, fault: "none", delay_ms: 0, trap_after: 0 };
  classes.set(name, state);
  return class extends exported[name] {
    async fetch(request) {
      state.fetches += 1;
      if (state.delay_ms > 0) await wait(state.delay_ms);
      if (state.fault === "fail") throw new Error("failed by the rig");
      if (state.fault === "hang") await wait(3_600_000);
      if (state.trap_after > 0) {
        trapAfter(state.trap_after);
        state.trap_after = 0;
      }
      return super.fetch(request);
    }

    alarm() {
      state.alarms += 1;
      return super.alarm();
    }
  };
}

async function control(request, path) {
  const [, name] = path.split("/");
  if (name === undefined) return Response.json(Object.fromEntries(classes));
  Object.assign(classes.get(name), await request.json());
  return new Response(null, { status: 204 });
}

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/__rig/")) return control(request, pathname.slice("/__rig/".length));
    const calls = request.headers.get("rig-trap");
    if (calls !== null) trapAfter(Number(calls));
    return worker.fetch(request, env, ctx);
  },
};

export const Registry = tapped("Registry");
export const Directory = tapped("Directory");
export const ChangeLog = tapped("ChangeLog");
export const Relay = tapped("Relay");
