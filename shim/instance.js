// A plane's compiled module, and what becomes of it after a trap.
//
// worker-build's own shim wraps every request in a Proxy and makes each call
// asynchronous. Those two, not hashing, are the cost of a warm decision. What it does
// and this must do too is to recover from a trap: a panic leaves the instance with
// broken statics, so a new one takes its place before the next call. Each plane has a
// module and so an instance of its own; a trap in one leaves the other whole.

/** @type {Map<string, Instance>} */
const instances = new Map();

/**
 * The `queueMicrotask` of a plane's module: each wake of a future goes through it. The
 * runtime's own costs several microseconds, a promise's reaction a fraction of one.
 *
 * @param {string} plane
 * @returns {(call: () => void) => void}
 */
export function microtasks(plane) {
  return (call) => {
    const instance = instances.get(plane);
    const generation = instance?.generation;
    void Promise.resolve().then(() => {
      try {
        call();
      } catch (error) {
        // A wake of an instance that is gone says nothing of the one in its place.
        if (instance?.generation === generation) instance?.replace(error);
      }
    });
  };
}

/** Thrown to the callers of everything that was under way when the module trapped. */
export class Trapped extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super("the instance trapped", { cause });
  }
}

/**
 * Also what a stack that ran out throws.
 *
 * @param {unknown} error
 */
function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

/** The instance of one plane's module. */
export class Instance {
  /** Counts the instances. Handles into an older one are dead. */
  generation = 0;

  #plane;
  #reset;

  // The rejectors of all asynchronous calls under way. A trap ends every one of
  // them: their futures lived in the broken instance and would never settle. The
  // references are weak, because a call whose client went away never settles
  // either, and must not be kept.
  /** @type {Set<WeakRef<(reason: unknown) => void>>} */
  #underWay = new Set();
  /** @type {FinalizationRegistry<WeakRef<(reason: unknown) => void>>} */
  #forgotten = new FinalizationRegistry((reference) => this.#underWay.delete(reference));

  /**
   * @param {string} plane its name in the log
   * @param {() => void} reset puts a new instance in the place of the module's
   */
  constructor(plane, reset) {
    this.#plane = plane;
    this.#reset = reset;
    instances.set(plane, this);
    // What reaches nobody's `catch` does not tell whose it was: every plane of the
    // isolate takes it for its own.
    addEventListener("error", (event) => void this.replace(event.error));
    addEventListener("unhandledrejection", (event) => {
      if (isTrap(event.reason)) this.replace(event.reason);
    });
  }

  /**
   * Puts a new instance in the place of the one that trapped.
   *
   * @param {unknown} cause
   */
  replace(cause) {
    const trapped = new Trapped(cause);
    this.generation += 1;
    this.#reset();
    for (const reference of this.#underWay) reference.deref()?.(trapped);
    this.#underWay.clear();
    console.error(JSON.stringify({ event: "trap", plane: this.#plane, generation: this.generation, error: String(cause) }));
    return trapped;
  }

  /**
   * Calls into the module. Anything thrown out of it left frames behind that never
   * ran to their end, so the instance is given up, whatever the error was.
   *
   * @template T
   * @param {() => T} call
   * @returns {T}
   */
  enter(call) {
    let result;
    try {
      result = call();
    } catch (error) {
      throw this.replace(error);
    }
    return result instanceof Promise ? /** @type {T} */ (this.#settle(result)) : result;
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   * @returns {Promise<T>}
   */
  #settle(promise) {
    return new Promise((resolve, reject) => {
      const reference = new WeakRef(reject);
      this.#underWay.add(reference);
      this.#forgotten.register(reject, reference);
      promise.then(
        (value) => {
          this.#underWay.delete(reference);
          resolve(value);
        },
        (error) => {
          this.#underWay.delete(reference);
          // A trap while the promise was being made comes out as its rejection.
          reject(isTrap(error) ? this.replace(error) : error);
        },
      );
    });
  }
}
