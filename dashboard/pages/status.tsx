import type { ComponentChildren } from "preact";
import { call } from "../api.ts";
import * as format from "../format.ts";
import { useLive } from "../live.ts";
import { t } from "../text/index.ts";
import type { RecentChange, Status } from "../types.ts";
import { Await, Heading, Note, Time, useTitle } from "../ui.tsx";

export function StatusPage() {
  const live = useLive((signal) => call<Status>("GET", "/status", { signal }), []);
  const text = t().status;
  useTitle(text.title);
  return (
    <>
      <Heading lead={text.lead}>{text.title}</Heading>
      <Await live={live}>{(status) => <Shown status={status} />}</Await>
    </>
  );
}

function Fact({ title, bad, children }: { title: string; bad?: boolean; children: ComponentChildren }) {
  return (
    <section class={`card ${bad ? "attention" : ""}`}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** What a setting allows: in the reader's language, if this version knows it. */
function Weakened({ setting, at_most_ms: atMost, text }: Status["weakened_by"][number]) {
  const known = t().status.weakenedBy;
  if (!Object.hasOwn(known, setting)) return <li lang="en">{text}</li>;
  return <li>{known[setting]?.(format.seconds(atMost ?? 0))}</li>;
}

/** How the last changes came to be enforced everywhere. */
function Recent({ changes }: { changes: RecentChange[] }) {
  const text = t().status;
  const known = changes.filter((change) => change.confirmed === true).map((change) => change.after_ms);
  const waited = changes.filter((change) => change.confirmed === false).length;
  const pending = changes.filter((change) => change.confirmed === null).length;
  return (
    <>
      {known.length > 0 && (
        <>
          <p class="figure">{format.milliseconds(median(known))}</p>
          <p class="hint">{text.recentKnown(known.length, changes.length)}</p>
        </>
      )}
      {waited > 0 && <p>{text.recentWaited(waited)}</p>}
      {pending > 0 && <p>{text.recentPending(pending)}</p>}
    </>
  );
}

function median(values: number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function Shown({ status }: { status: Status }) {
  const text = t().status;
  const { change_log: log, platform } = status;
  const bound = log?.bound_ms ?? status.freshness_bound_ms;
  const relaysDown = status.relays.filter((relay) => !relay.answers);
  const pending = platform ? platform.outbox.appends + platform.outbox.publications : 0;
  const bad = log === null || platform === null || relaysDown.length > 0 || status.weakened_by.length > 0;
  return (
    <>
      <Note kind={bad ? "warn" : "good"}>
        <p>{bad ? text.bad : text.good}</p>
      </Note>
      <div class="grid">
        <Fact title={text.bound}>
          {bound !== null && (
            <>
              <p class="figure">{format.seconds(bound)}</p>
              <p class="hint">{text.boundHint(format.seconds(bound))}</p>
            </>
          )}
          {log && log.wait_for_ms > log.bound_ms && <p class="hint">{text.wait(format.seconds(log.wait_for_ms))}</p>}
        </Fact>
        <Fact title={text.weakened} bad={status.weakened_by.length > 0}>
          {status.weakened_by.length === 0 ? (
            <p>{text.weakenedNone}</p>
          ) : (
            <>
              <p>{text.weakenedHint}</p>
              <ul>
                {status.weakened_by.map((weakened) => (
                  <Weakened key={weakened.setting} {...weakened} />
                ))}
              </ul>
            </>
          )}
        </Fact>
        {log !== undefined && (
          <Fact title={text.log} bad={log === null}>
            <p>{log ? text.logHead(format.number(log.head)) : text.logDown}</p>
          </Fact>
        )}
        {log && log.recent.length > 0 && (
          <Fact title={text.recent}>
            <Recent changes={log.recent} />
          </Fact>
        )}
        <Fact title={text.relays} bad={relaysDown.length > 0}>
          <ul class="plain">
            {status.relays.map((relay) => (
              <li key={relay.name}>
                <code>{relay.name}</code>{" "}
                {!relay.answers
                  ? text.relayDown
                  : relay.proof_age_ms === null || (bound !== null && relay.proof_age_ms > bound)
                    ? text.relayIdle
                    : text.relayAge(format.seconds(relay.proof_age_ms))}
                {relay.expired_unconfirmed !== null && relay.expired_unconfirmed > 0 && (
                  <>; {text.relayExpired(relay.expired_unconfirmed)}</>
                )}
              </li>
            ))}
          </ul>
        </Fact>
        {platform !== undefined && (
          <Fact title={text.outbox} bad={platform === null}>
            {platform === null ? (
              <p>{text.platformDown}</p>
            ) : pending === 0 ? (
              <p>{text.outboxEmpty}</p>
            ) : (
              <p>
                {text.outboxAppends(platform.outbox.appends)}; {text.outboxPublications(platform.outbox.publications)}
              </p>
            )}
          </Fact>
        )}
        <Fact title={text.ring}>
          <p>{text.ringCurrent(status.root_keys.current)}</p>
          {platform && (
            <ul class="plain">
              {status.root_keys.entries.map((entry) => (
                <li key={entry}>{text.ringUse(entry, platform.keys_per_ring_entry[entry] ?? 0)}</li>
              ))}
            </ul>
          )}
        </Fact>
        {platform && (
          <Fact title={text.hygiene} bad={platform.exposed_keys > 0}>
            {platform.unused_keys > 0 && <p>{text.unused(platform.unused_keys)}</p>}
            {platform.exposed_keys > 0 && <p>{text.exposed(platform.exposed_keys)}</p>}
            {platform.unused_keys + platform.exposed_keys === 0 && <p>{text.hygieneGood}</p>}
          </Fact>
        )}
        {status.edge && (
          <Fact title={text.edge}>
            <p>
              {text.edgeFacts(
                status.edge.region,
                format.number(status.edge.records),
                format.number(status.edge.bytes / 1000, 1),
              )}
            </p>
            <p class="hint">
              {text.version} {status.version}
            </p>
          </Fact>
        )}
        {platform && platform.preflights.length > 0 && (
          <Fact title={text.preflights} bad>
            <p class="hint">{text.preflightsHint}</p>
            <ul class="plain">
              {platform.preflights.map((preflight) => (
                <li key={preflight.origin}>
                  <code>{preflight.origin}</code> × {format.number(preflight.count)},{" "}
                  <Time at={preflight.last_at} />
                </li>
              ))}
            </ul>
          </Fact>
        )}
      </div>
    </>
  );
}
