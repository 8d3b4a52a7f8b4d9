// The shim's entry without the runtime: the crate, the gateway and the runtime's own
// module are stand-ins, which a test fills in.

import { registerHooks } from "node:module";

/** What a test has put there, by name. */
let crate = {};
/** What the entry listens to, by name. */
let listeners = {};

globalThis.standIn = (name) => crate[name];
globalThis.addEventListener = (name, listener) => (listeners[name] = listener);

const calling = (name) => `export const ${name} = (...values) => standIn("${name}")(...values);`;
const made = (name) => `export class ${name} { constructor(...values) { return standIn("${name}")(...values); } }`;
const STAND_INS = {
  "./katalo_keys.js": [
    ...["handle", "not_forwarded", "passage", "lines_after", "__wbg_reset_state"].map(calling),
    ...["Registry", "Directory", "ChangeLog", "Relay"].map(made),
  ].join("\n"),
  "./gateway.js": calling("forward"),
  "cloudflare:workers": "export class DurableObject { constructor(ctx, env) { Object.assign(this, { ctx, env }); } }",
};

registerHooks({
  resolve(name, context, next) {
    const source = context.parentURL?.includes("/shim/index.js") ? STAND_INS[name] : undefined;
    if (source === undefined) return next(name, context);
    return { url: `data:text/javascript,${encodeURIComponent(source)}`, format: "module", shortCircuit: true };
  },
});

let isolates = 0;

/** The entry in an isolate of its own, over these parts of a crate and a gateway. The
 * log is kept, and the instances that were given up are counted. */
export async function isolate(t, parts) {
  const kept = { replaced: 0, log: [] };
  listeners = {};
  crate = { __wbg_reset_state: () => (kept.replaced += 1), ...parts };
  t.mock.method(console, "error", (line) => kept.log.push(JSON.parse(line)));
  const entry = await import(`../../shim/index.js?isolate=${(isolates += 1)}`);
  const heard = listeners;
  return {
    ...entry,
    fetch: entry.default.fetch,
    /** As the runtime tells of what nobody caught. */
    uncaught: (error) => heard.error({ error }),
    unhandled: (reason) => heard.unhandledrejection({ reason }),
    kept,
  };
}

/** As a panic of the crate comes out of it. */
export const trap = () => new WebAssembly.RuntimeError("unreachable");
