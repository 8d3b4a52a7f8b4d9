import type { ComponentChildren } from "preact";
import { call } from "../../api.ts";
import * as format from "../../format.ts";
import { begunAt, usedUpAt } from "../../limits.ts";
import { useLive } from "../../live.ts";
import { t } from "../../text/index.ts";
import type { Limit, Standing } from "../../types.ts";
import { Button, ProblemNote, Time } from "../../ui.tsx";

const POOL = "organization.";
/** A hundred years: no calendar shows everything that a division can yield. */
const FARTHEST_MS = 3_155_760_000_000;

/** The limits of a key or an organization, and how far each of them is used up. */
export function LimitsCard({
  path,
  limits,
  since,
  ofOrganization = false,
  mayUsage,
  onEdit,
  children,
}: {
  /** Of the key or organization in the API. */
  path: string;
  limits: Limit[];
  /** When it was made: nothing was spent before. */
  since: string;
  ofOrganization?: boolean;
  mayUsage: boolean;
  onEdit?: (() => void) | undefined;
  children?: ComponentChildren;
}) {
  const live = useLive(
    async (signal) => (mayUsage ? (await call<{ items: Standing[] }>("GET", `${path}/limits`, { signal })).items : []),
    [path, mayUsage],
  );
  const text = t().limits;
  const told = new Map((live.data ?? []).map((standing) => [standing.name, standing]));
  const own = limits.map((limit) => {
    const name = ofOrganization ? POOL + limit.name : limit.name;
    return <Row key={name} name={limit.name} limit={limit} standing={told.get(name)} since={since} />;
  });
  // A key is held to its organization's as well.
  const pools = ofOrganization ? [] : [...told.values()].filter(({ name }) => name.startsWith(POOL));
  return (
    <section class="card" aria-labelledby="limits-title">
      <div class="row">
        <h2 id="limits-title">{text.title}</h2>
        {onEdit && <Button onClick={onEdit}>{text.edit}</Button>}
      </div>
      {own.length + pools.length === 0 ? <p class="faint">{text.none}</p> : <p class="hint">{text.lead}</p>}
      <ul class="plain limits">
        {own}
        {pools.map((standing) => (
          <Row key={standing.name} name={standing.name.slice(POOL.length)} standing={standing} since={since} />
        ))}
      </ul>
      <ProblemNote problem={live.problem} />
      {children}
    </section>
  );
}

/** What a limit says, in a sentence's words. */
function Said({ limit }: { limit: Limit }) {
  const text = t().limits;
  const units = format.number(limit.limit);
  const parts: string[] = [];
  if (limit.window_seconds !== undefined) {
    parts.push(text.rate(units, limit.limit, format.span(limit.window_seconds)));
    if (limit.burst !== undefined) parts.push(text.burst(format.number(limit.burst)));
  } else {
    const period = limit.period ?? "forever";
    parts.push(text.quota[period](units, limit.limit));
    const [time, zone] = [limit.reset_time ?? "00:00", limit.time_zone ?? "UTC"];
    if (period === "day") parts.push(text.from.day(time, zone));
    if (period === "month") parts.push(text.from.month(limit.reset_day ?? 1, time, zone));
  }
  return (
    <>
      {parts.join(", ")}{" "}
      <span class="badge" title={text.precisionMeans[limit.precision]}>
        {text.precisions[limit.precision]}
      </span>
    </>
  );
}

function Row({
  name,
  limit,
  standing,
  since,
}: {
  name: string;
  limit?: Limit;
  standing: Standing | undefined;
  since: string;
}) {
  const text = t().limits;
  const remaining = standing?.remaining;
  const most = standing?.limit ?? limit?.limit ?? 1;
  const now = Date.now();
  const end = standing?.resets_at === undefined ? undefined : Date.parse(standing.resets_at);
  const begun = limit?.period && begunAt(limit.period, standing?.resets_at, since);
  const usedUp = standing && begun !== undefined ? usedUpAt(standing, begun, now) : undefined;
  return (
    <li data-limit={name}>
      <p>
        <code>{name}</code> {limit ? <Said limit={limit} /> : <span class="faint">{text.ofOrganization}</span>}
      </p>
      {standing && remaining !== undefined && (
        <>
          <svg class="track" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
            <rect class="back" width="100" height="10" />
            <rect class={remaining === 0 ? "full" : "s0"} width={(100 * Math.max(0, most - remaining)) / most} height="10" />
          </svg>
          <p class="small">
            {remaining === 0 && <strong class="wrong">{text.usedUp} </strong>}
            {text.left(format.number(remaining), format.number(most))}
            {standing.resets_at !== undefined && standing.window_seconds === undefined && (
              <>
                {" · "}
                {text.anew} <Time at={standing.resets_at} />
              </>
            )}
            {usedUp !== undefined && (
              <>
                {" · "}
                {end === undefined || usedUp < end
                  ? text.usedUpAt(format.moment(new Date(Math.min(usedUp, now + FARTHEST_MS)).toISOString()))
                  : text.lasts}
              </>
            )}
          </p>
        </>
      )}
      {standing && remaining === undefined && <p class="small faint">{text.unknown}</p>}
    </li>
  );
}
