// Somebody who reports leaks in GitHub's place. The Worker under test is given
// the key as GitHub's: run by itself, this prints GITHUB_PUBLIC_KEYS.

import { createECDH, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { fileURLToPath } from "node:url";

const NAME = "browser-tests";

const pair = createECDH("prime256v1");
pair.setPrivateKey(Buffer.alloc(32, 7));
const point = pair.getPublicKey();
const jwk = {
  kty: "EC",
  crv: "P-256",
  d: pair.getPrivateKey("base64url"),
  x: point.subarray(1, 33).toString("base64url"),
  y: point.subarray(33).toString("base64url"),
};

/** Tells the service that this key was found at `url`; the answer's status. */
export async function reportLeak(base, token, url) {
  const body = JSON.stringify([{ token, type: "katalo_api_key", url, source: "content" }]);
  const signature = sign("sha256", Buffer.from(body), createPrivateKey({ key: jwk, format: "jwk" }));
  const response = await fetch(`${base}/leaks/github`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "github-public-key-identifier": NAME,
      "github-public-key-signature": signature.toString("base64"),
    },
    body,
  });
  return response.status;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const key = createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
  console.log(JSON.stringify({ public_keys: [{ key_identifier: NAME, key, is_current: true }] }));
}
