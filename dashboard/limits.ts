// Limits as a form holds them, and how long what is left will last.

import type { Limit, Period, Precision, Standing } from "./types.ts";

/** A limit as it is typed. */
export interface Draft {
  /** Stays while its name is typed. */
  id: string;
  kind: "rate" | "quota";
  name: string;
  limit: string;
  window: string;
  burst: string;
  period: Period;
  day: string;
  time: string;
  zone: string;
  precision: Precision;
}

export type DraftField = Exclude<keyof Draft, "id" | "kind">;

export const MOST_LIMITS = 8;
export const MOST_UNITS = 1_000_000_000;
export const LONGEST_WINDOW = 86_400;
export const LAST_DAY = 28;

export function blank(kind: Draft["kind"]): Draft {
  return {
    id: crypto.randomUUID(),
    kind,
    name: "",
    limit: "",
    window: kind === "rate" ? "60" : "",
    burst: "",
    period: "month",
    day: "1",
    time: "00:00",
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    precision: "leased",
  };
}

export function draftOf(limit: Limit): Draft {
  return {
    id: crypto.randomUUID(),
    kind: limit.period === undefined ? "rate" : "quota",
    name: limit.name,
    limit: String(limit.limit),
    window: String(limit.window_seconds ?? ""),
    burst: String(limit.burst ?? ""),
    period: limit.period ?? "month",
    day: String(limit.reset_day ?? 1),
    time: limit.reset_time ?? "00:00",
    zone: limit.time_zone ?? "UTC",
    precision: limit.precision,
  };
}

/** The limit that a draft stands for; only what its kind has. */
export function limitOf(draft: Draft): Limit {
  const { name, precision } = draft;
  const common = { name, limit: Number(draft.limit), precision };
  if (draft.kind === "rate") {
    const burst = draft.burst === "" ? {} : { burst: Number(draft.burst) };
    return { ...common, window_seconds: Number(draft.window), ...burst };
  }
  if (draft.period === "forever") return { ...common, period: draft.period };
  const day = draft.period === "month" ? { reset_day: Number(draft.day) } : {};
  return { ...common, period: draft.period, ...day, reset_time: draft.time, time_zone: draft.zone };
}

export const isWhole = (text: string, least: number, most: number) =>
  /^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= most;

/** Fields that the page itself sees to be wrong; the rest of the rules is the API's. */
export function wrongFields(draft: Draft, all: Draft[]): DraftField[] {
  const wrong: DraftField[] = [];
  const twice = all.some((other) => other !== draft && other.name === draft.name);
  if (!/^[a-z0-9_-]{1,32}$/.test(draft.name) || twice) wrong.push("name");
  if (!isWhole(draft.limit, 1, MOST_UNITS)) wrong.push("limit");
  if (draft.kind === "rate") {
    if (!isWhole(draft.window, 1, LONGEST_WINDOW)) wrong.push("window");
    if (draft.burst !== "" && !isWhole(draft.burst, 1, MOST_UNITS)) wrong.push("burst");
  } else if (draft.period === "month" && !isWhole(draft.day, 1, LAST_DAY)) wrong.push("day");
  return wrong;
}

const MEMBERS: Record<string, DraftField> = {
  burst: "burst",
  reset_day: "day",
  reset_time: "time",
  time_zone: "zone",
  window_seconds: "window",
};

/** Which field of which draft the API speaks of. */
export function placeOf(detail: string, drafts: Draft[]): { id: string; field: DraftField } | undefined {
  const zone = /unknown time zone ([\w+/-]+)/.exec(detail)?.[1];
  if (zone !== undefined) {
    const draft = drafts.find((draft) => draft.kind === "quota" && draft.zone === zone);
    return draft && { id: draft.id, field: "zone" };
  }
  const [, name, fault = ""] = /\blimit ([a-z0-9_-]+): (.*)/s.exec(detail) ?? [];
  const draft = drafts.find((draft) => draft.name === name);
  const member = /`(\w+)`/.exec(fault)?.[1] ?? "";
  return draft && { id: draft.id, field: MEMBERS[member] ?? "limit" };
}

/** When the window of a quota began, in milliseconds. Months and clock changes make
 * their difference: it is for an outlook alone. `since` is when it could begin first. */
export function begunAt(period: Period, resetsAt: string | undefined, since: string): number {
  const first = Date.parse(since);
  if (period === "forever" || resetsAt === undefined) return first;
  const begun = new Date(resetsAt);
  if (period === "day") begun.setUTCDate(begun.getUTCDate() - 1);
  else begun.setUTCMonth(begun.getUTCMonth() - 1);
  return Math.max(first, begun.getTime());
}

/** When a quota is used up if it is spent on as fast as since `begun`; none where nothing
 * was spent, or nothing is left. */
export function usedUpAt(standing: Standing, begun: number, now: number): number | undefined {
  const { limit, remaining } = standing;
  if (remaining === undefined || remaining <= 0 || remaining >= limit || now <= begun) return undefined;
  return now + ((now - begun) * remaining) / (limit - remaining);
}
