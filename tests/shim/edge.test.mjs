// The data plane's shim: what it hands to the crate and takes from it, what it leaves to
// the control plane, and what becomes of a trap.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ctx, env, isolate, never, request, throws, trap, URL_ } from "./worker.mjs";

const PLAN = {
  binding: "UPSTREAM",
  url: undefined,
  identity: "katalo-key-id\nk",
  added: "cache-control\nno-store",
  deadline: 60_000,
  isRestricted: true,
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
    const worker = await isolate(t, "edge", { handle: (...values) => (handed.push(values), new Response()) });
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
      const worker = await isolate(t, "edge", { handle: (...values) => ((handed = values), new Response()) });
      // A Request of Node's own drops some of these names.
      worker.fetch({ url: URL_, headers: new Headers(headers) }, env, ctx);
      assert.equal(handed.at(-1), signs);
      assert.equal(handed.at(-2), null);
    });
  }

  test("is answered at once where the crate can", async (t) => {
    const answer = new Response("ok");
    const worker = await isolate(t, "edge", { handle: () => answer, forward: () => assert.fail("it was forwarded") });
    assert.equal(worker.fetch(request(), env, ctx), answer);
  });

  test("is answered later where it cannot", async (t) => {
    const answer = new Response("ok");
    const worker = await isolate(t, "edge", { handle: async () => answer, forward: () => assert.fail("it was forwarded") });
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
      const worker = await isolate(t, "edge", { handle, forward });
      const asked = request();
      const returned = worker.fetch(asked, env, ctx);
      assert.equal(forwarded.length, begun);
      assert.equal(await returned, answer);
      assert.deepEqual(forwarded, [[asked, env, PLAN]]);
    });
  }

  test("has its headers judged by the crate", async (t) => {
    const judged = [];
    const worker = await isolate(t, "edge", {
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
      const worker = await isolate(t, "edge", {
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
    const worker = await isolate(t, "edge", {
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
    const worker = await isolate(t, "edge", { handle: () => answers.shift()() });
    const problem = await isInternalError(worker.fetch(request({ "cf-ray": "8a1b-CPH" }), env, ctx));
    assert.equal(problem.request_id, "8a1b-CPH");
    assert.equal(worker.kept.replaced, 1);
    assert.deepEqual(worker.kept.log, [{ event: "trap", plane: "edge", generation: 1, error: "RuntimeError: unreachable" }]);
    assert.equal(await worker.fetch(request(), env, ctx).text(), "again");
    assert.equal(worker.kept.replaced, 1);
  });

  // What was thrown skipped the frames below it, whatever it is.
  test("is whatever comes out of the crate at once", async (t) => {
    for (const error of [new Error("any"), new RangeError("stack"), "text"]) {
      const worker = await isolate(t, "edge", { handle: () => throws(error) });
      await isInternalError(worker.fetch(request(), env, ctx));
      assert.equal(worker.kept.replaced, 1);
    }
  });

  test("ends every call under way: none of them would ever settle", async (t) => {
    const answers = [never, never, () => throws(trap())];
    const worker = await isolate(t, "edge", { handle: () => answers.shift()() });
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
      const worker = await isolate(t, "edge", { handle: () => Promise.reject(error) });
      await isInternalError(await worker.fetch(request(), env, ctx));
      assert.equal(worker.kept.replaced, replaced);
    }
  });

  test("in a microtask ends every call under way", async (t) => {
    const worker = await isolate(t, "edge", { handle: never });
    const waiting = worker.fetch(request(), env, ctx);
    worker.queueMicrotask(() => throws(trap()));
    await isInternalError(await waiting);
    assert.equal(worker.kept.replaced, 1);
  });

  test("is not counted again for the wakes that the lost instance left behind", async (t) => {
    const worker = await isolate(t, "edge", { handle: never });
    const waiting = worker.fetch(request(), env, ctx);
    worker.queueMicrotask(() => throws(trap()));
    worker.queueMicrotask(() => throws(new Error("a closure of an older instance")));
    await isInternalError(await waiting);
    assert.equal(worker.kept.replaced, 1);
    assert.equal(worker.kept.log.length, 1);
  });

  test("that nobody caught is heard of from the runtime", async (t) => {
    const worker = await isolate(t, "edge", { handle: never });
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

describe("a request of the control plane", () => {
  /** The Worker of the data plane, and what it passed on. */
  async function passing(t, told) {
    const passed = [];
    const answer = new Response("from there");
    const edge = await isolate(t, "edge", { handle: () => told });
    const worker = edge.worker(async (...values) => (passed.push(values), answer));
    return { worker, passed, answer, edge };
  }

  test("is passed on as it is", async (t) => {
    const { worker, passed, answer } = await passing(t, null);
    const asked = request();
    assert.equal(await worker.fetch(asked, env, ctx), answer);
    assert.deepEqual(passed, [[asked, env, ctx]]);
  });

  test("is told of this edge where the crate says so", async (t) => {
    const { worker, passed } = await passing(t, "records=1, bytes=2");
    await worker.fetch(request({ "katalo-edge": "records=9, bytes=9", cookie: "a=b" }), env, ctx);
    const [[sent]] = passed;
    assert.equal(sent.url, URL_);
    assert.deepEqual([...sent.headers], [
      ["cookie", "a=b"],
      ["katalo-edge", "records=1, bytes=2"],
    ]);
  });

  test("goes by the service binding where the data plane is alone", async (t) => {
    const edge = await isolate(t, "edge", { handle: () => null });
    const passed = [];
    const control = { fetch: async (...values) => (passed.push(values), new Response("from there")) };
    const asked = request();
    const answer = await edge.fetch(asked, { CONTROL: control }, ctx);
    assert.equal(await answer.text(), "from there");
    assert.deepEqual(passed, [[asked]]);
  });

  test("is an internal error where the control plane cannot be reached", async (t) => {
    const edge = await isolate(t, "edge", { handle: () => null });
    await isInternalError(await edge.fetch(request(), {}, ctx));
    // Nothing of the instance broke.
    assert.equal(edge.kept.replaced, 0);
  });
});
