// Questions between the Worker and its Durable Objects, text in and text out. An
// answer of another status than 200 has no text.

/** @import { Inner } from "./katalo_keys_control.js" */

const PLAIN_URL = "https://object/";
// May be refused first where the object has too much to do. An object of an older
// version takes both for the same.
const YIELDING_URL = "https://object/yields";

/**
 * What comes of `promise`; undefined where it takes longer.
 *
 * @template T
 * @param {number} milliseconds
 * @param {Promise<T>} promise
 * @returns {Promise<T | undefined>}
 */
function within(milliseconds, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

// RFC 9110 section 15.6.4.
const OVERLOADED = 503;

/**
 * @param {DurableObjectNamespace} namespace
 * @param {string} name
 * @param {{ locationHint: string } | undefined} options
 * @param {boolean} yields
 * @param {string} body
 */
async function askOnce(namespace, name, options, yields, body) {
  // A new stub each time: one is of no use after an exception.
  const stub = namespace.getByName(name, options);
  const response = await stub.fetch(yields ? YIELDING_URL : PLAIN_URL, { method: "POST", body });
  return response.ok ? response.text() : response.status;
}

/**
 * Asks once more where the runtime says that the first question never reached the
 * object.
 *
 * @param {Parameters<typeof askOnce>} question
 */
async function askTwice(...question) {
  try {
    return await askOnce(...question);
  } catch (error) {
    const { retryable, overloaded } = /** @type {CallError} */ (error);
    if (!retryable || overloaded) throw error;
    return askOnce(...question);
  }
}

/**
 * An object's answer: its text, a status other than 200, or undefined where there
 * is none in time.
 *
 * @param {DurableObjectNamespace} namespace
 * @param {string} name
 * @param {string | undefined} hint where the object should be created
 * @param {boolean} yields
 * @param {string} body
 * @param {number} [milliseconds] without end unless said
 * @returns {Promise<string | number | undefined>}
 */
export async function ask(namespace, name, hint, yields, body, milliseconds) {
  const options = hint === undefined ? undefined : { locationHint: hint };
  const asked = askTwice(namespace, name, options, yields, body);
  try {
    return await (milliseconds === undefined ? asked : within(milliseconds, asked));
  } catch (error) {
    return /** @type {CallError} */ (error).overloaded ? OVERLOADED : undefined;
  }
}

/**
 * A value of Workers KV; null where there is none, undefined where it does not
 * come in time.
 *
 * @param {KvNamespace} kv
 * @param {string} name
 * @param {number} milliseconds
 */
export async function read(kv, name, milliseconds) {
  try {
    return await within(milliseconds, kv.get(name));
  } catch {
    return undefined;
  }
}

/**
 * What an object says to a message. `take` takes a place for it, or none where there is
 * too much to do: then it is not even read. `answer` gives a text, or the status of an
 * answer without one.
 *
 * @param {Request} request
 * @param {Inner["enter"]} take
 * @param {Inner["answer"]} answer
 */
export async function reply(request, take, answer) {
  const yields = request.url === YIELDING_URL;
  const place = take(yields);
  if (place === undefined) return new Response(null, { status: OVERLOADED });
  const said = await answer(await request.text(), yields, place);
  return typeof said === "string" ? new Response(said) : new Response(null, { status: said });
}
