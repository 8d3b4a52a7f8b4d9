import { useEffect, useState } from "preact/hooks";
import { all, paths, query } from "../api.ts";
import { csvOfKeys } from "../csv.ts";
import * as format from "../format.ts";
import { useLive, useSending } from "../live.ts";
import { to } from "../place.ts";
import { save } from "../save.ts";
import { useMay } from "../session.ts";
import { Cell, SelectCell, type Sorting, Table } from "../table.tsx";
import { t } from "../text/index.ts";
import { type Key, PLATFORM } from "../types.ts";
import { Await, Button, Id, ProblemNote, State, Time, who } from "../ui.tsx";
import { Bulk } from "./keys/bulk.tsx";
import { type Filter, Filters, isFiltered, NO_FILTER, parametersOf, STATES } from "./keys/filter.tsx";
import { OrganizationHead, useOrganization } from "./organization.tsx";

/** Most keys that are held and sorted here; beyond, the search narrows. */
const MOST = 1_000;
const PAGE = 20;

/** Nothing, or a time that never comes, sorts last when ascending. */
const ORDERS: Record<string, (key: Key) => string> = {
  name: (key) => key.name.toLocaleLowerCase(),
  state: (key) => String(STATES.indexOf(key.state)),
  created: (key) => key.created_at,
  used: (key) => key.last_used_at ?? "",
  expires: (key) => key.expires_at ?? "9",
};

export function KeysPage({ org }: { org: string }) {
  const organization = useOrganization(org);
  const [filter, setFilter] = useState(NO_FILTER);
  const [picked, setPicked] = useState<string[]>([]);
  const [sorting, setSorting] = useState<Sorting>({ by: "created", descending: true });
  const [page, setPage] = useState(0);
  const keys = useLive(
    (signal) => all<Key>(paths.keys(org), parametersOf(filter), MOST, signal),
    [org, query(parametersOf(filter))],
  );
  useEffect(() => setPage(0), [filter, sorting]);
  // What another filter shows was not meant.
  useEffect(() => setPicked([]), [filter]);
  const selected = (keys.data?.items ?? []).filter((key) => picked.includes(key.id) && canBeStopped(key));
  const pick = (ids: string[], on: boolean) =>
    setPicked(on ? [...new Set([...picked, ...ids])] : picked.filter((id) => !ids.includes(id)));
  const done = () => {
    setPicked([]);
    void keys.reload();
  };
  // Whoever may not see the organization may still issue: the API decides.
  const open = organization.data ? organization.data.api_access === "enabled" : organization.problem?.code === "insufficient_scope";
  const mayWrite = useMay("keys:write", org) && !organization.data?.deleted_at;
  const mayIssue = mayWrite && (org === PLATFORM || open);
  const text = org === PLATFORM ? { ...t().keys, ...t().adminKeys } : t().keys;
  const issue = mayIssue && (
    <a class="button primary" href={to.issue(org)}>
      {text.issue}
    </a>
  );
  const aside = (
    <>
      <Csv org={org} filter={filter} />
      {issue}
    </>
  );
  return (
    <>
      <OrganizationHead org={org} live={organization} tab="keys" title={text.title} lead={text.lead} aside={aside} />
      <Filters org={org} filter={filter} onFilter={setFilter} />
      {mayWrite && <Bulk org={org} selected={selected} onDone={done} onClear={() => setPicked([])} />}
      <Await live={keys}>
        {({ items, more }) => {
          if (items.length === 0) {
            return isFiltered(filter) ? (
              <div class="empty">
                <p>{text.noneFound}</p>
                <Button onClick={() => setFilter(NO_FILTER)}>{text.clear}</Button>
              </div>
            ) : (
              <div class="empty">
                <h2>{text.emptyTitle}</h2>
                <p>{text.empty}</p>
                {issue}
              </div>
            );
          }
          const pages = Math.ceil(items.length / PAGE);
          const shownPage = Math.min(page, pages - 1);
          const shown = sorted(items, sorting).slice(shownPage * PAGE, (shownPage + 1) * PAGE);
          const stoppable = shown.filter(canBeStopped).map((key) => key.id);
          return (
            <>
              {more && <p class="hint">{text.limited(items.length)}</p>}
              <Table
                label={text.table}
                columns={[text.name, text.state, text.scopes, text.created, text.lastUsed, text.expires]}
                sortable={{
                  [text.name]: "name",
                  [text.state]: "state",
                  [text.created]: "created",
                  [text.lastUsed]: "used",
                  [text.expires]: "expires",
                }}
                sorting={sorting}
                onSort={setSorting}
                select={
                  mayWrite
                    ? {
                        label: t().finding.selectPage,
                        checked: stoppable.length > 0 && stoppable.every((id) => picked.includes(id)),
                        disabled: stoppable.length === 0,
                        onChange: (on) => pick(stoppable, on),
                      }
                    : undefined
                }
              >
                {shown.map((key) => (
                  <Row
                    key={key.id}
                    org={org}
                    value={key}
                    picked={picked.includes(key.id)}
                    onPick={mayWrite ? (on) => pick([key.id], on) : undefined}
                  />
                ))}
              </Table>
              {pages > 1 && (
                <nav class="pages" aria-label={text.pages}>
                  <Button disabled={shownPage === 0} onClick={() => setPage(shownPage - 1)}>
                    {t().app.previous}
                  </Button>
                  <span role="status">
                    {text.page(
                      shownPage * PAGE + 1,
                      Math.min((shownPage + 1) * PAGE, items.length),
                      items.length,
                    )}
                  </span>
                  <Button disabled={shownPage === pages - 1} onClick={() => setPage(shownPage + 1)}>
                    {t().app.next}
                  </Button>
                </nav>
              )}
            </>
          );
        }}
      </Await>
    </>
  );
}

