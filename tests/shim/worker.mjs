// A plane's shim without the runtime: the crate, the gateway and the runtime's own
// module are stand-ins, which a test fills in.

import { registerHooks } from "node:module";

/** What a test has put there, by name. */
let crate = {};
/** What the shim listens to, by name. */
let listeners = {};

globalThis.standIn = (name) => crate[name];
globalThis.addEventListener = (name, listener) => (listeners[name] = listener);

const calling = (name) => `export const ${name} = (...values) => standIn("${name}")(...values);`;
const made = (name) => `export class ${name} { constructor(...values) { return standIn("${name}")(...values); } }`;
const STAND_INS = {
  "./katalo_keys_edge.js": ["handle", "not_forwarded", "passage", "__wbg_reset_state"].map(calling).join("\n"),
  "./katalo_keys_control.js": [
    ...["handle", "lines_after", "__wbg_reset_state"].map(calling),
    ...["Registry", "Directory", "ChangeLog", "Relay"].map(made),
  ].join("\n"),
  "./gateway.js": calling("forward"),
  "cloudflare:workers": "export class DurableObject { constructor(ctx, env) { Object.assign(this, { ctx, env }); } }",
};

// Whatever an isolate imports of the shim is its own, too.
registerHooks({
  resolve(name, context, next) {
    const [, isolate] = /\/shim\/.*\?isolate=(\d+)/.exec(context.parentURL ?? "") ?? [];
    if (isolate === undefined) return next(name, context);
    const source = STAND_INS[name];
    if (source === undefined) return next(`${name}?isolate=${isolate}`, context);
    return { url: `data:text/javascript,${encodeURIComponent(source)}`, format: "module", shortCircuit: true };
  },
});

let isolates = 0;

/**
 * A plane's shim in an isolate of its own, over these parts of a crate and a gateway.
 * The log is kept, and the instances that were given up are counted.
 *
 * @param {"edge" | "control"} plane
 */
export async function isolate(t, plane, parts) {
  const kept = { replaced: 0, log: [] };
  listeners = {};
  crate = { __wbg_reset_state: () => (kept.replaced += 1), ...parts };
  t.mock.method(console, "error", (line) => kept.log.push(JSON.parse(line)));
  const entry = await import(`../../shim/${plane}.js?isolate=${(isolates += 1)}`);
  const instance = await import(`../../shim/instance.js?isolate=${isolates}`);
  const heard = listeners;
  return {
    ...entry,
    fetch: entry.default.fetch,
    /** As the module wakes its futures. */
    queueMicrotask: instance.microtasks(plane),
    /** As the runtime tells of what nobody caught. */
    uncaught: (error) => heard.error({ error }),
    unhandled: (reason) => heard.unhandledrejection({ reason }),
    kept,
  };
}

/** As a panic of the crate comes out of it. */
export const trap = () => new WebAssembly.RuntimeError("unreachable");

/** A request as a client sends it. */
export const URL_ = "https://keys.example/v1/catalogs?x=1";
export const request = (headers = {}) => new Request(URL_, { headers });
export const env = { UPSTREAM: {} };
export const ctx = { waitUntil() {} };

export const never = () => new Promise(() => {});

export const throws = (error) => {
  throw error;
};
