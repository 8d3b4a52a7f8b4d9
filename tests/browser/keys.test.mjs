// Keys have no business in a browser: what a page does with one is refused,
// unreadable to it, and, where the key is genuine, on record with the page's origin.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { admin, base, issue, launch, organization, until } from "./support.mjs";

const ORGANIZATION = "pages";

// Another site than the service's.
const server = createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>shop</title><body>");
});
let origin;

before(async () => {
  await new Promise((resume) => server.listen(0, "localhost", resume));
  origin = `http://localhost:${server.address().port}`;
  await organization(ORGANIZATION, "Pages");
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** What every answer to the page is, as the network brought it: refused, and
 * open to nobody. */
function watch(page) {
  const seen = [];
  page.on("response", async (response) => {
    if (!response.url().startsWith(base)) return;
    const headers = response.headers();
    seen.push({
      method: response.request().method(),
      path: new URL(response.url()).pathname,
      status: response.status(),
      opened: Object.keys(headers).filter((name) => name.startsWith("access-control-")),
    });
  });
  return seen;
}

async function exposed(key) {
  let shown;
  await until("the key is marked", async () => {
    shown = (await admin("GET", `/organizations/${ORGANIZATION}/keys/${key.id}`)).body;
    return shown.exposed_at !== null;
  });
  const audit = (await admin("GET", `/organizations/${ORGANIZATION}/audit?limit=200`)).body;
  const entries = audit.items.filter((entry) => entry.action === "key.exposed" && entry.subject.id === key.id);
  assert.equal(entries.length, 1);
  assert.equal(entries[0].after.origin, shown.exposed_origin);
  return shown.exposed_origin;
}

describe("a page of another site", () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());

  async function open() {
    const page = await (await browser.newContext()).newPage();
    await page.goto(origin);
    return { page, seen: watch(page) };
  }

  test("is refused by fetch, XHR, form and image, and reads nothing", async () => {
    const { key, secret } = await issue(ORGANIZATION, "Refused");
    const { page, seen } = await open();
    const read = await page.evaluate(
      async ([base, secret]) => {
        const authorization = `Bearer ${secret}`;
        const results = [];
        const attempt = async (what) => results.push(await what().catch(() => "refused"));
        for (const path of ["/v1/key", "/v1/catalogs/c1", "/authorize", "/oauth2/introspect"]) {
          await attempt(async () => (await fetch(base + path, { headers: { authorization } })).text());
          await attempt(async () => (await fetch(base + path)).text());
          await attempt(async () => (await fetch(base + path, { mode: "no-cors" })).text());
          await attempt(
            () =>
              new Promise((resolve, reject) => {
                const call = new XMLHttpRequest();
                call.open("GET", base + path);
                call.setRequestHeader("Authorization", authorization);
                call.onload = () => resolve(call.responseText);
                call.onerror = reject;
                call.send();
              }),
          );
          await attempt(
            () =>
              new Promise((resolve, reject) => {
                const image = new Image();
                image.onload = () => resolve("an image");
                image.onerror = reject;
                image.src = base + path;
              }),
          );
        }
        return results;
      },
      [base, secret],
    );
    assert.equal(read.length, 20);
    // What no-cors gives is empty to the page.
    assert.deepEqual([...new Set(read)].sort(), ["", "refused"]);
    await page.setContent(`<form method="post" action="${base}/v1/catalogs"><input name="name" value="x"></form>`);
    await Promise.all([page.waitForURL(`${base}/v1/catalogs`), page.evaluate(() => document.querySelector("form").submit())]);
    const shown = await page.evaluate(() => document.body.innerText);
    assert.match(shown, /browser_call_refused/);
    // The browser tells of answers late, and of some that it keeps from the page never.
    await until("five are told of", () => seen.length >= 5);
    for (const answer of seen) {
      assert.equal(answer.status, 403, JSON.stringify(answer));
      assert.deepEqual(answer.opened, []);
    }
    // The preflight stopped the key before it was sent; who asked is counted.
    const { body } = await admin("GET", `/organizations/${ORGANIZATION}/keys/${key.id}`);
    assert.equal(body.exposed_at, null);
    await until("the preflights are counted", async () => {
      const status = (await admin("GET", "/status")).body;
      return JSON.stringify(status).includes(origin);
    });
  });

  test("that posts a key by a form has it marked", async () => {
    const { key, secret } = await issue(ORGANIZATION, "Posted");
    const { page, seen } = await open();
    await page.setContent(`<form method="post" action="${base}/oauth2/introspect"><input name="token" value="${secret}"></form>`);
    await Promise.all([page.waitForURL(`${base}/**`), page.evaluate(() => document.querySelector("form").submit())]);
    assert.equal(await exposed(key), origin);
    assert.deepEqual(
      seen.map(({ status }) => status),
      [403],
    );
  });

  test("that puts a key into an address has it marked", async () => {
    const { key, secret } = await issue(ORGANIZATION, "In an address");
    const { page } = await open();
    await page.evaluate(
      ([base, secret]) =>
        new Promise((resolve) => {
          const image = new Image();
          image.onerror = resolve;
          image.src = `${base}/v1/catalogs/c1?key=${secret}`;
        }),
      [base, secret],
    );
    assert.equal(await exposed(key), origin);
  });

  test("a key of somebody's own making marks nothing", async () => {
    const { key, secret } = await issue(ORGANIZATION, "Not shown");
    const { key: marked, secret: other } = await issue(ORGANIZATION, "Shown");
    const { page } = await open();
    const forged = `${secret.split(".")[0]}.${other.split(".")[1]}`;
    for (const shown of [forged, other]) {
      await page.evaluate(([base, shown]) => fetch(`${base}/v1/key?key=${shown}`).catch(() => {}), [base, shown]);
    }
    // The one that came later is marked by then.
    await exposed(marked);
    const { body } = await admin("GET", `/organizations/${ORGANIZATION}/keys/${key.id}`);
    assert.equal(body.exposed_at, null);
  });
});

test("a browser without its protection shows a key, which is marked", async () => {
  const { key, secret } = await issue(ORGANIZATION, "Unprotected");
  const browser = await launch("--disable-web-security");
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    const read = await page.evaluate(
      async ([base, secret]) => {
        const answer = await fetch(`${base}/v1/key`, { headers: { authorization: `Bearer ${secret}` } });
        return [answer.status, (await answer.json()).code];
      },
      [base, secret],
    );
    assert.deepEqual(read, [403, "browser_call_refused"]);
    assert.equal(await exposed(key), origin);
  } finally {
    await browser.close();
  }
});
