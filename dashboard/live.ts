// Data that stays fresh while a page shows it.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api.ts";

export interface Live<T> {
  data: T | undefined;
  problem: Problem | undefined;
  /** When the data came. */
  at: number;
  reload: () => Promise<void>;
  /** Puts an answer in place that came with a change. */
  put: (data: T) => void;
}

/** How often a page asks again, so that two administrators see each other's work. */
export const EVERY_MS = 3_000;

const wakers = new Set<() => void>();

/** All that is shown asks again now: after a sign-in, for example. */
export function refreshAll(): void {
  for (const wake of wakers) wake();
}

export function useLive<T>(
  load: (signal: AbortSignal) => Promise<T>,
  about: unknown[],
  everyMs = EVERY_MS,
): Live<T> {
  const [state, setState] = useState<{ data?: T; problem?: Problem; at: number }>({ at: 0 });
  const latest = useRef(load);
  latest.current = load;
  // An answer that was asked for before another was put in place is older than it.
  const turn = useRef(0);

  const reload = useCallback(async (signal?: AbortSignal) => {
    const mine = ++turn.current;
    try {
      const data = await latest.current(signal ?? new AbortController().signal);
      if (mine === turn.current && !signal?.aborted) setState({ data, at: Date.now() });
    } catch (problem) {
      if (mine !== turn.current || signal?.aborted) return;
      if (problem instanceof Problem) setState((before) => ({ ...before, problem }));
      else throw problem;
    }
  }, []);

  useEffect(() => {
    const over = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const round = async () => {
      clearTimeout(timer);
      if (!document.hidden) await reload(over.signal);
      if (!over.signal.aborted) {
        clearTimeout(timer);
        timer = setTimeout(round, everyMs);
      }
    };
    const wake = () => {
      if (!document.hidden) void round();
    };
    setState({ at: 0 });
    void round();
    wakers.add(wake);
    document.addEventListener("visibilitychange", wake);
    addEventListener("online", wake);
    return () => {
      over.abort();
      turn.current += 1;
      clearTimeout(timer);
      wakers.delete(wake);
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", wake);
    };
  }, [...about, everyMs]);

  const put = useCallback((data: T) => {
    turn.current += 1;
    setState({ data, at: Date.now() });
  }, []);
  return { data: state.data, problem: state.problem, at: state.at, reload: () => reload(), put };
}

/** A change that was sent, until every edge decides by it. In milliseconds of
 * `performance.now()`. */
export interface Change {
  since: number;
  done?: number;
}

/** How soon a change that is not enforced yet is asked after: nearly all are after some
 * round trips, and the rest within the freshness bound. */
const ENFORCED_AFTER_MS = [50, 50, 100, 100, 200, 500];

/** Follows a change of an object until it is enforced. */
export function useChange(
  enforced: boolean,
  reload: () => Promise<void>,
): [Change | undefined, (change: Change | undefined) => void] {
  const [change, setChange] = useState<Change>();
  const latest = useRef(reload);
  latest.current = reload;
  const following = change !== undefined && change.done === undefined;
  useEffect(() => {
    if (following && enforced) setChange({ ...change, done: performance.now() });
  }, [following, enforced]);
  useEffect(() => {
    if (!following) return;
    let over = false;
    const round = async () => {
      for (let round = 0; !over; round += 1) {
        const pause = ENFORCED_AFTER_MS[Math.min(round, ENFORCED_AFTER_MS.length - 1)];
        await new Promise((resume) => setTimeout(resume, pause));
        if (!over) await latest.current();
      }
    };
    void round();
    return () => {
      over = true;
    };
  }, [following]);
  return [change, setChange];
}

/** A form's sending: whether it is under way, and what went wrong. */
export function useSending(): {
  busy: boolean;
  problem: Problem | undefined;
  clear: () => void;
  send: (work: () => Promise<void>) => Promise<void>;
} {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const send = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
    } catch (caught) {
      if (!(caught instanceof Problem)) throw caught;
      setProblem(caught);
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, clear: () => setProblem(undefined), send };
}
