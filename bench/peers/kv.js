// Workers KV as workerd speaks it, in memory: GET /<name>, PUT /<name>, and
// POST / with {"<name>": "<value>"} to fill it.
const values = new Map();

export default {
  async fetch(request) {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    switch (request.method) {
      case "GET": {
        const value = values.get(name);
        return value === undefined ? new Response(null, { status: 404 }) : new Response(value);
      }
      case "PUT":
        values.set(name, await request.text());
        return new Response(null, { status: 204 });
      case "POST":
        for (const [name, value] of Object.entries(await request.json())) values.set(name, value);
        return new Response(null, { status: 204 });
      case "DELETE":
        values.delete(name);
        return new Response(null, { status: 204 });
      default:
        return new Response(null, { status: 405 });
    }
  },
};
