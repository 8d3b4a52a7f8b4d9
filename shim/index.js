// The Worker's entry: calls straight into the compiled crate.
//
// The shim decides how things are carried, and that alone:
// - a question that never reached its object is asked once more, and nothing is waited
//   for beyond the time that the crate gives it (objects.js);
// - what `Connection` names goes no further, and no redirect is followed (gateway.js);
// - an instance that trapped is replaced: its calls under way fail, and its objects
//   are aborted, so that nothing is committed by half.
//
// It never decides who may do what, what is fresh enough, where a request goes, which
// headers stay behind by their names, or what a refusal says. `internal_error` alone is
// written here, for when the crate cannot.
//
// Why not the shim that worker-build ships: it wraps the Worker and every
// object in a Proxy, and makes each call asynchronous. Those two, not hashing,
// are the cost of a warm decision. What it does and this must do too is to
// recover from a trap: a panic leaves the instance with broken statics, so a
// new one takes its place before the next call.

import { DurableObject } from "cloudflare:workers";
import * as crate from "./katalo_keys.js";
import { forward } from "./gateway.js";
import { stream } from "./lines.js";
import { reply } from "./objects.js";
import { requestId } from "./runtime.js";

/** @import { Answer, Inner, Listing, Plan } from "./katalo_keys.js" */

// Each wake of a future goes through here. The runtime's own costs several
// microseconds, a promise's reaction a fraction of one.
globalThis.queueMicrotask = (call) => void Promise.resolve().then(call);

// Counts the instances of the crate. Handles into an older one are dead.
let generation = 0;

// The rejectors of all asynchronous calls under way. A trap ends every one of
// them: their futures lived in the broken instance and would never settle. The
// references are weak, because a call whose client went away never settles
// either, and must not be kept.
/** @type {Set<WeakRef<(reason: unknown) => void>>} */
const underWay = new Set();
/** @type {FinalizationRegistry<WeakRef<(reason: unknown) => void>>} */
const forgotten = new FinalizationRegistry((reference) => underWay.delete(reference));

// Thrown to the callers of everything that was under way when the crate trapped.
class Trapped extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super("the instance trapped", { cause });
  }
}

/** @param {unknown} cause */
function replaceInstance(cause) {
  const trapped = new Trapped(cause);
  generation += 1;
  crate.__wbg_reset_state();
  for (const reference of underWay) reference.deref()?.(trapped);
  underWay.clear();
  console.error(JSON.stringify({ event: "trap", generation, error: String(cause) }));
  return trapped;
}

/**
 * Also what a stack that ran out throws.
 *
 * @param {unknown} error
 */
function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

// Futures are polled from microtasks: a trap there reaches nobody's `catch`.
addEventListener("error", (event) => void replaceInstance(event.error));
addEventListener("unhandledrejection", (event) => {
  if (isTrap(event.reason)) replaceInstance(event.reason);
});

/**
 * Calls into the crate. Anything thrown out of it left frames behind that never
 * ran to their end, so the instance is given up, whatever the error was.
 *
 * @template T
 * @param {() => T} call
 * @returns {T}
 */
