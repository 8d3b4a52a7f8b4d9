// The limit of a refusal: the same bytes under the same headers, after the reads
// that no refusal does without, from JavaScript.
const head = new Response(null, {
  status: 401,
  headers: {
    "cache-control": "no-store",
    "www-authenticate": `Bearer realm="katalo", error="invalid_token", error_description="The API key is malformed"`,
    "content-type": "application/problem+json",
    "x-content-type-options": "nosniff",
  },
});

const FORM = /^Bearer kat_[a-z]+_[0-9A-Za-z]{30}\.[0-9A-Za-z]{49}$/;

const isolate = "0123456789abcdef01234567";
let count = 0;
let document;
let origin;

export default {
  fetch(request) {
    const { headers, url } = request;
    if (headers.has("origin") || headers.has("sec-fetch-site") || headers.has("sec-fetch-dest")) return new Response("browser", { status: 403 });
    // Nobody knows this one; a checksum would cost more.
    const wellFormed = FORM.test(headers.get("authorization") ?? "");
    if (origin === undefined || !url.startsWith(origin)) {
      origin = new URL(url).origin;
      const text = JSON.stringify({
        type: `${origin}/problems/malformed_key`,
        title: "The API key is malformed",
        status: 401,
        detail: "Send the whole key exactly as it was shown when it was issued, in one `Authorization` header.",
        code: wellFormed ? "invalid_key" : "malformed_key",
      });
      document = `${text.slice(0, -1)},"request_id":`;
    }
    const id = headers.get("cf-ray") ?? isolate + (++count).toString(16).padStart(8, "0");
    return new Response(`${document}${JSON.stringify(id)}}`, head);
  },
};
