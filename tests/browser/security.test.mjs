// What keeps the dashboard's session from others. Each test fails once the
// protection it is named after is taken away.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { describe, test } from "node:test";
import { admin, base, dashboard, issue, organization, ready, signIn, until, visits } from "./support.mjs";

const { visit } = visits();

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** A request with exactly these headers, which no browser and no fetch allows. */
function raw(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = request(base + path, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function open() {
  const answer = await raw(
    "POST",
    "/admin/v1/session",
    { "content-type": "application/json", origin: base },
    JSON.stringify({ key: ready.admin_key }),
  );
  assert.equal(answer.status, 201, answer.text);
  const [cookie] = answer.headers["set-cookie"];
  return { answer, setCookie: cookie, cookie: cookie.split(";")[0], token: JSON.parse(answer.text).csrf_token };
}

describe("headers", () => {
  test("every file of the dashboard carries the policy", async () => {
    const page = await (await fetch(dashboard)).text();
    const files = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path);
    assert.equal(files.length, 3, String(files));
    assert.ok(!/<script(?![^>]* src=)/.test(page), "no inline script");
    assert.ok(!/<style|style=|\son[a-z]+=/.test(page), "no inline style or handler");
    for (const path of ["/dashboard/", ...files]) {
      const response = await fetch(base + path);
      assert.equal(response.status, 200, path);
      const header = (name) => response.headers.get(name);
      assert.equal(header("content-security-policy"), POLICY, path);
      assert.equal(header("x-content-type-options"), "nosniff", path);
      assert.equal(header("referrer-policy"), "no-referrer", path);
      assert.equal(header("cross-origin-opener-policy"), "same-origin", path);
      assert.equal(header("cross-origin-resource-policy"), "same-origin", path);
      assert.equal(header("permissions-policy"), "camera=(), geolocation=(), microphone=()", path);
      assert.equal(header("access-control-allow-origin"), null, path);
      assert.equal(header("set-cookie"), null, path);
      const cache = path.startsWith("/dashboard/bundle/")
        ? "public, max-age=31536000, immutable"
        : path === "/dashboard/"
          ? "no-store"
          : "public, max-age=0, must-revalidate";
      assert.equal(header("cache-control"), cache, path);
    }
  });

  test("no answer of the admin API may be stored", async () => {
    await organization("cached", "Cached");
    const { key } = await issue("cached", "Cached");
    const { cookie, answer } = await open();
    assert.equal(answer.headers["cache-control"], "no-store");
    for (const path of [
      "/session",
      "/organizations",
      "/organizations/cached",
      "/organizations/cached/keys",
      `/organizations/cached/keys/${key.id}`,
      `/organizations/cached/keys/${key.id}/impact`,
      "/organizations/cached/usage",
      "/organizations/cached/audit",
      "/organizations/cached/audit/head",
      "/organizations/missing",
      "/status",
    ]) {
      const got = await raw("GET", `/admin/v1${path}`, { cookie });
      assert.equal(got.headers["cache-control"], "no-store", path);
      assert.equal(got.headers["access-control-allow-origin"], undefined, path);
    }
    const whole = await raw("GET", "/admin/v1/organizations/cached/audit", { cookie, accept: "application/x-ndjson" });
    assert.equal(whole.headers["content-type"].split(";")[0], "application/x-ndjson");
    assert.equal(whole.headers["cache-control"], "no-store");
    const made = await fetch(`${base}/admin/v1/organizations/cached/keys`, {
      method: "POST",
      headers: { authorization: `Bearer ${ready.admin_key}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "Cached too", environment: "live", scopes: ["read"] }),
    });
    assert.equal(made.status, 201);
    assert.equal(made.headers.get("cache-control"), "no-store");
  });

  test("the cookie's flags", async () => {
    const { setCookie, token, answer } = await open();
    const [pair, ...flags] = setCookie.split("; ");
    assert.match(pair, /^__Host-katalo-session=.{32,}$/);
    assert.deepEqual(flags.sort(), ["HttpOnly", "Max-Age=3600", "Path=/", "SameSite=Strict", "Secure"]);
    assert.ok(!answer.text.includes(pair.split("=")[1]), "the session's token is not in the body");
    assert.ok(token.length >= 32);
  });
});

describe("cross-site request forgery", () => {
  const path = "/admin/v1/organizations/forged";
  const body = JSON.stringify({ name: "Forged" });

  test("a write needs the cookie, the token, and to come from the page", async () => {
    await organization("forged", "Untouched");
    const { cookie, token } = await open();
    const good = { cookie, "x-csrf-token": token, origin: base, "content-type": "application/json" };
    const without = (name) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
    const refused = [
      ["no token", without("x-csrf-token"), 403],
      ["another token", { ...good, "x-csrf-token": "0".repeat(token.length) }, 403],
      ["no origin", without("origin"), 403],
      ["a foreign origin", { ...good, origin: "https://evil.example" }, 403],
      ["an opaque origin", { ...good, origin: "null" }, 403],
      ["another port", { ...good, origin: "http://127.0.0.1:1" }, 403],
      ["fetch metadata of another site", { ...good, "sec-fetch-site": "cross-site" }, 403],
      ["fetch metadata of a sister site", { ...good, "sec-fetch-site": "same-site" }, 403],
      ["no cookie", without("cookie"), 401],
      ["a form's media type", { ...good, "content-type": "text/plain" }, 415],
    ];
    for (const [what, headers, status] of refused) {
      const answer = await raw("PUT", path, headers, body);
      assert.equal(answer.status, status, `${what}: ${answer.text}`);
    }
    assert.equal((await admin("GET", "/organizations/forged")).body.name, "Untouched");
    const signOut = await raw("DELETE", "/admin/v1/session", { cookie, origin: base });
    assert.equal(signOut.status, 403, "not even a sign-out");
    assert.equal((await raw("PUT", path, good, body)).status, 200);
    assert.equal((await admin("GET", "/organizations/forged")).body.name, "Forged");
  });

  test("nobody is signed in from elsewhere", async () => {
    const headers = { "content-type": "application/json", origin: "https://evil.example" };
    const answer = await raw("POST", "/admin/v1/session", headers, JSON.stringify({ key: ready.admin_key }));
    assert.equal(answer.status, 403);
    assert.equal(answer.headers["set-cookie"], undefined);
  });

  // localhost is another site than 127.0.0.1; another port is another origin of
  // the same site, to which the browser sends the cookie along.
  for (const host of ["localhost", "127.0.0.1"]) {
    visit(
      `a page at another origin can neither write, read nor frame (${host})`,
      async (page, context) => {
        await organization("attacked", "Attacked");
        await signIn(page);
        const before = (await admin("GET", "/organizations/attacked/audit/head")).body.count;
        const attacker = createServer((_, response) => {
          response.setHeader("content-type", "text/html");
          response.end(`<!doctype html><title>evil</title><iframe src="${dashboard}"></iframe>
            <form method="post" enctype="text/plain" target="hole" action="${base}/admin/v1/organizations/attacked/revoke-all">
            <input name='{"reason":"unspecified","note":"' value='"}'></form><iframe name="hole"></iframe>`);
        });
        await new Promise((resume) => attacker.listen(0, resume));
        try {
          const evil = await context.newPage();
          await evil.goto(`http://${host}:${attacker.address().port}/`);
          const framed = evil.frames()[1];
          await until("the frame is refused", () => framed.url().startsWith("chrome-error:"));
          await evil.evaluate(() => document.querySelector("form").submit());
          const read = await evil.evaluate(async (base) => {
            const tries = [
              ["GET", "/organizations/attacked", undefined],
              ["PUT", "/organizations/attacked", '{"name":"Owned"}'],
              ["POST", "/organizations/attacked/keys", '{"name":"x","environment":"live","scopes":["read"]}'],
            ];
            const results = [];
            for (const [method, path, body] of tries) {
              for (const mode of ["cors", "no-cors"]) {
                try {
                  const response = await fetch(`${base}/admin/v1${path}`, { method, mode, body, credentials: "include" });
                  results.push(await response.text());
                } catch {
                  results.push("");
                }
              }
            }
            return results;
          }, base);
          assert.deepEqual([...new Set(read)], [""]);
        } finally {
          attacker.closeAllConnections();
          attacker.close();
        }
        assert.equal((await admin("GET", "/organizations/attacked/audit/head")).body.count, before);
      },
      // The attacker's own requests are no fault of the dashboard.
      { expected: (fault) => /^request to http:|frame|frame-ancestors/.test(fault) },
    );
  }
});

describe("injected script", () => {
  const evil = (n) => `<img src=x${n} onerror="window.pwned=${n}">'"><script>window.pwned=${n}</script>\${7*7}{{7*7}}`;

  visit("text of every field is shown as text", async (page) => {
    const short = `<img src=x onerror="window.pwned=1">"'><svg onload=pwned=1>`;
    await organization("script", short);
    const { key } = await issue("script", evil(2), { metadata: { [evil(3)]: evil(4) } });
    await admin("PATCH", `/organizations/script/keys/${key.id}`, { name: `${evil(5)}!` });
    await admin("POST", `/organizations/script/keys/${key.id}/revoke`, { reason: "unspecified", note: evil(6) });
    const person = await admin("POST", "/organizations/_platform/keys", {
      name: evil(7),
      environment: "admin",
      scopes: ["organizations:read", "organizations:write", "keys:read", "keys:write", "audit:read", "usage:read", "status:read", "admins:write"],
    });
    await issue("script", "By a badly named administrator", {}).catch(() => {});
    await admin("POST", "/organizations/script/keys", { name: "Theirs", environment: "live", scopes: ["read"] }, person.body.secret);
    await signIn(page, person.body.secret);
    const shows = async (place, text) => {
      await page.goto(dashboard + place);
      await page.getByText(text, { exact: false }).first().waitFor();
      await page.waitForTimeout(300);
      const found = await page.evaluate(() => ({
        pwned: window.pwned,
        elements: document.querySelectorAll("main img, main script, main svg[onload], [onerror]").length,
      }));
      assert.deepEqual(found, { pwned: undefined, elements: 0 }, place);
    };
    await shows("", short);
    await shows("#/organizations/script/keys", "onerror=\"window.pwned=5\"");
    await shows("#/organizations/script/settings", short);
    await shows(`#/organizations/script/keys/${key.id}`, "window.pwned=4");
    await shows("#/organizations/_platform/keys", "window.pwned=7");
    await page.goto(`${dashboard}#/organizations/script/audit`);
    await page.getByText("Details").first().waitFor();
    for (const details of await page.getByRole("button", { name: "Details" }).all()) await details.click();
    for (const n of [2, 5, 7]) await page.getByText(`window.pwned=${n}`).first().waitFor();
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.locator("main img, main script").count(), 0);
    // What comes in by the address is text too.
    await page.goto(`${dashboard}?lang=${encodeURIComponent(evil(8))}#/organizations/${encodeURIComponent(evil(9))}/keys`);
    await page.getByText("window.pwned=9").first().waitFor();
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    await page.goto(`${dashboard}#/organizations/script/keys`);
    await page.getByLabel("Search by name").fill(evil(1));
    await page.getByText("No key matches the filter.").waitFor();
    assert.equal(await page.evaluate(() => window.pwned), undefined);
  });

  // Whatever the API may one day let through: in each answer, every text that is
  // not a fixed word, an id or a time is markup.
  visit("text of every answer is shown as text", async (page) => {
    await organization("everything", "Everything");
    const { key } = await issue("everything", "Everything", { metadata: { note: "text" }, allowed_ips: ["192.0.2.0/24"] });
    await admin("POST", `/organizations/everything/keys/${key.id}/rotate`, {});
    const markup = `<img src=x onerror="window.pwned=1"><a href="javascript:window.pwned=1">x</a>`;
    const fixed = /^(id|key|key_id|organization|kind|state|environment|api_access|action|csrf_token|next_cursor|start|by|at|.*_at|since|replaces|replaced_by|outcome|current|previous|hash)$/;
    const poisoned = (value, name = "") => {
      if (typeof value === "string") return fixed.test(name) ? value : markup;
      if (Array.isArray(value)) return name === "scopes" ? [...value, markup] : value.map((item) => poisoned(item, name));
      if (value === null || typeof value !== "object") return value;
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, poisoned(member, name)]));
    };
    await page.route("**/admin/v1/**", async (route) => {
      const response = await route.fetch();
      const body = poisoned(await response.json());
      const at = new Date().toISOString();
      for (const item of [body, ...(body.items ?? [])]) {
        if (!item.allowed_ips) continue;
        Object.assign(item, { exposed_at: at, exposed_origin: markup, leaked_at: at, leak_url: markup });
        Object.assign(item, { restriction: { reason: "leak", since: at, scopes: [markup] }, bound_organization: markup });
      }
      if (body.platform) body.platform.preflights = [{ origin: markup, count: 1, last_at: at }];
      if (body.platform) body.platform.keys_per_ring_entry = { [markup]: 1 };
      if (body.root_keys) body.root_keys.entries = [markup];
      if (body.change_log) body.weakened_by = [{ setting: markup, at_most_ms: null, text: markup }];
      await route.fulfill({ response, json: body });
    });
    await page.route("**/usage?*", (route) =>
      route.fulfill({
        json: {
          items: [{ start: new Date().toISOString(), by: "hour", key: key.id, scope: markup, outcome: markup, count: 3 }],
          next_cursor: null,
        },
      }),
    );
    await signIn(page);
    for (const [place, least] of [
      ["", 1],
      ["#/organizations/everything/keys", 5],
      [`#/organizations/everything/keys/${key.id}`, 6],
      ["#/organizations/everything/settings", 1],
      ["#/organizations/everything/issue", 1],
      ["#/organizations/everything/audit", 2],
      ["#/status", 4],
    ]) {
      await page.goto(dashboard + place);
      await page.getByText("onerror=").first().waitFor();
      await until("all is loaded", async () => (await page.locator(".loading").count()) === 0);
      for (const details of await page.getByRole("button", { name: "Details" }).all()) await details.click();
      const found = await page.evaluate(() => ({
        pwned: window.pwned,
        elements: document.querySelectorAll("main :is(img, script, [onerror])").length,
        links: [...document.querySelectorAll("a")].filter((link) => !link.href.startsWith(location.origin)).length,
        times: document.body.innerText.split("onerror=").length - 1,
      }));
      assert.ok(found.times >= least, `${place}: ${found.times}`);
      assert.deepEqual({ ...found, times: 0 }, { pwned: undefined, elements: 0, links: 0, times: 0 }, place);
    }
  });

  visit(
    "even script in the markup would not run, nor call home",
    async (page) => {
      await signIn(page);
      const ran = await page.evaluate(async () => {
        const script = document.createElement("script");
        script.textContent = "window.inline = 1";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", `<img src="/missing.png" onerror="window.handler = 1">`);
        const missing = new Promise((resume) => document.body.lastChild.addEventListener("error", resume));
        document.body.insertAdjacentHTML("beforeend", `<p id="styled" style="color: rgb(1, 2, 3)">x</p>`);
        const base = document.createElement("base");
        base.href = "https://evil.example/";
        document.head.append(base);
        const home = await fetch("http://localhost:1/").catch(() => "refused");
        await missing;
        return {
          inline: window.inline,
          handler: window.handler,
          styled: getComputedStyle(document.getElementById("styled")).color === "rgb(1, 2, 3)",
          base: document.baseURI.startsWith("https://evil"),
          home,
        };
      });
      assert.deepEqual(ran, { inline: undefined, handler: undefined, styled: false, base: false, home: "refused" });
    },
    { expected: () => true },
  );
});
