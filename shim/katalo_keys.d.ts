// What the compiled crate exports, and hands over. The file that wasm-bindgen makes in
// build/ has no types of its own.

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

/** A listing's first page, where there are more. */
export interface Listing {
  /** Whose status and headers the answer gets. */
  readonly head: Response;
  /** Lines. */
  readonly text: string;
  /** The cursor after which there are more. */
  readonly next: string | undefined;
}

/** What is made of a request. */
export type Answer = Response | Plan | Listing;

/** The lines after a cursor, and the next cursor, if there are more. */
export function lines_after(
  request: Request,
  headers: Headers,
  env: Env,
  context: ExecutionContext,
  url: string,
  authorization: string | null,
  next: string,
): Promise<[string, string | undefined]>;

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
): Answer | Promise<Answer>;

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

/** The inner part of a Durable Object. */
export interface Inner {
  /** A place for a message that has yet to be read, or none; what `yields` is refused
   * first. */
  enter(yields: boolean): number | undefined;
  /** What it says to the message that took this place: a text, or a status. */
  answer(text: string, yields: boolean, place: number): Said | Promise<Said>;
  alarm?(): Promise<void>;
}

export type Said = string | number;

type InnerClass = new (state: DurableObjectState, env: Env) => Inner;

export const Registry: InnerClass;
export const Directory: InnerClass;
export const ChangeLog: InnerClass;
export const Relay: InnerClass;
