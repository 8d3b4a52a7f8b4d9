/** A number with its noun. */
export function count(locale: string, n: number, one: string, many: string): string {
  return `${n.toLocaleString(locale)} ${n === 1 ? one : many}`;
}
