// Checks `Katalo-Assertion`. Node.js 20 or later, no library.
import { createHmac, timingSafeEqual } from "node:crypto";

/** The claims, or null where the assertion is not good for this request.
 * `path` is without its query; `now` in seconds. */
export function check(assertion, secret, issuer, method, path, now) {
  const parts = assertion.split(".");
  if (parts.length !== 3) return null;
  const [header, claims, signature] = parts;
  const expected = createHmac("sha256", secret).update(`${header}.${claims}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const read = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
  if (read(header).alg !== "HS256") return null;
  const said = read(claims);
  const good = said.iss === issuer && said.exp > now && said.htm === method && said.htu === issuer + path;
  return good ? said : null;
}

// node check.mjs ASSERTION ISSUER METHOD PATH NOW, with ASSERTION_SECRET set
if (import.meta.filename === process.argv[1]) {
  const [assertion, issuer, method, path, now] = process.argv.slice(2);
  console.log(JSON.stringify(check(assertion, process.env.ASSERTION_SECRET, issuer, method, path, Number(now))));
}
