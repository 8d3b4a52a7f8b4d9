// What would be several calls from the crate into the runtime, each dearer than
// what it does, in one.

import settings from "./settings.js";

/**
 * A variable's text. What the Worker is bound to goes before what the build wrote of
 * `katalo.toml`; an empty text is none.
 *
 * @param {Env} env
 * @param {string} name
 * @returns {string | undefined}
 */
export function variable(env, name) {
  const bound = env[name];
  const value = bound === undefined || bound === null || bound === "" ? settings[name] : bound;
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}

let isolate = "";
let count = 0;

// 24 hexadecimal digits that the isolate drew once, and 8 that count: a UUID would
// draw for every request.
function ownId() {
  if (isolate === "") {
    for (const byte of crypto.getRandomValues(new Uint8Array(12))) isolate += byte.toString(16).padStart(2, "0");
  }
  count = (count + 1) >>> 0;
  return isolate + count.toString(16).padStart(8, "0");
}

// Far longer than a ray id is, and too short for a key's secret: where there is no
// platform before us, clients choose the header, and the id is stored and logged.
const LONGEST = 40;

/**
 * The platform's ray id, else one of our own.
 *
 * @param {Headers} headers
 */
export function requestId(headers) {
  const ray = headers.get("cf-ray");
  return ray !== null && ray.length <= LONGEST ? ray : ownId();
}

/**
 * A problem document whose last member is the request's id.
 *
 * @param {Response} head whose status and headers it gets
 * @param {string} document what comes before the id
 * @param {Headers} headers of the request
 * @param {string} [id] where it is known already
 */
export function refusal(head, document, headers, id) {
  return new Response(`${document}${JSON.stringify(id ?? requestId(headers))}}`, head);
}

/**
 * What `stream` of the listings takes.
 *
 * @param {Response} head whose status and headers it gets
 * @param {string} text the first page's lines
 * @param {string | undefined} next the cursor after which there are more
 * @returns {import("./katalo_keys_control.js").Listing}
 */
export function listing(head, text, next) {
  return { head, text, next };
}

/**
 * What `forward` of the gateway takes.
 *
 * @param {string} binding
 * @param {string | undefined} url
 * @param {string} identity
 * @param {string} added
 * @param {number} deadline
 * @param {boolean} isRestricted
 * @returns {import("./katalo_keys_edge.js").Plan}
 */
export function plan(binding, url, identity, added, deadline, isRestricted) {
  return { binding, url, identity, added, deadline, isRestricted };
}

/**
 * @param {number} milliseconds
 * @returns {Promise<void>}
 */
export function sleep(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
