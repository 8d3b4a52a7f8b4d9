// The control plane's shim: administrators' requests, and the Durable Objects.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ctx, env, isolate, never, request, throws, trap, URL_ } from "./worker.mjs";

describe("a request", () => {
  test("is handed over, and answered", async (t) => {
    const handed = [];
    const answer = new Response("ok");
    const worker = await isolate(t, "control", { handle: async (...values) => (handed.push(values), answer) });
    const asked = request({ authorization: "Bearer k" });
    assert.equal(await worker.fetch(asked, env, ctx), answer);
    assert.deepEqual(handed, [[asked, asked.headers, env, ctx, URL_, "Bearer k"]]);
  });

  test("for a listing is answered page by page", async (t) => {
    const asked = [];
    const worker = await isolate(t, "control", {
      handle: async () => ({ head: new Response(null, { status: 200 }), text: "1\n", next: "a" }),
      lines_after: async (...values) => (asked.push(values.at(-1)), ["2\n", undefined]),
    });
    const answer = await worker.fetch(request(), env, ctx);
    assert.equal(await answer.text(), "1\n2\n");
    assert.deepEqual(asked, ["a"]);
  });

  test("that traps is an internal error, and costs this plane's instance alone", async (t) => {
    const worker = await isolate(t, "control", { handle: () => throws(trap()) });
    const answer = await worker.fetch(request(), env, ctx);
    assert.equal(answer.status, 500);
    assert.equal(worker.kept.replaced, 1);
    assert.deepEqual(worker.kept.log, [{ event: "trap", plane: "control", generation: 1, error: "RuntimeError: unreachable" }]);
  });
});

describe("an object", () => {
  const message = () => new Request("https://object/", { method: "POST", body: "{}" });

  /** An object over these inner ones, one for each time that it is made. */
  async function object(t, ...inners) {
    const made = [];
    const worker = await isolate(t, "control", { Registry: (...values) => (made.push(values), inners.shift()) });
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
