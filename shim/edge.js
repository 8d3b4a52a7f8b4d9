// The data plane: clients' requests. What is decided the crate decides; what is here
// carries requests into it and answers out.

import * as crate from "./katalo_keys_edge.js";
import { failed } from "./failed.js";
import { forward } from "./gateway.js";
import { Instance } from "./instance.js";

/** @import { Plan } from "./katalo_keys_edge.js" */
/** @typedef {(request: Request, env: Env, ctx: ExecutionContext) => Promise<Response>} Control */

const instance = new Instance("edge", crate.__wbg_reset_state);

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
const judge = (name, isOfRequest) => instance.enter(() => crate.passage(name, isOfRequest));

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
      return instance.enter(() => crate.not_forwarded(request, headers, url, headers.get("authorization"), code, plan.isRestricted));
    } catch (error) {
      return failed(error, request);
    }
  };
  return forward(request, env, plan, judge, refuse);
}

/**
 * @param {Promise<Response | Plan>} promise
 * @param {Request} request
 * @param {Env} env
 */
async function settled(promise, request, env) {
  try {
    const answer = await promise;
    return answer instanceof Response ? answer : await forwardBy(answer, request, env);
  } catch (error) {
    return failed(error, request);
  }
}

/**
 * The request, with what the control plane is told of this edge.
 *
 * @param {Request} request
 * @param {string | null} report
 */
function reported(request, report) {
  if (report === null) return request;
  const sent = new Request(request);
  sent.headers.set("katalo-edge", report);
  return sent;
}

/**
 * @param {Control} control
 * @param {Request} request
 * @param {Env} env
 * @param {ExecutionContext} ctx
 */
async function passOn(control, request, env, ctx) {
  try {
    return await control(request, env, ctx);
  } catch (error) {
    return failed(error, request);
  }
}

/**
 * A Worker that verifies clients' requests, and leaves all others to the control plane.
 *
 * @param {Control} control
 */
export function worker(control) {
  return {
    /**
     * `handle` gives a Response or a plan where it can at once, else a Promise of
     * either; no object where the request is the control plane's.
     *
     * @param {Request} request
     * @param {Env} env
     * @param {ExecutionContext} ctx
     * @returns {Response | Promise<Response>}
     */
    fetch(request, env, ctx) {
      try {
        const answer = instance.enter(() => handle(request, env, ctx));
        if (answer instanceof Response) return answer;
        if (answer instanceof Promise) return settled(answer, request, env);
        if (answer === null || typeof answer === "string") return passOn(control, reported(request, answer), env, ctx);
        return forwardBy(answer, request, env);
      } catch (error) {
        return failed(error, request);
      }
    },
  };
}

// Alone in its script, it reaches the control plane by a service binding.
export default worker((request, env) => /** @type {Fetcher} */ (env["CONTROL"]).fetch(request));
