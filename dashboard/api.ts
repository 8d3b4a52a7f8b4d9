// Calls to the admin API, by the session's cookie. The CSRF token is held in
// memory alone; it comes with the session.

import type { Session } from "./types.ts";

const ROOT = "/admin/v1";
/** How long an answer may take; a change that waits to be enforced answers within it. */
const PATIENCE_MS = 20_000;

/** Why a call failed: what the API said, or that there was no answer. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    readonly detail: string,
    readonly requestId: string,
    readonly field: string,
    readonly scope: string,
    readonly retryAfter: number,
  ) {
    super(code);
  }
}

function offline(): Problem {
  return new Problem("offline", 0, "", "", "", "", 0);
}

let csrfToken = "";
let onSessionOver: () => void = () => {};

/** Tells whom to call once the session is over. */
export function whenSessionIsOver(call: () => void): void {
  onSessionOver = call;
}

export interface Options {
  body?: unknown;
  /** The revision that the object must still have. */
  revision?: number;
  idempotencyKey?: string;
  accept?: string;
  signal?: AbortSignal;
  /** Whether `signal` alone says how long it may take. */
  unhurried?: boolean;
}

async function send(method: string, path: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = {};
  if (options.accept) headers.accept = options.accept;
  if (method !== "GET") headers["x-csrf-token"] = csrfToken;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (options.revision !== undefined) headers["if-match"] = `"${options.revision}"`;
  if (options.idempotencyKey) headers["idempotency-key"] = options.idempotencyKey;
  const signals = options.unhurried ? [] : [AbortSignal.timeout(PATIENCE_MS)];
  if (options.signal) signals.push(options.signal);
  let response: Response;
  try {
    response = await fetch(ROOT + path, {
      method,
      headers,
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.any(signals),
    });
  } catch {
    throw offline();
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

async function problemOf(response: Response): Promise<Problem> {
  let said: Record<string, unknown> = {};
  try {
    said = (await response.json()) as Record<string, unknown>;
  } catch {
    // Whatever stands between may answer in its own form.
  }
  const text = (name: string) => (typeof said[name] === "string" ? (said[name] as string) : "");
  return new Problem(
    text("code") || "internal_error",
    response.status,
    text("detail"),
    text("request_id") || response.headers.get("cf-ray") || "",
    text("field"),
    text("scope"),
    Number(response.headers.get("retry-after")) || 0,
  );
}

function noticing<T>(call: Promise<T>): Promise<T> {
  return call.catch((problem: unknown) => {
    if (problem instanceof Problem && problem.code === "missing_credentials") onSessionOver();
    throw problem;
  });
}

async function json<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    // The connection broke within the body.
    throw offline();
  }
}

export function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  return noticing(send(method, path, options).then((response) => json<T>(response)));
}

/** Newline-delimited JSON, as the exact text that was sent, piece by piece as it comes:
 * it may be of any length, and take as long as it goes on coming. One that is cut
 * off ends in a problem. */
export async function* pieces(path: string): AsyncGenerator<string> {
  const silence = new AbortController();
  let patience: number | undefined;
  const wait = () => {
    clearTimeout(patience);
    patience = setTimeout(() => silence.abort(), PATIENCE_MS);
  };
  try {
    wait();
    const options = { accept: "application/x-ndjson", signal: silence.signal, unhurried: true };
    const response = await noticing(send("GET", path, options));
    const reader = (response.body ?? new Blob().stream()).getReader();
    const decoder = new TextDecoder();
    for (;;) {
      wait();
      const { done, value } = await reader.read().catch(() => {
        throw offline();
      });
      if (done) break;
      yield decoder.decode(value, { stream: true });
    }
    yield decoder.decode();
  } finally {
    clearTimeout(patience);
    silence.abort();
  }
}

function opened(session: Session): Session {
  csrfToken = session.csrf_token;
  return session;
}

export const session = {
  read: async () => opened(await json<Session>(await send("GET", "/session", {}))),
  open: async (key: string) =>
    opened(await json<Session>(await send("POST", "/session", { body: { key } }))),
  close: async () => {
    await send("DELETE", "/session", {});
    csrfToken = "";
  },
};

export const paths = {
  organizations: (search: string, deleted: boolean, cursor: string | null) =>
    `/organizations?${query({ search, deleted: String(deleted), cursor, limit: 50 })}`,
  organization: (org: string) => `/organizations/${segment(org)}`,
  keys: (org: string) => `${paths.organization(org)}/keys`,
  key: (org: string, key: string) => `${paths.keys(org)}/${segment(key)}`,
  usage: (org: string, values: Record<string, string | number | null>) =>
    `${paths.organization(org)}/usage?${query(values)}`,
  audit: (org: string) => `${paths.organization(org)}/audit`,
};

function segment(text: string): string {
  return encodeURIComponent(text);
}

export function query(values: Record<string, string | number | null | undefined>): string {
  const set = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString();
}

/** Every item of a listing, up to `most`; `more` where it goes on. */
export async function all<T>(
  path: string,
  values: Record<string, string | number | null>,
  most: number,
  signal?: AbortSignal,
): Promise<{ items: T[]; more: boolean }> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const url: string = `${path}?${query({ ...values, cursor, limit: 200 })}`;
    const page: { items: T[]; next_cursor: string | null } = await call("GET", url, signal ? { signal } : {});
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < most);
  return { items, more: cursor !== null };
}
