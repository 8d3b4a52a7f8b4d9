// A listing that is longer than one page, as lines: the crate gave the first page, and
// is asked for one after the other as the client takes them. So no more than a page is
// ever held, whatever the listing's size.

const encoder = new TextEncoder();

/** @import { Listing } from "./katalo_keys_control.js" */

/**
 * Where there is no such page, what was sent cannot be taken back: the answer breaks off
 * without its end, which no client takes for the whole.
 *
 * @param {Listing} listing
 * @param {(next: string) => Promise<[string, string | undefined]>} more gives the lines
 *   after a cursor, and the next one
 */
export function stream({ head, text, next }, more) {
  /** @type {string | undefined} */
  let held = text;
  const pages = {
    /** @param {ReadableStreamDefaultController<Uint8Array>} controller */
    async pull(controller) {
      if (held === undefined && next !== undefined) [held, next] = await more(next);
      controller.enqueue(encoder.encode(held));
      held = undefined;
      if (next === undefined) controller.close();
    },
  };
  // Nothing ahead of the client.
  return new Response(new ReadableStream(pages, { highWaterMark: 0 }), head);
}
