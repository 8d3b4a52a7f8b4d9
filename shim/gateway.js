// What was granted goes on to the API behind, bodies streamed. The crate says
// what goes where and which headers stay behind; this carries it out.

// What becomes of headers, by name, as the crate said when it was first asked.
const GOES_ON = 0;
const STAYS_BEHIND = 2;
const MOST = 1024;
// Longer names are asked for each time: 1,024 of a client's longest would take what
// memory an isolate has.
const LONGEST = 64;
/** @type {Record<Side, Map<string, number>>} */
const known = { request: new Map(), response: new Map() };

/** @import { Plan } from "./katalo_keys_edge.js" */
/** @typedef {"request" | "response"} Side */
/** @typedef {(name: string, isOfRequest: boolean) => number} Judge */

/**
 * @param {Side} side
 * @param {string} name
 * @param {Judge} judge
 */
function passage(side, name, judge) {
  const verdicts = known[side];
  let verdict = verdicts.get(name);
  if (verdict === undefined) {
    if (verdicts.size >= MOST) verdicts.clear();
    verdict = judge(name, side === "request");
    if (name.length <= LONGEST) verdicts.set(name, verdict);
  }
  return verdict;
}

/**
 * What `Connection` names holds for one connection (RFC 9110 section 7.6.1), but
 * it cannot name ours away: they are set afterwards.
 *
 * @param {Headers} headers
 * @param {Side} side
 * @param {Judge} judge
 */
function strip(headers, side, judge) {
  // Cheaper than the iterator of names.
  /** @type {string[]} */
  const names = [];
  headers.forEach((_, name) => names.push(name));
  // A set: a client may name thousands.
  const connection = names.includes("connection") ? headers.get("connection") : null;
  const named = connection === null ? undefined : new Set(connection.toLowerCase().split(/[\s,]+/));
  for (const name of names) {
    const verdict = passage(side, name, judge);
    if (verdict === STAYS_BEHIND || (verdict === GOES_ON && named?.has(name))) headers.delete(name);
  }
}

/**
 * @param {Headers} headers
 * @param {string} lines a name and its value by turns
 */
function add(headers, lines) {
  const parts = lines.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.set(parts[at] ?? "", parts[at + 1] ?? "");
}

/**
 * @param {Request} request
 * @param {string | undefined} url
 * @param {string} identity
 * @param {AbortSignal} signal
 * @param {Judge} judge
 */
function outgoing(request, url, identity, signal, judge) {
  const moved = url === undefined ? request : new Request(url, request);
  // Without the key, which would keep it out of shared caches (RFC 9111 section 3.5),
  // an answer for one organization must be neither kept for nor taken from another.
  const sent = new Request(moved, { redirect: "manual", signal, cache: "no-store" });
  strip(sent.headers, "request", judge);
  add(sent.headers, identity);
  return sent;
}

/**
 * Carries a plan out.
 *
 * @param {Request} request
 * @param {Env} env
 * @param {Plan} plan
 * @param {Judge} judge says what becomes of a header
 * @param {(code: "upstream_timeout" | "upstream_unavailable") => Response} refuse makes the
 *   answer where there is none
 */
export async function forward(request, env, { binding, url, identity, added, deadline }, judge, refuse) {
  // What is merely no longer waited for would go on until this request's last errand
  // is done.
  const late = new AbortController();
  // Cleared as soon as the head is there: a long stream is nobody's fault.
  const timer = setTimeout(() => late.abort(), deadline);
  try {
    const sent = outgoing(request, url, identity, late.signal, judge);
    // A Worker gets the URL as it is, whatever the parser would make of it.
    const answer = await (url === undefined ? /** @type {Fetcher} */ (env[binding]).fetch(sent) : fetch(sent));
    // The answer stands in for the init: status and headers are taken from it.
    const returned = new Response(answer.body, answer);
    strip(returned.headers, "response", judge);
    // What says nothing of caches some keep by guessing (RFC 9111 section 4.2.2).
    if (!returned.headers.has("cache-control") && !returned.headers.has("expires")) returned.headers.set("cache-control", "private");
    add(returned.headers, added);
    return returned;
  } catch {
    return refuse(late.signal.aborted ? "upstream_timeout" : "upstream_unavailable");
  } finally {
    clearTimeout(timer);
  }
}
