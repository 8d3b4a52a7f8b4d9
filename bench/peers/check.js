// What a careful team would write by hand in JavaScript: the same key format,
// the same digest, the same records, the same answer as ours; memory first, then
// Workers KV. No freshness: a record once read is believed for ever.
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

// kat_live_ and 30 digits, a dot, 49 digits.
const FORM = /^kat_live_[0-9A-Za-z]{30}\.[0-9A-Za-z]{49}$/;

const records = new Map();
let pepper;

const CODES = { missing_credentials: 401, malformed_key: 401, invalid_key: 401, revoked_key: 401, insufficient_scope: 403 };

function refuse(request, code) {
  const status = CODES[code];
  const problem = {
    type: `https://keys.example/problems/${code}`,
    title: code,
    status,
    code,
    detail: "The request was refused.",
    request_id: request.headers.get("cf-ray") ?? crypto.randomUUID(),
  };
  return new Response(JSON.stringify(problem), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "www-authenticate": `Bearer realm="katalo", error="invalid_token"`,
    },
  });
}

function judge(request, presented, record) {
  if (record === null) return refuse(request, "invalid_key");
  const digest = createHmac("sha256", pepper).update(presented).digest();
  if (!timingSafeEqual(digest, record.digest)) return refuse(request, "invalid_key");
  if (record.revoked) return refuse(request, "revoked_key");
  return new Response(null, {
    headers: {
      "katalo-organization": record.organization,
      "katalo-key-id": record.id,
      "katalo-environment": "live",
      "katalo-scopes": record.scopes,
      "katalo-assertion": "",
      "katalo-decision": record.decision,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    },
  });
}

async function load(request, env, presented, id) {
  const asks = env.RELAY ? env.RELAY.get(env.RELAY.idFromName("relay")).fetch("http://relay/", { method: "POST", body: id }) : null;
  const value = await env.KEYS.get(`js/${id}`);
  if (asks !== null) await (await asks).text();
  let record = null;
  if (value !== null) {
    record = JSON.parse(value);
    record.digest = Buffer.from(record.digest, "base64");
    records.set(id, record);
  }
  return judge(request, presented, record);
}

export default {
  fetch(request, env) {
    pepper ??= Buffer.from(env.PEPPER, "base64");
    const { headers } = request;
    if (headers.has("origin") || headers.has("sec-fetch-site")) return refuse(request, "invalid_key");
    const authorization = headers.get("authorization");
    if (authorization === null) return refuse(request, "missing_credentials");
    if (!authorization.startsWith("Bearer ")) return refuse(request, "malformed_key");
    const presented = authorization.slice(7);
    if (!FORM.test(presented)) return refuse(request, "malformed_key");
    const id = presented.slice(0, 39);
    const record = records.get(id);
    return record === undefined ? load(request, env, presented, id) : judge(request, presented, record);
  },
};

// Stands for the relay: an object that is asked, asks the change log where there
// is one, and answers shortly.
export class Relay {
  constructor(ctx, env) {
    this.log = env.CHANGE_LOG;
  }

  async fetch(request) {
    const id = await request.text();
    if (this.log === undefined) return new Response(id);
    const answer = await this.log.get(this.log.idFromName("log")).fetch("http://log/", { method: "POST", body: id });
    return new Response(await answer.text());
  }
}

// Stands for the change log: the statements that ours runs for a question.
export class ChangeLog {
  constructor(ctx) {
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS meta (one INTEGER PRIMARY KEY, incarnation INTEGER, lease INTEGER, wait INTEGER)");
    this.sql.exec("INSERT OR IGNORE INTO meta VALUES (1, 1, 5000, 5000)");
    this.sql.exec("CREATE TABLE IF NOT EXISTS subject (subject TEXT PRIMARY KEY, revision INTEGER, seq INTEGER) WITHOUT ROWID");
    this.sql.exec("CREATE UNIQUE INDEX IF NOT EXISTS subject_by_seq ON subject (seq)");
  }

  async fetch(request) {
    const id = await request.text();
    const [meta] = this.sql.exec("SELECT incarnation, lease, wait, (SELECT coalesce(max(seq), 0) FROM subject) FROM meta WHERE one = 1").raw();
    const required = [...this.sql.exec("SELECT revision FROM subject WHERE subject = ?", id).raw()];
    return new Response(JSON.stringify({ meta, required }));
  }
}
