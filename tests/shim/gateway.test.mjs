// What the gateway does with headers, deadlines and failures: transport alone. What a
// header's name means the crate says; here a stand-in does.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { forward } from "../../shim/gateway.js";

const [GOES_ON, GOES_ON_REGARDLESS, STAYS_BEHIND] = [0, 1, 2];

const judge = (name, isOfRequest) => {
  if (name === "katalo-key-id" || (isOfRequest && name === "authorization")) return STAYS_BEHIND;
  return name === "cf-connecting-ip" ? GOES_ON_REGARDLESS : GOES_ON;
};

const never = () => assert.fail("nothing is refused");

/** What an API behind a binding got, and what came back for `answer`. */
async function passed(headers, answer, plan = {}) {
  const seen = [];
  const env = { API: { fetch: async (sent) => (seen.push(sent), answer) } };
  const request = new Request("https://keys.example/v1/x", { headers });
  const whole = { binding: "API", url: undefined, identity: "", added: "", deadline: 60_000, isRestricted: false, ...plan };
  const returned = await forward(request, env, whole, judge, never);
  assert.equal(seen.length, 1);
  return { sent: seen[0], returned };
}

describe("a request on its way to the API", () => {
  test("loses what the crate says stays behind, and what Connection names", async () => {
    const { sent } = await passed(
      { authorization: "Bearer k", "katalo-key-id": "forged", connection: "X-Hop,  x-other , x-absent", "x-hop": "1", "x-other": "2", "x-kept": "3" },
      new Response(),
    );
    for (const name of ["authorization", "katalo-key-id", "x-hop", "x-other"]) assert.equal(sent.headers.get(name), null, name);
    assert.equal(sent.headers.get("x-kept"), "3");
  });

  test("keeps what Connection cannot name away: the platform's own and ours", async () => {
    const { sent } = await passed(
      { connection: "cf-connecting-ip, katalo-key-id", "cf-connecting-ip": "192.0.2.1" },
      new Response(),
      { identity: "katalo-key-id\nkat_live_x\nkatalo-scopes\nread" },
    );
    assert.equal(sent.headers.get("cf-connecting-ip"), "192.0.2.1");
    assert.equal(sent.headers.get("katalo-key-id"), "kat_live_x");
    assert.equal(sent.headers.get("katalo-scopes"), "read");
  });

  test("is looked up and kept in no shared cache, and follows no redirect", async () => {
    const { sent } = await passed({}, new Response());
    assert.equal(sent.cache, "no-store");
    assert.equal(sent.redirect, "manual");
  });

  test("goes to a URL where the plan has one", async (t) => {
    const fetched = t.mock.method(globalThis, "fetch", async () => new Response("from there"));
    const plan = { binding: "API", url: "https://api.example/v1/x", identity: "katalo-key-id\nk", added: "", deadline: 60_000, isRestricted: false };
    const returned = await forward(new Request("https://keys.example/v1/x"), {}, plan, judge, never);
    assert.equal(await returned.text(), "from there");
    const [sent] = fetched.mock.calls[0].arguments;
    assert.equal(sent.url, "https://api.example/v1/x");
    assert.equal(sent.headers.get("katalo-key-id"), "k");
  });
});

describe("what becomes of a header", () => {
  /** An isolate that has asked nothing yet, and how often it asks of requests and of answers. */
  async function asking() {
    const { forward } = await import(`../../shim/gateway.js?asking=${Math.random()}`);
    const asked = { request: 0, answer: 0 };
    const judge = (_, isOfRequest) => ((asked[isOfRequest ? "request" : "answer"] += 1), GOES_ON);
    const plan = { binding: "API", url: undefined, identity: "", added: "", deadline: 60_000, isRestricted: false };
    const send = (name) => {
      const env = { API: { fetch: async () => new Response(null, { headers: { "x-answer": "1" } }) } };
      return forward(new Request("https://keys.example/v1/x", { headers: { [name]: "1" } }), env, plan, judge, never);
    };
    return { send, asked };
  }

  test("is asked once for each name, and kept for 1,024 of those that clients make up", async () => {
    const { send, asked } = await asking();
    for (let n = 0; n < 1_024; n += 1) await send(`x-${n}`);
    await send("x-0");
    assert.deepEqual(asked, { request: 1_024, answer: 1 });
    await send("x-1024");
    await send("x-0");
    assert.deepEqual(asked, { request: 1_026, answer: 1 });
  });

  test("is kept for no name that would fill the memory", async () => {
    const { send, asked } = await asking();
    for (const length of [64, 64, 65, 65]) await send("x".repeat(length));
    assert.deepEqual(asked, { request: 3, answer: 1 });
  });
});

describe("an API's answer", () => {
  test("loses what stays behind and what Connection names, and gets what the crate adds", async () => {
    const headers = { "katalo-key-id": "forged", connection: "x-hop", "x-hop": "1", "x-kept": "2" };
    const { returned } = await passed({}, new Response("body", { status: 201, headers }), { added: "katalo-decision\nsource=memory" });
    assert.equal(returned.status, 201);
    assert.equal(await returned.text(), "body");
    for (const name of ["katalo-key-id", "x-hop"]) assert.equal(returned.headers.get(name), null, name);
    assert.equal(returned.headers.get("x-kept"), "2");
    assert.equal(returned.headers.get("katalo-decision"), "source=memory");
  });

  for (const [said, expected] of [
    [{}, "private"],
    [{ "cache-control": "public, max-age=60" }, "public, max-age=60"],
    [{ expires: "Thu, 01 Jan 2026 00:00:00 GMT" }, null],
  ]) {
    test(`that says ${JSON.stringify(said)} of caches says ${expected}`, async () => {
      const { returned } = await passed({}, new Response(null, { headers: said }));
      assert.equal(returned.headers.get("cache-control"), expected);
    });
  }
});

describe("an API that does not answer", () => {
  const plan = { binding: "API", url: undefined, identity: "", added: "", isRestricted: false };
  const refuse = (code) => new Response(code);
  const forwarded = async (fetch, deadline) => {
    const answer = await forward(new Request("https://keys.example/v1/x"), { API: { fetch } }, { ...plan, deadline }, judge, refuse);
    return answer.text();
  };

  test("is unavailable", async () => {
    assert.equal(await forwarded(() => Promise.reject(new Error("refused")), 60_000), "upstream_unavailable");
  });

  test("in time is hung up on", async () => {
    const hangs = (sent) =>
      new Promise((_, reject) => sent.signal.addEventListener("abort", () => reject(sent.signal.reason)));
    assert.equal(await forwarded(hangs, 1), "upstream_timeout");
  });

  test("leaves no timer behind", async (t) => {
    const begun = t.mock.method(globalThis, "setTimeout");
    const ended = t.mock.method(globalThis, "clearTimeout");
    await forwarded(() => Promise.reject(new Error("refused")), 60_000);
    const timers = begun.mock.calls.filter((call) => call.arguments[1] === 60_000).map((call) => call.result);
    assert.equal(timers.length, 1);
    assert.ok(ended.mock.calls.some((call) => call.arguments[0] === timers[0]));
  });
});
