import { all, paths } from "../../api.ts";
import * as format from "../../format.ts";
import { useLive } from "../../live.ts";
import { t } from "../../text/index.ts";
import type { UsageRow } from "../../types.ts";
import { Await, Time } from "../../ui.tsx";
import { KeyLink } from "../keys.tsx";

const HOUR_MS = 3_600_000;
/** It reads all the usage of a day, so it asks seldom. */
const EVERY_MS = 30_000;
const MOST_ROWS = 2_000;
const OUTCOMES = ["rate_limit_exceeded", "quota_exceeded"];

interface Refused {
  key: string;
  outcome: string;
  count: number;
  last: string;
}

/** Refusals by key and kind of limit, the latest first. */
function refused(rows: UsageRow[]): Refused[] {
  const found = new Map<string, Refused>();
  for (const { key, outcome, count, start } of rows) {
    if (!OUTCOMES.includes(outcome)) continue;
    const place = `${key} ${outcome}`;
    const before = found.get(place) ?? { key, outcome, count: 0, last: start };
    found.set(place, { ...before, count: before.count + count, last: start > before.last ? start : before.last });
  }
  return [...found.values()].sort((one, other) => (one.last < other.last ? 1 : -1));
}

/** Which keys of an organization a limit has held back, and when. */
export function Limited({ org }: { org: string }) {
  const live = useLive(
    async (signal) => {
      const from = new Date(Math.floor(Date.now() / HOUR_MS - 23) * HOUR_MS).toISOString();
      const { items, more } = await all<UsageRow>(`${paths.organization(org)}/usage`, { from, by: "hour" }, MOST_ROWS, signal);
      return { found: refused(items), more };
    },
    [org],
    EVERY_MS,
  );
  const text = t().limits;
  return (
    <>
      <h3 id="limited-title">{text.limited}</h3>
      <Await live={live}>
        {({ found, more }) => (
          <>
            {found.length === 0 ? (
              <p class="faint">{text.limitedNone}</p>
            ) : (
              <>
                <p class="hint">{text.limitedLead}</p>
                <div class="scroll" tabIndex={0} role="region" aria-labelledby="limited-title">
                  <table class="plain">
                    <thead>
                      <tr>
                        <th scope="col">{text.limitedKey}</th>
                        <th scope="col">{text.limitedBy}</th>
                        <th scope="col" class="number">
                          {text.limitedCount}
                        </th>
                        <th scope="col">{text.limitedLast}</th>
                      </tr>
                    </thead>
                    <tbody>
                      {found.map(({ key, outcome, count, last }) => (
                        <tr key={`${key} ${outcome}`}>
                          <th scope="row">
                            <KeyLink org={org} id={key} />
                          </th>
                          <td>{t().usage.outcomes[outcome]}</td>
                          <td class="number">{format.number(count)}</td>
                          <td>
                            {format.shortHour(last)} <span class="faint">(<Time at={last} />)</span>
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </>
            )}
            {more && <p class="hint">{text.limitedMore}</p>}
          </>
        )}
      </Await>
    </>
  );
}
