// What the control plane's module exports, and hands over. The file that wasm-bindgen
// makes in build/ has no types of its own.

/** A listing's first page, where there are more. */
export interface Listing {
  /** Whose status and headers the answer gets. */
  readonly head: Response;
  /** Lines. */
  readonly text: string;
  /** The cursor after which there are more. */
  readonly next: string | undefined;
}

export function handle(
  request: Request,
  headers: Headers,
  env: Env,
  context: ExecutionContext,
  url: string,
  authorization: string | null,
): Response | Promise<Response | Listing>;

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
export const Meter: InnerClass;
