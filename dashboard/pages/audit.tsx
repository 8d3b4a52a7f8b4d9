import { useId, useState } from "preact/hooks";
import { call, paths, pieces, query } from "../api.ts";
import { type Verdict, verify } from "../chain.ts";
import { useLive, useSending } from "../live.ts";
import { to } from "../place.ts";
import { save } from "../save.ts";
import { Cell, Table } from "../table.tsx";
import { t } from "../text/index.ts";
import type { AuditEntry, AuditHead, Page } from "../types.ts";
import { Await, Button, Note, ProblemNote, Time, who } from "../ui.tsx";
import { OrganizationHead, useOrganization } from "./organization.tsx";

/** Entries that are loaded at a time, from the newest back. */
const STEP = 100;
/** The same where only those about one key are wanted: the API looks at so many for a page. */
const STEP_OF_KEY = 2_000;
const MOST_OF_A_PAGE = 200;

/** The audit of an organization, or of one key. */
export function AuditPage({ org, of }: { org: string; of?: string | undefined }) {
  const organization = useOrganization(org);
  const step = of === undefined ? STEP : STEP_OF_KEY;
  const [reach, setReach] = useState(step);
  const [search, setSearch] = useState("");
  const [action, setAction] = useState("");
  const live = useLive(async (signal) => {
    const head = await call<AuditHead>("GET", `${paths.audit(org)}/head`, { signal });
    const entries: AuditEntry[] = [];
    // The API goes from the oldest on; the newest are those after the rest.
    let after: number | null = Math.max(head.checkpoint?.seq ?? 0, head.count - reach);
    while (after !== null) {
      const page: Page<AuditEntry> = await call(
        "GET",
        `${paths.audit(org)}?${query({ cursor: after, key: of, limit: MOST_OF_A_PAGE })}`,
        { signal },
      );
      entries.push(...page.items);
      after = page.next_cursor === null ? null : Number(page.next_cursor);
    }
    const kept = head.count - (head.checkpoint?.seq ?? 0);
    const count = Math.max(kept, entries.length);
    const seen = of === undefined ? entries.length : Math.min(reach, count);
    return { entries: entries.reverse(), seen, count, checkpoint: head.checkpoint };
  }, [org, of, reach]);
  const text = t().audit;
  return (
    <>
      <OrganizationHead
        org={org}
        live={organization}
        tab="audit"
        title={of === undefined ? text.title : t().finding.audit}
        lead={of === undefined ? text.lead : t().finding.auditLead(of)}
        aside={of === undefined ? <Export org={org} /> : <OfKey org={org} id={of} />}
      />
      {of === undefined && <Verify org={org} />}
      <Await live={live}>
        {({ entries, seen, count, checkpoint }) => {
          if (entries.length === 0 && seen >= count) return <p class="empty">{text.empty}</p>;
          const wanted = search.trim().toLowerCase();
          const shown = entries.filter(
            (entry) =>
              (action === "" || entry.action === action) &&
              (wanted === "" || JSON.stringify(entry).toLowerCase().includes(wanted)),
          );
          const actions = [...new Set(entries.map((entry) => entry.action))].sort();
          return (
            <>
              <div class="filters" role="search">
                <input
                  type="search"
                  aria-label={text.search}
                  placeholder={text.search}
                  value={search}
                  onInput={(event) => setSearch(event.currentTarget.value)}
                />
                <select
                  aria-label={text.action}
                  value={action}
                  onChange={(event) => setAction(event.currentTarget.value)}
                >
                  <option value="">{text.anyAction}</option>
                  {actions.map((action) => (
                    <option key={action} value={action}>
                      {actionName(action)}
                    </option>
                  ))}
                </select>
              </div>
              {shown.length === 0 ? (
                <p class="empty">{text.noneFound}</p>
              ) : (
                <Table label={text.table} columns={[text.entry, text.when, text.who, text.what, text.subject, text.change]}>
                  {shown.map((entry) => (
                    <Row key={entry.seq} org={org} entry={entry} />
                  ))}
                </Table>
              )}
              <div class="pages">
                <span class="hint">
                  {of === undefined ? text.loaded(seen, count) : t().finding.looked(seen, count)}
                </span>
                {seen < count && <Button onClick={() => setReach(reach + step)}>{text.older}</Button>}
              </div>
              {checkpoint && seen >= count && (
                <p class="hint">
                  {text.dropped(checkpoint.seq)} <Time at={checkpoint.at} />
                </p>
              )}
            </>
          );
        }}
      </Await>
    </>
  );
}

function actionName(action: string): string {
  return t().audit.actions[action] ?? action;
}

function Row({ org, entry }: { org: string; entry: AuditEntry }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const text = t().audit;
  const name = entry.subject.name ?? entry.after?.name ?? entry.before?.name;
  return (
    <>
      <tr role="row" class={open ? "open" : ""}>
        <Cell label={text.entry} number>
          {entry.seq}
        </Cell>
        <Cell label={text.when}>
          <Time at={entry.at} />
        </Cell>
        <Cell label={text.who}>{who(entry.actor)}</Cell>
        <Cell label={text.what}>{actionName(entry.action)}</Cell>
        <Cell label={text.subject} whole>
          {typeof name === "string" && <span class="subject">{name}</span>}
          {entry.subject.kind === "key" ? (
            <a href={to.key(org, entry.subject.id)}>
              <code class="id short">{entry.subject.id}</code>
            </a>
          ) : (
            <code class="id short">{entry.subject.id}</code>
          )}
        </Cell>
        <Cell label={text.change} whole>
          <button
            type="button"
            class="more"
            aria-expanded={open}
            aria-controls={id}
            aria-label={`${text.details}: ${text.entry} ${entry.seq}`}
            onClick={() => setOpen(!open)}
          >
            {text.details}
          </button>
        </Cell>
      </tr>
      {open && (
        <tr role="row" class="more" id={id}>
          <td role="cell" colSpan={6}>
            <Members entry={entry} />
          </td>
        </tr>
      )}
    </>
  );
}

