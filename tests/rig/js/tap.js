// Stands before the Worker in the rig, and between its objects and their
// callers: counts calls, and makes them late, lost, hang or trap as a test asks.
//
//   GET /__rig/calls          {"<point>": {"fetches", "watches", "confirms", "alarms", "shed", "at_once"}}
//   PUT /__rig/calls/<point>  {"fault": "none" | "refuse" | "lose" | "hang" | "hold" | "replay" | "older", "delay_ms": n, "back_ms": n, "trap_after": n,
//                              "forged": {member: value} | null, "releases": true}
//   PUT /__rig/clock          {"rate": n} | {"pass_ms": n}
//   PUT /__rig/cold           puts new instances in the place of both planes', as traps do
//   GET /__rig/steps          the steps of the edge's instance, where they are counted
//   any request with `rig-trap: n` traps at the nth call out of the crate
//   /__rig/object/<class>/<name>  a call to an object, from another process
//
// A point is a class, for all calls that reach its objects, or
// "<caller>><class>", for the calls that one caller sends: "edge" or a class. The
// point "edge" is where clients' requests come in; they are counted, no more.

import { go, pass as passTime, wait } from "./clock.js";
import { microtasks } from "./instance.js";
import { stepsSoFar } from "./steps.js";
import { trapAfter } from "./trap.js";
import worker, * as exported from "./worker.js";

const BINDINGS = { REGISTRY: "Registry", DIRECTORY: "Directory", CHANGE_LOG: "ChangeLog", RELAY: "Relay", METER: "Meter" };

const points = new Map();

function point(name) {
  let state = points.get(name);
  if (state === undefined) {
    state = { fetches: 0, watches: 0, confirms: 0, alarms: 0, shed: 0, under_way: 0, at_once: 0, fault: "none", released: 0, recorded: null, delay_ms: 0, back_ms: 0, trap_after: 0, forged: null };
    points.set(name, state);
  }
  return state;
}

// The answer with other values under these names, wherever they stand.
function forge(answer, forged) {
  return JSON.stringify(answer, (name, value) => (Object.hasOwn(forged, name) ? forged[name] : value));
}

// What neighbours of the version before confirmations know nothing of: they read
// messages without these members, and cannot read these messages.
const NEWER_MESSAGES = ["watch", "confirm", "await"];
const NEWER_MEMBERS = { holding: undefined, waits: undefined, urgent: undefined, place: undefined, floor: undefined };

async function asOlder(request, call) {
  const message = JSON.parse(await request.clone().text());
  if (NEWER_MESSAGES.some((name) => Object.hasOwn(message, name))) return new Response(null, { status: 400 });
  const answer = await call(new Request(request, { body: forge(message, NEWER_MEMBERS) }));
  return answer.ok ? new Response(forge(await answer.json(), NEWER_MEMBERS)) : answer;
}

// Comes back once what is held here is released.
async function release(state) {
  const before = state.released;
  while (state.released === before) await wait(2);
}

// What goes on beside all requests is counted apart.
async function count(state, request) {
  const text = await request.clone().text();
  if (text.startsWith('{"watch"')) state.watches += 1;
  else if (text.startsWith('{"confirm"')) state.confirms += 1;
  else state.fetches += 1;
}

async function pass(state, request, call) {
  await count(state, request);
  state.under_way += 1;
  state.at_once = Math.max(state.at_once, state.under_way);
  try {
    return await passOn(state, request, call);
  } finally {
    state.under_way -= 1;
  }
}

async function passOn(state, request, call) {
  if (state.delay_ms > 0) await wait(state.delay_ms);
  if (state.fault === "refuse") throw new Error("refused by the rig");
  if (state.fault === "hang") await wait(3_600_000);
  if (state.fault === "hold") await release(state);
  if (state.trap_after > 0) {
    trapAfter(state.trap_after);
    state.trap_after = 0;
  }
  if (state.fault === "replay" && state.recorded !== null) return new Response(state.recorded);
  const answer = await (state.fault === "older" ? asOlder(request, call) : call(request));
  if (state.back_ms > 0) await wait(state.back_ms);
  if (answer.status === 503) state.shed += 1;
  if (state.fault === "replay") {
    state.recorded = await answer.text();
    return new Response(state.recorded);
  }
  if (state.forged !== null) return new Response(forge(await answer.json(), state.forged));
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
  const tapped = (stub) => except(stub, { fetch: (...values) => pass(state, new Request(...values), (request) => stub.fetch(request)) });
  return except(namespace, {
    get: (...values) => tapped(namespace.get(...values)),
    getByName: (...values) => tapped(namespace.getByName(...values)),
  });
}

