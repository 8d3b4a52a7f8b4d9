// How the shim asks Durable Objects and Workers KV, and how objects answer.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, read, reply } from "../../shim/objects.js";

const failure = (marks) => Object.assign(new Error("as the runtime throws it"), marks);
const never = () => new Promise(() => {});

/** A namespace whose calls come to these outcomes, one after the other: a function is
 * called. It keeps what it was asked. */
function objects(...outcomes) {
  const namespace = {
    stubs: [],
    calls: [],
    getByName(...address) {
      namespace.stubs.push(address);
      return {
        async fetch(url, init) {
          namespace.calls.push({ url, ...init });
          assert.ok(outcomes.length > 0, "one question too many");
          return outcomes.shift()();
        },
      };
    },
  };
  return namespace;
}

const says = (text, status = 200) => () => new Response(text, { status });
const throws = (marks) => () => {
  throw failure(marks);
};

const question = (namespace, milliseconds) => ask(namespace, "acme", undefined, false, "{}", milliseconds);

/** Lets everything happen that waits for no timer. */
const settle = () => new Promise((resume) => setImmediate(resume));

describe("a question", () => {
  test("is posted to the object of this name, near where it should be created", async () => {
    const namespace = objects(says("{}"), says("{}"));
    await ask(namespace, "acme", undefined, false, "first");
    await ask(namespace, "weur-0", "weur", true, "second");
    assert.deepEqual(namespace.stubs, [
      ["acme", undefined],
      ["weur-0", { locationHint: "weur" }],
    ]);
    assert.deepEqual(namespace.calls, [
      { url: "https://object/", method: "POST", body: "first" },
      { url: "https://object/yields", method: "POST", body: "second" },
    ]);
  });

  test("comes to the answer's text, or to its status", async () => {
    assert.equal(await question(objects(says("text"))), "text");
    assert.equal(await question(objects(says(""))), "");
    for (const status of [400, 500, 503]) assert.equal(await question(objects(says("not read", status))), status);
  });
});

describe("a question that fails", () => {
  test("is asked once more where it never reached the object, of a new stub", async () => {
    const namespace = objects(throws({ retryable: true }), says("text"));
    assert.equal(await question(namespace), "text");
    assert.equal(namespace.stubs.length, 2);
  });

  test("is asked no third time", async () => {
    const namespace = objects(throws({ retryable: true }), throws({ retryable: true }));
    assert.equal(await question(namespace), undefined);
    assert.equal(namespace.calls.length, 2);
  });

  for (const marks of [{}, { retryable: false }]) {
    test(`is not asked again after ${JSON.stringify(marks)}: it may have been heard`, async () => {
      const namespace = objects(throws(marks));
      assert.equal(await question(namespace), undefined);
      assert.equal(namespace.calls.length, 1);
    });
  }

  for (const marks of [{ overloaded: true }, { overloaded: true, retryable: true }]) {
    test(`adds nothing to an overload, which is 503, after ${JSON.stringify(marks)}`, async () => {
      const namespace = objects(throws(marks));
      assert.equal(await question(namespace), 503);
      assert.equal(namespace.calls.length, 1);
    });
  }

  test("is 503 as well where the second try meets the overload", async () => {
    const namespace = objects(throws({ retryable: true }), throws({ overloaded: true, retryable: true }));
    assert.equal(await question(namespace), 503);
    assert.equal(namespace.calls.length, 2);
  });

  test("is not asked again for a status: that is an answer", async () => {
    const namespace = objects(says("", 503));
    assert.equal(await question(namespace), 503);
    assert.equal(namespace.calls.length, 1);
  });

  test("is asked once more where the answer broke off, if the runtime says so", async () => {
    const broken = (marks) => () => ({ ok: true, text: () => Promise.reject(failure(marks)) });
    assert.equal(await question(objects(broken({ retryable: true }), says("text"))), "text");
    assert.equal(await question(objects(broken({}), says("text"))), undefined);
  });
});

