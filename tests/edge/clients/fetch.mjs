// Reads a catalog and makes one, by Node's own fetch.
const { BASE, KEY, BODY } = process.env;
const authorization = `Bearer ${KEY}`;
console.log(await (await fetch(`${BASE}/v1/catalogs/c1`, { headers: { authorization } })).text());
const headers = { authorization, "content-type": "application/json" };
console.log(await (await fetch(`${BASE}/v1/catalogs`, { method: "POST", headers, body: BODY })).text());
