// The entry: what it hands to the crate and takes from it, and what becomes of a trap.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isolate, trap } from "./worker.mjs";

const URL_ = "https://keys.example/v1/catalogs?x=1";
const request = (headers = {}) => new Request(URL_, { headers });
const env = { UPSTREAM: {} };
const ctx = { waitUntil() {} };

const PLAN = {
  binding: "UPSTREAM",
  url: undefined,
  identity: "katalo-key-id\nk",
  added: "cache-control\nno-store",
  deadline: 60_000,
  isRestricted: true,
};

const never = () => new Promise(() => {});

const throws = (error) => {
  throw error;
};

/** That an answer says no more than that it failed. */
async function isInternalError(response) {
  assert.equal(response.status, 500);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal(response.headers.get("cache-control"), "no-store");
  const problem = await response.json();
  assert.equal(problem.code, "internal_error");
  assert.equal(problem.type, "https://keys.example/problems/internal_error");
  assert.ok(!JSON.stringify(problem).includes("unreachable"));
  return problem;
}

describe("a request", () => {
  test("is handed over with what it is asked for each time", async (t) => {
    const handed = [];
    const worker = await isolate(t, { handle: (...values) => (handed.push(values), new Response()) });
    const asked = request({ authorization: "Bearer k" });
    worker.fetch(asked, env, ctx);
    assert.deepEqual(handed, [[asked, asked.headers, env, ctx, URL_, "Bearer k", 0]]);
  });

  for (const [headers, signs] of [
    [{ origin: "https://shop.example" }, 1],
    [{ "sec-fetch-site": "none" }, 2],
    [{ "sec-fetch-dest": "image" }, 4],
    [{ origin: "null", "sec-fetch-site": "cross-site", "sec-fetch-dest": "empty" }, 7],
    [{ "sec-fetch-mode": "cors" }, 0],
  ]) {
    test(`shows a browser by ${Object.keys(headers)}: ${signs}`, async (t) => {
      let handed;
      const worker = await isolate(t, { handle: (...values) => ((handed = values), new Response()) });
      // A Request of Node's own drops some of these names.
      worker.fetch({ url: URL_, headers: new Headers(headers) }, env, ctx);
      assert.equal(handed.at(-1), signs);
      assert.equal(handed.at(-2), null);
    });
  }

  test("is answered at once where the crate can", async (t) => {
    const answer = new Response("ok");
    const worker = await isolate(t, { handle: () => answer, forward: () => assert.fail("it was forwarded") });
    assert.equal(worker.fetch(request(), env, ctx), answer);
  });

  test("is answered later where it cannot", async (t) => {
    const answer = new Response("ok");
    const worker = await isolate(t, { handle: async () => answer, forward: () => assert.fail("it was forwarded") });
    assert.equal(await worker.fetch(request(), env, ctx), answer);
  });
});

describe("a plan", () => {
  for (const [when, handle, begun] of [
    ["at once", () => PLAN, 1],
    ["later", async () => PLAN, 0],
  ]) {
    test(`given ${when} is carried out as it is`, async (t) => {
      const answer = new Response("from behind");
      const forwarded = [];
      const forward = async (...values) => (forwarded.push(values.slice(0, 3)), answer);
      const worker = await isolate(t, { handle, forward });
      const asked = request();
      const returned = worker.fetch(asked, env, ctx);
      assert.equal(forwarded.length, begun);
      assert.equal(await returned, answer);
      assert.deepEqual(forwarded, [[asked, env, PLAN]]);
    });
  }

  test("has its headers judged by the crate", async (t) => {
    const judged = [];
    const worker = await isolate(t, {
      handle: () => PLAN,
      passage: (...values) => (judged.push(values), 2),
      forward: async (_request, _env, _plan, judge) => new Response(String(judge("cookie", true))),
    });
    assert.equal(await (await worker.fetch(request(), env, ctx)).text(), "2");
    assert.deepEqual(judged, [["cookie", true]]);
  });

  for (const isRestricted of [true, false]) {
    test(`that fails is refused by the crate, which hears whether the key leaked: ${isRestricted}`, async (t) => {
      const refusal = new Response(null, { status: 504 });
      const refused = [];
      const worker = await isolate(t, {
        handle: () => ({ ...PLAN, isRestricted }),
        not_forwarded: (...values) => (refused.push(values), refusal),
        forward: async (_request, _env, _plan, _judge, refuse) => refuse("upstream_timeout"),
      });
      const asked = request({ authorization: "Bearer k" });
      assert.equal(await worker.fetch(asked, env, ctx), refusal);
      assert.deepEqual(refused, [[asked, asked.headers, URL_, "Bearer k", "upstream_timeout", isRestricted]]);
    });
  }

  test("is an internal error where the crate cannot even refuse", async (t) => {
    const worker = await isolate(t, {
      handle: () => PLAN,
      not_forwarded: () => throws(trap()),
      forward: async (_request, _env, _plan, _judge, refuse) => refuse("upstream_timeout"),
    });
    await isInternalError(await worker.fetch(request(), env, ctx));
    assert.equal(worker.kept.replaced, 1);
  });
});

