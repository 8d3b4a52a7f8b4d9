import { call, paths } from "../../api.ts";
import * as format from "../../format.ts";
import { useLive } from "../../live.ts";
import { to } from "../../place.ts";
import { t } from "../../text/index.ts";
import type { Impact, Key } from "../../types.ts";
import { Await, Time } from "../../ui.tsx";

/** How far an integration has come from the old key to the new one. */
export function Progress({ org, value: key }: { org: string; value: Key }) {
  const oldId = key.replaced_by === null ? (key.replaces ?? key.id) : key.id;
  const newId = key.replaced_by ?? key.id;
  const live = useLive(
    async (signal) => {
      const impact = (id: string) => call<Impact>("GET", `${paths.key(org, id)}/impact`, { signal });
      const [before, after, old] = await Promise.all([
        impact(oldId),
        impact(newId),
        call<Key>("GET", paths.key(org, oldId), { signal }),
      ]);
      return { before, after, old };
    },
    [org, oldId, newId],
  );
  const text = t().key;
  return (
    <section class="card" aria-labelledby="progress-title">
      <h2 id="progress-title">{text.progressTitle}</h2>
      <Await live={live}>
        {({ before, after, old }) => {
          const [was, is] = [before.last_day.requests, after.last_day.requests];
          const most = Math.max(1, was, is);
          const verdict =
            after.last_used_at === null
              ? text.progressIdle
              : before.last_hour.requests > 0
                ? text.progressWait
                : text.progressDone;
          return (
            <>
              <p class="hint">{text.progressLead}</p>
              {(
                [
                  [text.old, oldId, was, before.last_used_at, "s5"],
                  [text.new, newId, is, after.last_used_at, "s0"],
                ] as const
              ).map(([name, id, requests, last, series]) => (
                <div class="progress" key={id}>
                  <span>
                    {id === key.id ? (
                      <>
                        {name} <span class="faint">({text.thisOne})</span>
                      </>
                    ) : (
                      <a href={to.key(org, id)}>{name}</a>
                    )}
                  </span>
                  <svg class="track" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <rect class="back" width="100" height="10" />
                    <rect class={series} width={(100 * requests) / most} height="10" />
                  </svg>
                  <strong class="number">{format.number(requests)}</strong>
                  <span class="faint">
                    <Time at={last} />
                  </span>
                </div>
              ))}
              <p>
                {was + is === 0 && after.last_used_at !== null ? text.progressNone : verdict}{" "}
                {old.state === "retiring" && old.retires_at
                  ? text.progressEnds(format.relative(old.retires_at))
                  : old.state === "expired" || old.state === "revoked"
                    ? text.progressOver
                    : ""}
              </p>
            </>
          );
        }}
      </Await>
    </section>
  );
}
