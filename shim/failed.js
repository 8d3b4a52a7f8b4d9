// What is answered where the crate cannot answer.

import { Trapped } from "./instance.js";
import { requestId } from "./runtime.js";

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
    detail: "Try again; if it fails again, report the request id.",
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
 * The answer to a request whose call into the crate failed. A trap is in the log
 * already.
 *
 * @param {unknown} error
 * @param {Request} request
 */
export function failed(error, request) {
  if (!(error instanceof Trapped)) console.error(JSON.stringify({ event: "fault", error: String(error) }));
  return internalError(request);
}