describe("a trap", () => {
  test("costs its own request, and the instance", async (t) => {
    const answers = [() => throws(trap()), () => new Response("again")];
    const worker = await isolate(t, { handle: () => answers.shift()() });
    const problem = await isInternalError(worker.fetch(request({ "cf-ray": "8a1b-CPH" }), env, ctx));
    assert.equal(problem.request_id, "8a1b-CPH");
    assert.equal(worker.kept.replaced, 1);
    assert.deepEqual(worker.kept.log, [{ event: "trap", generation: 1, error: "RuntimeError: unreachable" }]);
    assert.equal(await worker.fetch(request(), env, ctx).text(), "again");
    assert.equal(worker.kept.replaced, 1);
  });

  // What was thrown skipped the frames below it, whatever it is.
  test("is whatever comes out of the crate at once", async (t) => {
    for (const error of [new Error("any"), new RangeError("stack"), "text"]) {
      const worker = await isolate(t, { handle: () => throws(error) });
      await isInternalError(worker.fetch(request(), env, ctx));
      assert.equal(worker.kept.replaced, 1);
    }
  });

  test("ends every call under way: none of them would ever settle", async (t) => {
    const answers = [never, never, () => throws(trap())];
    const worker = await isolate(t, { handle: () => answers.shift()() });
    const waiting = [worker.fetch(request(), env, ctx), worker.fetch(request(), env, ctx)];
    await isInternalError(worker.fetch(request(), env, ctx));
    for (const answer of await Promise.all(waiting)) await isInternalError(answer);
    assert.equal(worker.kept.replaced, 1);
    assert.equal(worker.kept.log.length, 1);
  });

  test("in a promise that was being made costs the instance, another failure does not", async (t) => {
    for (const [error, replaced] of [
      [trap(), 1],
      [new RangeError("stack"), 1],
      [new Error("any"), 0],
    ]) {
      const worker = await isolate(t, { handle: () => Promise.reject(error) });
      await isInternalError(await worker.fetch(request(), env, ctx));
      assert.equal(worker.kept.replaced, replaced);
    }
  });

  test("in a microtask is heard of from the runtime", async (t) => {
    const worker = await isolate(t, { handle: never });
    const waiting = worker.fetch(request(), env, ctx);
    worker.uncaught(trap());
    await isInternalError(await waiting);
    worker.unhandled(trap());
    assert.equal(worker.kept.replaced, 2);
    // A rejection of somebody else's making is none of the instance's fault.
    worker.unhandled(new Error("any"));
    assert.equal(worker.kept.replaced, 2);
  });
});

describe("an object", () => {
  const message = () => new Request("https://object/", { method: "POST", body: "{}" });

  /** An object over these inner ones, one for each time that it is made. */
  async function object(t, ...inners) {
    const made = [];
    const worker = await isolate(t, { Registry: (...values) => (made.push(values), inners.shift()) });
    const aborted = [];
    const state = { abort: (reason) => aborted.push(reason) };
    return { worker, made, aborted, state, object: new worker.Registry(state, env) };
  }

  test("is made at its first message, and kept", async (t) => {
    const answered = [];
    const inner = { enter: () => 3, answer: async (...values) => (answered.push(values), "text") };
    const { made, aborted, state, object: registry } = await object(t, inner);
    assert.deepEqual(made, []);
    for (let n = 0; n < 2; n += 1) assert.equal(await (await registry.fetch(message())).text(), "text");
    assert.deepEqual(made, [[state, env]]);
    assert.deepEqual(answered, [
      ["{}", false, 3],
      ["{}", false, 3],
    ]);
    assert.deepEqual(aborted, []);
  });

  test("is aborted by its trap, and made anew for the next message", async (t) => {
    const broken = { enter: () => 0, answer: () => throws(trap()) };
    const whole = { enter: () => 0, answer: () => "text" };
    const { worker, made, aborted, object: registry } = await object(t, broken, whole);
    await assert.rejects(registry.fetch(message()), /the instance trapped/);
    assert.deepEqual(aborted, ["the instance trapped"]);
    assert.equal(worker.kept.replaced, 1);
    assert.equal(await (await registry.fetch(message())).text(), "text");
    assert.equal(made.length, 2);
  });

  test("is aborted by another's trap while it answers", async (t) => {
    const { worker, aborted, object: registry } = await object(t, { enter: () => 0, answer: never });
    const answer = registry.fetch(message());
    // So far that the message was read.
    await new Promise((resume) => setImmediate(resume));
    worker.uncaught(trap());
    await assert.rejects(answer, /the instance trapped/);
    assert.deepEqual(aborted, ["the instance trapped"]);
  });

  test("is not aborted by a failure that left the instance whole", async (t) => {
    const inner = { enter: () => 0, answer: () => Promise.reject(new Error("any")) };
    const { aborted, object: registry } = await object(t, inner);
    await assert.rejects(registry.fetch(message()), /any/);
    assert.deepEqual(aborted, []);
  });

  test("hears its alarm, where it has one", async (t) => {
    let rung = 0;
    const ringing = await object(t, { alarm: async () => void (rung += 1) });
    await ringing.object.alarm();
    assert.equal(rung, 1);
    const silent = await object(t, {});
    await silent.object.alarm();
    assert.equal(silent.worker.kept.replaced, 0);
  });
});