function sorted(keys: Key[], { by, descending }: Sorting): Key[] {
  const order = ORDERS[by] ?? ((key: Key) => key.created_at);
  const compared = [...keys].sort((a, b) => {
    const [x, y] = [order(a), order(b)];
    return by === "name" ? x.localeCompare(y) : x < y ? -1 : x > y ? 1 : 0;
  });
  return descending ? compared.reverse() : compared;
}

const canBeStopped = (key: Key): boolean => key.state !== "revoked";

/** The whole filtered list as a file, however long it is. */
function Csv({ org, filter }: { org: string; filter: Filter }) {
  const { busy, problem, send } = useSending();
  const text = t().finding;
  return (
    <>
      <Button
        busy={busy}
        title={text.csvTitle}
        onClick={() =>
          void send(async () => {
            const { items } = await all<Key>(paths.keys(org), parametersOf(filter), Number.POSITIVE_INFINITY);
            save(`keys-${org}.csv`, [csvOfKeys(items)], "text/csv;charset=utf-8");
          })
        }
      >
        {text.csv}
      </Button>
      <ProblemNote problem={problem} />
    </>
  );
}

function Row({
  org,
  value: key,
  picked,
  onPick,
}: {
  org: string;
  value: Key;
  picked: boolean;
  onPick: ((picked: boolean) => void) | undefined;
}) {
  const text = t().keys;
  return (
    <tr role="row" class={key.state === "revoked" || key.state === "expired" ? "over" : ""}>
      {onPick && (
        <SelectCell
          label={t().finding.select(key.name)}
          checked={picked && canBeStopped(key)}
          disabled={!canBeStopped(key)}
          onChange={onPick}
        />
      )}
      <Cell label={text.name} main>
        <a href={to.key(org, key.id)}>{key.name}</a>
        <Id id={key.id} />
      </Cell>
      <Cell label={text.state}>
        <Badges value={key} />
      </Cell>
      <Cell label={text.scopes}>
        <Scopes scopes={key.scopes} />
      </Cell>
      <Cell label={text.created}>
        <Time at={key.created_at} />{" "}
        <span class="faint by" title={who(key.created_by)}>
          {text.by(who(key.created_by))}
        </span>
      </Cell>
      <Cell label={text.lastUsed}>
        <Time at={key.last_used_at} />
      </Cell>
      <Cell label={text.expires}>
        {key.expires_at ? (
          <time dateTime={key.expires_at} title={format.exact(key.expires_at)}>
            {format.date(key.expires_at)}
          </time>
        ) : (
          <span class="faint">{t().app.never}</span>
        )}
      </Cell>
    </tr>
  );
}

/** How a key stands, and what has become of its secret. */
export function Badges({ value: key }: { value: Key }) {
  const text = t().keys;
  return (
    <span class="badges">
      <State state={key.state} />
      {key.environment === "test" && <span class="badge plain">{t().environment.test}</span>}
      {key.exposed_at && (
        <span class="badge exposed" title={text.exposedTitle}>
          {text.exposed}
        </span>
      )}
      {key.leaked_at && (
        <span class="badge leaked" title={text.leakedTitle}>
          {text.leaked}
        </span>
      )}
      {key.restriction && (
        <span class="badge restricted" title={text.restrictedTitle}>
          {text.restricted}
        </span>
      )}
    </span>
  );
}

export function Scopes({ scopes }: { scopes: string[] }) {
  return (
    <span class="scopes">
      {scopes.map((scope) => (
        <code key={scope} title={t().scope[scope]}>
          {scope}
        </code>
      ))}
    </span>
  );
}

export function KeyLink({ org, id }: { org: string; id: string }) {
  return (
    <a href={to.key(org, id)}>
      <code class="id">{id}</code>
    </a>
  );
}

