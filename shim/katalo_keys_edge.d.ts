// What the data plane's module exports, and hands over. The file that wasm-bindgen
// makes in build/ has no types of its own.

/** What goes on to the API behind. Headers are one text: names and values by turns,
 * with line feeds between. */
export interface Plan {
  /** The Worker that gets it, by its binding, where there is no `url`. */
  readonly binding: string;
  readonly url: string | undefined;
  /** Headers for the API. */
  readonly identity: string;
  /** Headers for the client. */
  readonly added: string;
  /** Milliseconds until the head of the answer must be there. */
  readonly deadline: number;
  /** Whether the key leaked: a refusal says so too. */
  readonly isRestricted: boolean;
}

/** What is made of a request: an answer or a plan; `null`, or what the control plane
 * is told of this edge, where the request is that plane's. */
export type Answer = Response | Plan | Promise<Response | Plan> | string | null;

/** @param signs which headers that show a browser there are: 1 `Origin`, 2
 * `Sec-Fetch-Site`, 4 `Sec-Fetch-Dest` */
export function handle(
  request: Request,
  headers: Headers,
  env: Env,
  context: ExecutionContext,
  url: string,
  authorization: string | null,
  signs: number,
): Answer;

/** The refusal of what could not be forwarded; `code` is a problem's. */
export function not_forwarded(
  request: Request,
  headers: Headers,
  url: string,
  authorization: string | null,
  code: string,
  isRestricted: boolean,
): Response;

/** What becomes of a header of this name, in lower case: 0 it goes on, unless
 * `Connection` names it; 1 it goes on; 2 it stays behind. */
export function passage(name: string, isOfRequest: boolean): number;

/** Puts a new instance in the place of this one. */
export function __wbg_reset_state(): void;