// Objects that live in another process. They are known by their names alone.
class DurableObjectNamespace {
  constructor(service, name) {
    this.service = service;
    this.name = name;
  }

  idFromName(object) {
    return object;
  }

  get(object) {
    return this.getByName(object);
  }

  getByName(object) {
    const url = `http://objects/__rig/object/${this.name}/${encodeURIComponent(object)}`;
    return {
      fetch: async (...values) => {
        const request = new Request(...values);
        const distant = new Request(url, request);
        distant.headers.set("rig-url", request.url);
        const answer = await this.service.fetch(distant);
        const error = answer.headers.get("rig-error");
        if (error !== null) throw new Error(error);
        return answer;
      },
    };
  }
}

// The other end of such a call.
async function callObject(request, env, path) {
  const [, name, object] = path.split("/");
  const [binding] = Object.entries(BINDINGS).find(([, found]) => found === name);
  try {
    const stub = env[binding].getByName(decodeURIComponent(object));
    return await stub.fetch(new Request(request.headers.get("rig-url"), request));
  } catch (error) {
    return new Response(null, { status: 500, headers: { "rig-error": String(error.message) } });
  }
}

// A shared cache as the platform has one before what a Worker fetches: it goes by the
// address and the answer, and knows nothing of keys.
const kept = new Map();

function caching(fetch) {
  return async (input, init) => {
    const request = new Request(input, init);
    if (request.method !== "GET" || request.cache === "no-store") return fetch(input, init);
    const found = kept.get(request.url);
    if (found !== undefined) return new Response(...found);
    const answer = await fetch(input, init);
    if (!/public|s-maxage/.test(answer.headers.get("cache-control") ?? "")) return answer;
    const { status, headers } = answer;
    const again = [await answer.text(), { status, headers: [...headers] }];
    kept.set(request.url, again);
    return new Response(...again);
  };
}

const direct = globalThis.fetch;

const environments = new Map();

function tappedEnv(env, caller) {
  let tapped = environments.get(caller);
  if (tapped === undefined) {
    tapped = { ...env };
    for (const [binding, name] of Object.entries(BINDINGS)) {
      const namespace = env[binding] ?? new DurableObjectNamespace(env.RIG_OBJECTS, name);
      tapped[binding] = tappedNamespace(namespace, point(`${caller}>${name}`));
    }
    if (env.RIG_CACHE === "on") {
      globalThis.fetch = caching(direct);
      if (env.UPSTREAM !== undefined) tapped.UPSTREAM = { fetch: caching((...values) => env.UPSTREAM.fetch(...values)) };
    }
    // A dataset of Analytics Engine whose points are in the log.
    if (env.RIG_METRICS === "on") {
      tapped.METRICS = { writeDataPoint: (point) => console.log(JSON.stringify({ point })) };
    }
    environments.set(caller, tapped);
  }
  return tapped;
}

export function tappedClass(name) {
  const state = point(name);
  return class extends exported[name] {
    constructor(ctx, env) {
      super(ctx, tappedEnv(env, name));
    }

    fetch(request) {
      return pass(state, request, (request) => super.fetch(request));
    }

    alarm() {
      state.alarms += 1;
      return super.alarm();
    }
  };
}

const done = () => new Response(null, { status: 204 });

async function control(request, env, path) {
  if (path.startsWith("object/")) return callObject(request, env, path);
  if (path === "clock") {
    const { rate, pass_ms } = await request.json();
    if (rate !== undefined) go(rate);
    if (pass_ms !== undefined) passTime(pass_ms);
    return done();
  }
  if (path === "cold") {
    for (const plane of ["edge", "control"]) {
      microtasks(plane)(() => {
        throw new WebAssembly.RuntimeError("unreachable (of the rig)");
      });
    }
    // They ran before this goes on.
    await null;
    return done();
  }
  if (path === "steps") return Response.json(stepsSoFar());
  const name = decodeURIComponent(path.slice("calls/".length));
  if (name === "") return Response.json(Object.fromEntries(points));
  // A count that was not used up reaches no later call.
  trapAfter(0);
  const { releases, ...given } = await request.json();
  const state = point(name);
  Object.assign(state, given, { recorded: null });
  if (releases) state.released += 1;
  return done();
}

export const tapped = {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/__rig/")) return control(request, env, pathname.slice("/__rig/".length));
    const calls = request.headers.get("rig-trap");
    if (calls !== null) trapAfter(Number(calls));
    point("edge").fetches += 1;
    return worker.fetch(request, tappedEnv(env, "edge"), ctx);
  },
};