/** What an act found and what it left. */
function Members({ entry }: { entry: AuditEntry }) {
  const text = t().audit;
  // What was empty and stays so is no change.
  const members = [...new Set([...Object.keys(entry.before ?? {}), ...Object.keys(entry.after ?? {})])]
    .filter((member) => !(isEmpty(entry.before?.[member]) && isEmpty(entry.after?.[member])))
    .sort();
  return (
    <dl class="change">
      {members.map((member) => (
        <div key={member}>
          <dt>{member}</dt>
          <dd>
            {entry.before && member in entry.before && (
              <del>
                <span class="visually-hidden">{text.before} </span>
                {written(entry.before[member])}
              </del>
            )}{" "}
            {entry.after && member in entry.after && (
              <ins>
                <span class="visually-hidden">{text.after} </span>
                {written(entry.after[member])}
              </ins>
            )}
          </dd>
        </div>
      ))}
      <div>
        <dt>{t().app.requestId}</dt>
        <dd>
          <code>{entry.request_id}</code>
        </dd>
      </div>
      <div>
        <dt>{text.hash}</dt>
        <dd>
          <code>{entry.hash}</code>
        </dd>
      </div>
    </dl>
  );
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === false || ["[]", "{}"].includes(JSON.stringify(value));
}

function written(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function OfKey({ org, id }: { org: string; id: string }) {
  return (
    <>
      <a class="button" href={to.key(org, id)}>
        {t().finding.open}
      </a>
      <a class="button" href={to.audit(org)}>
        {t().finding.wholeAudit}
      </a>
    </>
  );
}

function Export({ org }: { org: string }) {
  const { busy, problem, send } = useSending();
  const text = t().audit;
  return (
    <>
      <Button
        busy={busy}
        onClick={() =>
          void send(async () => {
            const parts: string[] = [];
            for await (const piece of pieces(paths.audit(org))) parts.push(piece);
            save(`audit-${org}.ndjson`, parts, "application/x-ndjson");
          })
        }
      >
        {text.export}
      </Button>
      <Button
        busy={busy}
        onClick={() =>
          void send(async () => {
            const head = await call<AuditHead>("GET", `${paths.audit(org)}/head`);
            save(`audit-${org}-head-${head.count}.json`, [`${JSON.stringify(head)}\n`], "application/json");
          })
        }
      >
        {text.saveHead}
      </Button>
      <ProblemNote problem={problem} />
    </>
  );
}

function headOf(text: string): AuditHead | undefined {
  try {
    const head = JSON.parse(text) as AuditHead;
    return typeof head.organization === "string" && typeof head.count === "number" && typeof head.hash === "string"
      ? head
      : undefined;
  } catch {
    return undefined;
  }
}

function Verify({ org }: { org: string }) {
  const [kept, setKept] = useState<AuditHead>();
  const [wrong, setWrong] = useState(false);
  const [verdict, setVerdict] = useState<Verdict>();
  const { busy, problem, send } = useSending();
  const text = t().audit;
  const run = () =>
    send(async () => {
      setVerdict(undefined);
      // An entry may come between the two: then the head is asked for again.
      for (let tries = 0; ; tries += 1) {
        const head = await call<AuditHead>("GET", `${paths.audit(org)}/head`);
        const verdict = await verify(pieces(paths.audit(org)), org, head, kept);
        if (verdict.broken?.fault === "head" && verdict.count > head.count && tries < 3) continue;
        setVerdict(verdict);
        return;
      }
    });
  return (
    <section class="card verify" aria-label={text.verify}>
      <div class="row">
        <label class="file">
          <span>{text.kept}</span>
          <input
            type="file"
            accept=".json,application/json"
            onChange={async (event) => {
              const file = event.currentTarget.files?.[0];
              const head = file && headOf(await file.text());
              setKept(head);
              setWrong(file !== undefined && head === undefined);
            }}
          />
        </label>
        <Button kind="primary" busy={busy} onClick={() => void run()}>
          {busy ? text.verifying : text.verify}
        </Button>
      </div>
      {wrong && <p class="wrong">{text.keptWrong}</p>}
      <ProblemNote problem={problem} />
      <div role="status">
        {verdict &&
          (verdict.broken ? (
            <Note kind="bad">
              <p>{text.broken(verdict.broken.entry, text.faults[verdict.broken.fault])}</p>
            </Note>
          ) : (
            <Note kind="good">
              <p>
                {text.holds(verdict.count - verdict.dropped, verdict.dropped)}{" "}
                {kept && (verdict.keptIsDropped ? text.keptIsDropped : text.holdsKept)}
              </p>
              <p class="small">
                {text.head} <code>{verdict.hash}</code>
              </p>
            </Note>
          ))}
      </div>
    </section>
  );
}
