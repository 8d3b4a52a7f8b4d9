// As much of the runtime as the shim names, beside what every worker has.

/** Bindings and variables, by the names of wrangler.toml. */
interface Env {
  readonly [name: string]: unknown;
}

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}

/** A Workers KV namespace. */
interface KvNamespace {
  get(name: string): Promise<string | null>;
}

/** Whatever answers requests: a Worker that is bound, or an object's stub. */
interface Fetcher {
  fetch(request: Request | string, init?: RequestInit): Promise<Response>;
}

interface DurableObjectNamespace {
  getByName(name: string, options?: { locationHint: string }): Fetcher;
}

/** What the runtime says of a call that failed. */
interface CallError {
  /** It never reached the object. */
  readonly retryable?: boolean;
  /** The object has more to do than it can. */
  readonly overloaded?: boolean;
}

interface DurableObjectState {
  /** Ends the object with all calls to it; what was written since the last await is
   * not kept. */
  abort(reason: string): void;
}

declare module "cloudflare:workers" {
  export class DurableObject {
    protected readonly ctx: DurableObjectState;
    protected readonly env: Env;
    constructor(ctx: DurableObjectState, env: Env);
  }
}