function enter(call) {
  let result;
  try {
    result = call();
  } catch (error) {
    throw replaceInstance(error);
  }
  return result instanceof Promise ? /** @type {T} */ (settle(result)) : result;
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function settle(promise) {
  return new Promise((resolve, reject) => {
    const reference = new WeakRef(reject);
    underWay.add(reference);
    forgotten.register(reject, reference);
    promise.then(
      (value) => {
        underWay.delete(reference);
        resolve(value);
      },
      (error) => {
        underWay.delete(reference);
        // A trap while the promise was being made comes out as its rejection.
        reject(isTrap(error) ? replaceInstance(error) : error);
      },
    );
  });
}

/**
 * Says no more than that it failed: details are in the log alone. It is the crate's
 * own document (a test holds the two together), written here for when the crate cannot.
 *
 * @param {Request} request
 */
function internalError(request) {
  const problem = {
    type: new URL("/problems/internal_error", request.url).href,
    title: "Something went wrong on our side",
    status: 500,
    detail: "Try again; report the request id if it stays.",
    code: "internal_error",
    request_id: requestId(request.headers),
  };
  return new Response(JSON.stringify(problem), {
    status: 500,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

/**
 * @param {unknown} error
 * @param {Request} request
 */
function failed(error, request) {
  if (!(error instanceof Trapped)) console.error(JSON.stringify({ event: "fault", error: String(error) }));
  return internalError(request);
}

/**
 * What every request is asked for is read here, once: a call from the crate back
 * into the runtime costs more than the header itself. Which of the three headers
 * show a browser, and what follows from it, the crate knows.
 *
 * @param {Request} request
 * @param {Env} env
 * @param {ExecutionContext} ctx
 */
function handle(request, env, ctx) {
  const { headers, url } = request;
  const signs = (headers.has("origin") ? 1 : 0) | (headers.has("sec-fetch-site") ? 2 : 0) | (headers.has("sec-fetch-dest") ? 4 : 0);
  return crate.handle(request, headers, env, ctx, url, headers.get("authorization"), signs);
}

/** @type {(name: string, isOfRequest: boolean) => number} */
const judge = (name, isOfRequest) => enter(() => crate.passage(name, isOfRequest));

/**
 * What the crate answered, made a Response of.
 *
 * @param {Answer} answer
 * @param {Request} request
 * @param {Env} env
 * @param {ExecutionContext} ctx
 */
function carryOut(answer, request, env, ctx) {
  if (answer instanceof Response) return answer;
  return "head" in answer ? list(answer, request, env, ctx) : forwardBy(answer, request, env);
}

/**
 * A listing that has more than one page.
 *
 * @param {Listing} listing
 * @param {Request} request
 * @param {Env} env
 * @param {ExecutionContext} ctx
 */
function list(listing, request, env, ctx) {
  const { headers, url } = request;
  return stream(listing, (next) => enter(() => crate.lines_after(request, headers, env, ctx, url, headers.get("authorization"), next)));
}

/**
 * What was granted goes on to the API behind.
 *
 * @param {Plan} plan
 * @param {Request} request
 * @param {Env} env
 */
function forwardBy(plan, request, env) {
  /** @param {string} code */
  const refuse = (code) => {
    try {
      const { headers, url } = request;
      return enter(() => crate.not_forwarded(request, headers, url, headers.get("authorization"), code, plan.isRestricted));
    } catch (error) {
      return failed(error, request);
    }
  };
  return forward(request, env, plan, judge, refuse);
}

/**
 * @param {Promise<Answer>} promise
 * @param {Request} request
 * @param {Env} env
 * @param {ExecutionContext} ctx
 */
async function settled(promise, request, env, ctx) {
  try {
    return await carryOut(await promise, request, env, ctx);
  } catch (error) {
    return failed(error, request);
  }
}

export default {
  /**
   * `handle` gives a Response or a plan where it can at once, else a Promise of either
   * or of a listing.
   *
   * @param {Request} request
   * @param {Env} env
   * @param {ExecutionContext} ctx
   */
  fetch(request, env, ctx) {
    try {
      const answer = enter(() => handle(request, env, ctx));
      if (answer instanceof Response) return answer;
      return answer instanceof Promise ? settled(answer, request, env, ctx) : carryOut(answer, request, env, ctx);
    } catch (error) {
      return failed(error, request);
    }
  },
};

/**
 * A Durable Object whose state lives in the crate. After a trap the inner
 * object is made anew from the same storage.
 *
 * @param {"Registry" | "Directory" | "ChangeLog" | "Relay"} name
 */
function durable(name) {
  return class extends DurableObject {
    /** @type {Inner | undefined} */
    #inner;
    /** @type {number | undefined} */
    #generation;

    /**
     * @template T
     * @param {(inner: Inner) => T} use
     */
    #call(use) {
      return enter(() => {
        if (this.#inner === undefined || this.#generation !== generation) {
          this.#inner = new crate[name](this.ctx, this.env);
          this.#generation = generation;
        }
        return use(this.#inner);
      });
    }

    /**
     * What was written since the last await must not be committed by half: to abort
     * takes it back, and ends the other calls to this object too.
     *
     * @template T
     * @param {() => T} work
     */
    async #whole(work) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof Trapped) this.ctx.abort(error.message);
        throw error;
      }
    }

    /** @param {Request} request */
    fetch(request) {
      /** @type {Inner["enter"]} */
      const take = (yields) => this.#call((inner) => inner.enter(yields));
      /** @type {Inner["answer"]} */
      const answer = (text, yields, place) => this.#call((inner) => inner.answer(text, yields, place));
      return this.#whole(() => reply(request, take, answer));
    }

    alarm() {
      return this.#whole(() => this.#call((inner) => inner.alarm?.()));
    }
  };
}

export const Registry = durable("Registry");
export const Directory = durable("Directory");
export const ChangeLog = durable("ChangeLog");
export const Relay = durable("Relay");
