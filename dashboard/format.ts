// Times and numbers in the reader's language.

import { language } from "./text/index.ts";

const locale = () => (language() === "da" ? "da-DK" : "en-GB");

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "3 minutes ago", "in 2 days". */
export function relative(time: string, now = Date.now()): string {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  // What rounds to a whole unit is told in it: 23 hours and 59 minutes are a day.
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size * 0.99) ?? ["second", 1];
  const amount = Math.sign(seconds) * Math.floor(Math.abs(seconds) / size + 0.01);
  return new Intl.RelativeTimeFormat(locale(), { numeric: unit === "second" ? "auto" : "always" }).format(amount, unit);
}

export function exact(time: string): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "long" }).format(new Date(time));
}

export function date(time: string): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium" }).format(new Date(time));
}

export function moment(time: string): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
}

export function clock(time: string): string {
  return new Intl.DateTimeFormat(locale(), { timeStyle: "medium" }).format(new Date(time));
}

export function shortDay(time: string): string {
  return new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short" }).format(new Date(time));
}

export function shortHour(time: string): string {
  return new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(new Date(time));
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** Milliseconds as seconds, with a fixed number of digits where it counts up. */
export function seconds(ms: number, digits?: number): string {
  return new Intl.NumberFormat(locale(), {
    style: "unit",
    unit: "second",
    unitDisplay: "long",
    minimumFractionDigits: digits ?? 0,
    maximumFractionDigits: digits ?? 1,
  }).format(ms / 1000);
}

/** Whole seconds in the largest unit that they are whole in: "1 day", "90 seconds". */
export function span(seconds: number): string {
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60]] as const;
  const [unit, size] = units.find(([, size]) => seconds % size === 0) ?? (["second", 1] as const);
  return new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "long" }).format(seconds / size);
}

export function milliseconds(ms: number): string {
  return new Intl.NumberFormat(locale(), { style: "unit", unit: "millisecond", unitDisplay: "short" }).format(ms);
}

export function list(items: string[]): string {
  return new Intl.ListFormat(locale(), { type: "conjunction" }).format(items);
}

/** For <input type="datetime-local">. */
export function localInput(time: string): string {
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
