// A listing that is longer than one page, as lines: the crate gave the first page, and
// is asked for one after the other as the client takes them. So no more than a page is
// ever held, whatever the listing's size.

const encoder = new TextEncoder();

// Of `listing`: a Response whose status and headers are taken, the first lines, the
// cursor after which there are more. `more(next)` gives the lines after it and the next
// cursor. Where there is no such page, what was sent cannot be taken back: the answer
// breaks off without its end, which no client takes for the whole.
export function stream({ head, text, next }, more) {
  const pages = {
    async pull(controller) {
      if (text === undefined) [text, next] = await more(next);
      controller.enqueue(encoder.encode(text));
      text = undefined;
      if (next === undefined) controller.close();
    },
  };
  // Nothing ahead of the client.
  return new Response(new ReadableStream(pages, { highWaterMark: 0 }), head);
}