describe("a deadline", () => {
  test("ends the wait with no answer, and not before", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let answer = "waits";
    const asked = question(objects(never), 250).then((said) => (answer = said));
    t.mock.timers.tick(249);
    await settle();
    assert.equal(answer, "waits");
    t.mock.timers.tick(1);
    assert.equal(await asked, undefined);
  });

  test("is one for both tries together", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let fail;
    const slow = () => new Promise((_, reject) => (fail = reject));
    const namespace = objects(slow, never);
    const asked = question(namespace, 250);
    await settle();
    t.mock.timers.tick(200);
    fail(failure({ retryable: true }));
    await settle();
    assert.equal(namespace.calls.length, 2);
    t.mock.timers.tick(50);
    assert.equal(await asked, undefined);
  });

  test("is none unless it is given", async (t) => {
    const timers = t.mock.method(globalThis, "setTimeout");
    assert.equal(await question(objects(says("text"))), "text");
    assert.equal(timers.mock.callCount(), 0);
  });

  for (const [what, outcome, said] of [
    ["an answer", says("text"), "text"],
    ["a failure", throws({}), undefined],
  ]) {
    test(`leaves no timer behind after ${what}`, async (t) => {
      const begun = t.mock.method(globalThis, "setTimeout");
      const ended = t.mock.method(globalThis, "clearTimeout");
      assert.equal(await question(objects(outcome), 60_000), said);
      const timers = begun.mock.calls.map((call) => call.result);
      assert.equal(timers.length, 1);
      assert.deepEqual(
        ended.mock.calls.map((call) => call.arguments[0]),
        timers,
      );
    });
  }

  // A rejection that nobody handles fails the test.
  test("that passed makes nothing of a later failure", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let fail;
    const asked = question(objects(() => new Promise((_, reject) => (fail = reject))), 10);
    await settle();
    t.mock.timers.tick(10);
    assert.equal(await asked, undefined);
    fail(failure({}));
    await settle();
  });
});

describe("a read of Workers KV", () => {
  const kv = (get) => ({ get });

  test("tells a value from none, and both from no answer", async () => {
    assert.equal(await read(kv(async (name) => `of ${name}`), "k/1", 1_000), "of k/1");
    assert.equal(await read(kv(async () => null), "k/1", 1_000), null);
    assert.equal(await read(kv(() => Promise.reject(failure({}))), "k/1", 1_000), undefined);
    // Workers KV throws at once where a name is too long.
    assert.equal(
      await read(
        kv(() => {
          throw failure({});
        }),
        "k/1",
        1_000,
      ),
      undefined,
    );
  });

  test("waits no longer than it is told", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const value = read(kv(never), "k/1", 100);
    t.mock.timers.tick(100);
    assert.equal(await value, undefined);
  });
});

describe("an object", () => {
  const message = (url, body = "{}") => new Request(url, { method: "POST", body });
  const place = () => 7;

  test("answers with a text, or with a status and no text", async () => {
    const text = await reply(message("https://object/"), place, async () => "text");
    assert.deepEqual([text.status, await text.text()], [200, "text"]);
    const unread = await reply(message("https://object/"), place, () => 400);
    assert.deepEqual([unread.status, await unread.text()], [400, ""]);
  });

  test("hands the message over with its place", async () => {
    const heard = [];
    const answer = (...message) => (heard.push(message), "");
    await reply(message("https://object/", "one"), place, answer);
    await reply(message("https://object/yields", "two"), place, answer);
    // As a later version may call it.
    await reply(message("https://object/else", "three"), () => 0, answer);
    assert.deepEqual(heard, [
      ["one", false, 7],
      ["two", true, 7],
      ["three", false, 0],
    ]);
  });

  test("with too much to do does not even read", async () => {
    const request = message("https://object/yields", "unread");
    const took = [];
    const response = await reply(
      request,
      (first) => void took.push(first),
      () => assert.fail("it was read"),
    );
    assert.equal(response.status, 503);
    assert.deepEqual(took, [true]);
    assert.equal(request.bodyUsed, false);
  });

  test("leaves its failures to who called it", async () => {
    await assert.rejects(
      reply(message("https://object/"), place, () => Promise.reject(failure({}))),
      /as the runtime throws it/,
    );
  });
});
