// The control plane: administrators' routes, reports of leaks, and the Durable Objects.
// What is decided the crate decides; what is here carries requests into it and answers
// out.

import { DurableObject } from "cloudflare:workers";
import * as crate from "./katalo_keys_control.js";
import { failed } from "./failed.js";
import { Instance, Trapped } from "./instance.js";
import { stream } from "./lines.js";
import { reply } from "./objects.js";

/** @import { Inner, Listing } from "./katalo_keys_control.js" */

const instance = new Instance("control", crate.__wbg_reset_state);

/**
 * What the crate answered, made a Response of.
 *
 * @param {Response | Listing} answer
 * @param {Request} request
 * @param {Env} env
 * @param {ExecutionContext} ctx
 */
function carryOut(answer, request, env, ctx) {
  if (answer instanceof Response) return answer;
  const { headers, url } = request;
  return stream(answer, (next) => instance.enter(() => crate.lines_after(request, headers, env, ctx, url, headers.get("authorization"), next)));
}

export default {
  /**
   * @param {Request} request
   * @param {Env} env
   * @param {ExecutionContext} ctx
   */
  async fetch(request, env, ctx) {
    try {
      const { headers, url } = request;
      const answer = instance.enter(() => crate.handle(request, headers, env, ctx, url, headers.get("authorization")));
      return carryOut(await answer, request, env, ctx);
    } catch (error) {
      return failed(error, request);
    }
  },
};

/**
 * A Durable Object whose state lives in the crate. After a trap the inner
 * object is made anew from the same storage.
 *
 * @param {"Registry" | "Directory" | "ChangeLog" | "Relay" | "Meter"} name
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
      return instance.enter(() => {
        if (this.#inner === undefined || this.#generation !== instance.generation) {
          this.#inner = new crate[name](this.ctx, this.env);
          this.#generation = instance.generation;
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
export const Meter = durable("Meter");
