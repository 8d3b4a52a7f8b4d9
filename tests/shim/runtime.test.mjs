// What the crate has made for it in one call.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import settings from "../../shim/settings.js";

let isolates = 0;
/** The module as an isolate has it that has answered nothing yet. */
const isolate = () => import(`../../shim/runtime.js?isolate=${(isolates += 1)}`);

const none = new Headers();

describe("a request's id", () => {
  test("is the platform's, where there is one", async () => {
    const { requestId } = await isolate();
    assert.equal(requestId(new Headers({ "CF-Ray": "8a1b-CPH" })), "8a1b-CPH");
  });

  test("is else the isolate's own, counted", async () => {
    const { requestId } = await isolate();
    const first = requestId(none);
    assert.match(first, /^[0-9a-f]{24}00000001$/);
    // Those of the platform do not count.
    requestId(new Headers({ "cf-ray": "8a1b-CPH" }));
    assert.equal(requestId(none), first.slice(0, 24) + "00000002");
  });

  test("is the isolate's own where a client sends what no ray id is", async () => {
    const { requestId } = await isolate();
    assert.equal(requestId(new Headers({ "cf-ray": "r".repeat(40) })), "r".repeat(40));
    assert.match(requestId(new Headers({ "cf-ray": "r".repeat(41) })), /^[0-9a-f]{32}$/);
  });

  test("is no other isolate's", async () => {
    const [one, other] = await Promise.all([isolate(), isolate()]);
    assert.notEqual(one.requestId(none).slice(0, 24), other.requestId(none).slice(0, 24));
  });

  // No randomness is to be had outside a request.
  test("is drawn within a request, once", async (t) => {
    const drawn = t.mock.method(crypto, "getRandomValues");
    const { requestId } = await isolate();
    assert.equal(drawn.mock.callCount(), 0);
    for (let n = 0; n < 3; n += 1) requestId(none);
    assert.equal(drawn.mock.callCount(), 1);
  });

  test("has as many digits for small bytes", async (t) => {
    t.mock.method(crypto, "getRandomValues", (bytes) => bytes.fill(1));
    const { requestId } = await isolate();
    assert.equal(requestId(none), `${"01".repeat(12)}00000001`);
  });
});

describe("a refusal", () => {
  const head = new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });

  test("is the document, with the request's id as its last member", async () => {
    const { refusal } = await isolate();
    const response = refusal(head, '{"code":"missing_key","request_id":', new Headers({ "cf-ray": "8a1b-CPH" }));
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
    assert.deepEqual(await response.json(), { code: "missing_key", request_id: "8a1b-CPH" });
  });

  test("takes the id that is known already, whatever is in it", async () => {
    const { refusal } = await isolate();
    const response = refusal(head, '{"request_id":', new Headers({ "cf-ray": "another" }), 'a "quoted" \\ id');
    assert.deepEqual(await response.json(), { request_id: 'a "quoted" \\ id' });
  });

  test("leaves its head for the next one", async () => {
    const { refusal } = await isolate();
    for (let n = 1; n <= 2; n += 1) {
      const { request_id } = await refusal(head, '{"request_id":', none).json();
      assert.ok(request_id.endsWith(`0000000${n}`));
    }
  });
});

test("a plan names what it says", async () => {
  const { plan } = await isolate();
  assert.deepEqual(plan("UPSTREAM", undefined, "katalo-key-id\nk", "cache-control\nno-store", 60_000, true), {
    binding: "UPSTREAM",
    url: undefined,
    identity: "katalo-key-id\nk",
    added: "cache-control\nno-store",
    deadline: 60_000,
    isRestricted: true,
  });
});

describe("a variable", () => {
  test("is what the Worker is bound to, else what katalo.toml says", async () => {
    const { variable } = await isolate();
    Object.assign(settings, { BRAND: "acme", BOUND: 300, ROUTES: [{ path: "/a" }] });
    for (const [env, name, text] of [
      [{}, "BRAND", "acme"],
      [{}, "BOUND", "300"],
      [{}, "ROUTES", '[{"path":"/a"}]'],
      [{}, "OTHER", undefined],
      [{ BRAND: "other" }, "BRAND", "other"],
      // An empty one is none; what could be a mistake is not.
      [{ BRAND: "" }, "BRAND", "acme"],
      [{ BRAND: null }, "BRAND", "acme"],
      [{ BRAND: " " }, "BRAND", " "],
      [{ BOUND: 0 }, "BOUND", "0"],
      [{ BOUND: false }, "BOUND", "false"],
      [{ OTHER: "" }, "OTHER", undefined],
      [{ ROUTES: [] }, "ROUTES", "[]"],
    ]) {
      assert.equal(variable(env, name), text, `${JSON.stringify(env)} ${name}`);
    }
  });
});
