// What a gateway costs in JavaScript that looks nothing up: the same headers taken
// away and added, the same deadline, the same word to caches.
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
const OURS = /^katalo[-_]/;
const FROM_REQUEST = new Set([...HOP_BY_HOP, "authorization", "proxy", "x-forwarded-method", "x-forwarded-uri", "x-http-method", "x-http-method-override", "x-method", "x-method-override", "x-original-method", "x-original-uri", "x-original-url", "x-rewrite-url"]);
const FROM_RESPONSE = new Set([...HOP_BY_HOP, "set-cookie", "set-cookie2"]);
const IDENTITY = { "katalo-organization": "acme", "katalo-key-id": "kat_live_0", "katalo-environment": "live", "katalo-scopes": "read" };
const DEADLINE_MS = 30_000;

function strip(headers, isStripped) {
  const named = (headers.get("connection") ?? "").toLowerCase().split(",").map((name) => name.trim());
  const names = [];
  headers.forEach((_, name) => names.push(name));
  for (const name of names) if (isStripped(name) || named.includes(name)) headers.delete(name);
}

export default {
  async fetch(request, env) {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
    const outgoing = new Request(request, { redirect: "manual", signal: deadline.signal, cache: "no-store" });
    strip(outgoing.headers, (name) => FROM_REQUEST.has(name) || OURS.test(name));
    for (const name in IDENTITY) outgoing.headers.set(name, IDENTITY[name]);
    const answer = await env.UPSTREAM.fetch(outgoing);
    clearTimeout(timer);
    const returned = new Response(answer.body, answer);
    strip(returned.headers, (name) => FROM_RESPONSE.has(name) || OURS.test(name) || name.startsWith("access-control-"));
    if (!returned.headers.has("cache-control") && !returned.headers.has("expires")) returned.headers.set("cache-control", "private");
    returned.headers.set("katalo-decision", "source=memory, age=0, revision=1");
    return returned;
  },
};
