// Stands before the Worker in the rig, and between its objects and their
// callers: counts calls, and makes them late, lost, hang or trap as a test asks.
//
//   GET /__rig/calls          {"<point>": {"fetches", "alarms"}}
//   PUT /__rig/calls/<point>  {"fault": "none" | "refuse" | "lose" | "hang", "delay_ms": n, "trap_after": n}
//   any request with `rig-trap: n` traps at the nth call out of the crate
//
// A point is a class, for all calls that reach its objects, or
// "<caller>><class>", for the calls that one caller sends: "edge" or a class.

import { trapAfter } from "./trap.js";
import worker, * as exported from "./index.js";

const BINDINGS = { REGISTRY: "Registry", DIRECTORY: "Directory", CHANGE_LOG: "ChangeLog", RELAY: "Relay" };

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const points = new Map();

function point(name) {
  let state = points.get(name);
  if (state === undefined) {
    state = { fetches: 0, alarms: 0, fault: "none", delay_ms: 0, trap_after: 0 };
    points.set(name, state);
  }
  return state;
}

async function pass(state, call) {
  state.fetches += 1;
  if (state.delay_ms > 0) await wait(state.delay_ms);
  if (state.fault === "refuse") throw new Error("refused by the rig");
  if (state.fault === "hang") await wait(3_600_000);
  if (state.trap_after > 0) {
    trapAfter(state.trap_after);
    state.trap_after = 0;
  }
  const answer = await call();
  if (state.fault === "lose") throw new Error("the answer was lost by the rig");
  return answer;
}

// The same object, but for one property.
function except(target, replaced) {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(replaced, name)) return replaced[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" && name !== "constructor" ? value.bind(target) : value;
    },
  });
}

function tappedNamespace(namespace, state) {
  const tapped = (stub) => except(stub, { fetch: (...values) => pass(state, () => stub.fetch(...values)) });
  return except(namespace, {
    get: (...values) => tapped(namespace.get(...values)),
    getByName: (...values) => tapped(namespace.getByName(...values)),
  });
}

const environments = new Map();

function tappedEnv(env, caller) {
  let tapped = environments.get(caller);
  if (tapped === undefined) {
    tapped = { ...env };
    for (const [binding, name] of Object.entries(BINDINGS)) {
      tapped[binding] = tappedNamespace(env[binding], point(`${caller}>${name}`));
    }
    environments.set(caller, tapped);
  }
  return tapped;
}

function tappedClass(name) {
  const state = point(name);
  return class extends exported[name] {
    constructor(ctx, env) {
      super(ctx, tappedEnv(env, name));
    }

    fetch(request) {
      return pass(state, () => super.fetch(request));
    }

    alarm() {
      state.alarms += 1;
      return super.alarm();
    }
  };
}

async function control(request, path) {
  const name = decodeURIComponent(path.slice("calls/".length));
  if (name === "") return Response.json(Object.fromEntries(points));
  Object.assign(point(name), await request.json());
  return new Response(null, { status: 204 });
}

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/__rig/")) return control(request, pathname.slice("/__rig/".length));
    const calls = request.headers.get("rig-trap");
    if (calls !== null) trapAfter(Number(calls));
    return worker.fetch(request, tappedEnv(env, "edge"), ctx);
  },
};

export const Registry = tappedClass("Registry");
export const Directory = tappedClass("Directory");
export const ChangeLog = tappedClass("ChangeLog");
export const Relay = tappedClass("Relay");
