// What was granted goes on to the API behind, bodies streamed. The crate says
// what goes where and which headers stay behind; this carries it out.

// What becomes of headers, by name, as the crate said when it was first asked.
const GOES_ON = 0;
const STAYS_BEHIND = 2;
const MOST = 1024;
const known = { request: new Map(), response: new Map() };

function passage(side, name, judge) {
  const verdicts = known[side];
  let verdict = verdicts.get(name);
  if (verdict === undefined) {
    if (verdicts.size >= MOST) verdicts.clear();
    verdict = judge(name, side === "request");
    verdicts.set(name, verdict);
  }
  return verdict;
}

// What `Connection` names holds for one connection (RFC 9110 section 7.6.1), but
// it cannot name ours away: they are set afterwards.
function strip(headers, side, judge) {
  // Cheaper than the iterator of names.
  const names = [];
  headers.forEach((_, name) => names.push(name));
  // A set: a client may name thousands.
  const named = names.includes("connection") && new Set(headers.get("connection").toLowerCase().split(/[\s,]+/));
  for (const name of names) {
    const verdict = passage(side, name, judge);
    if (verdict === STAYS_BEHIND || (verdict === GOES_ON && named && named.has(name))) headers.delete(name);
  }
}

// `lines` has a name and its value by turns.
function add(headers, lines) {
  const parts = lines.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.set(parts[at], parts[at + 1]);
}

function outgoing(request, url, identity, signal, judge) {
  const moved = url === undefined ? request : new Request(url, request);
  // Without the key, which would keep it out of shared caches (RFC 9111 section 3.5),
  // an answer for one organization must be neither kept for nor taken from another.
  const sent = new Request(moved, { redirect: "manual", signal, cache: "no-store" });
  strip(sent.headers, "request", judge);
  add(sent.headers, identity);
  return sent;
}

// Of `plan`: the binding of a Worker or a URL, the headers for it, those for the
// client, and how many milliseconds there are until the answer's head.
// `judge(name, isOfRequest)` says what becomes of a header, `refuse(code)` makes the
// answer where there is none.
export async function forward(request, env, [binding, url, identity, added, deadline], judge, refuse) {
  // What is merely no longer waited for would go on until this request's last errand
  // is done.
  const late = new AbortController();
  // Cleared as soon as the head is there: a long stream is nobody's fault.
  const timer = setTimeout(() => late.abort(), deadline);
  try {
    const sent = outgoing(request, url, identity, late.signal, judge);
    // A Worker gets the URL as it is, whatever the parser would make of it.
    const answer = await (url === undefined ? env[binding].fetch(sent) : fetch(sent));
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
