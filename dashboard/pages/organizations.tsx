import { useState } from "preact/hooks";
import { call, paths, Problem } from "../api.ts";
import * as format from "../format.ts";
import { useLive, useSending } from "../live.ts";
import { go, to } from "../place.ts";
import { useMay } from "../session.ts";
import { t } from "../text/index.ts";
import type { Organization, Page } from "../types.ts";
import { Access, Await, Button, Dialog, Field, Heading, Id, ProblemNote, Switch, Time, useTitle } from "../ui.tsx";
import { Cell, Table } from "../table.tsx";
import { FindKey } from "./find-key.tsx";

/** Each organization is asked at its own registry: less often than a single one. */
const EVERY_MS = 6_000;

export function OrganizationsPage() {
  const [search, setSearch] = useState("");
  const [deleted, setDeleted] = useState(false);
  const [pages, setPages] = useState(1);
  const [creating, setCreating] = useState(false);
  const mayCreate = useMay("organizations:write");
  const mayFind = useMay("keys:read");
  const live = useLive(
    async (signal) => {
      const items: Organization[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < pages; page += 1) {
        const answer: Page<Organization> = await call("GET", paths.organizations(search, deleted, cursor), { signal });
        items.push(...answer.items);
        cursor = answer.next_cursor;
        if (!cursor) break;
      }
      return { items, more: cursor !== null };
    },
    [search, deleted, pages],
    EVERY_MS,
  );
  const text = t().organizations;
  useTitle(text.title);
  return (
    <>
      <Heading
        lead={text.lead}
        aside={
          mayCreate && (
            <Button kind="primary" onClick={() => setCreating(true)}>
              {text.create}
            </Button>
          )
        }
      >
        {text.title}
      </Heading>
      <div class="filters" role="search">
        <input
          type="search"
          aria-label={text.search}
          placeholder={text.search}
          maxLength={100}
          value={search}
          onInput={(event) => {
            setSearch(event.currentTarget.value);
            setPages(1);
          }}
        />
        <Switch
          label={t().finding.shown}
          value={deleted ? "deleted" : "existing"}
          options={[
            ["existing", t().finding.existing],
            ["deleted", t().finding.deleted],
          ]}
          onChange={(shown) => {
            setDeleted(shown === "deleted");
            setPages(1);
          }}
        />
      </div>
      {mayFind && <FindKey />}
      <Await live={live}>
        {({ items, more }) =>
          items.length === 0 ? (
            deleted ? (
              <p class="empty">{search === "" ? t().finding.noneDeleted : text.noneFound}</p>
            ) : (
            <Empty searched={search !== ""} onCreate={mayCreate ? () => setCreating(true) : undefined} />
            )
          ) : (
            <>
              <Table label={text.title} columns={[text.name, text.id, text.access, text.keys, text.created]}>
                {items.map((organization) => (
                  <Row key={organization.id} organization={organization} />
                ))}
              </Table>
              {more && <Button onClick={() => setPages(pages + 1)}>{t().app.more}</Button>}
            </>
          )
        }
      </Await>
      {creating && <Create onClose={() => setCreating(false)} />}
    </>
  );
}

function Row({ organization }: { organization: Organization }) {
  const text = t().organizations;
  const usable = organization.keys.active + organization.keys.retiring;
  return (
    <tr role="row">
      <Cell label={text.name} main>
        <a href={to.keys(organization.id)}>{organization.name}</a>
      </Cell>
      <Cell label={text.id}>
        <Id id={organization.id} />
      </Cell>
      <Cell label={text.access}>
        {organization.deleted_at ? (
          <span class="badge revoked">{t().finding.deleted}</span>
        ) : (
          <Access on={organization.api_access === "enabled"} />
        )}
      </Cell>
      <Cell label={text.keys} number>
        {format.number(usable)}
      </Cell>
      <Cell label={text.created}>
        <Time at={organization.created_at} />
      </Cell>
    </tr>
  );
}

function Empty({ searched, onCreate }: { searched: boolean; onCreate: (() => void) | undefined }) {
  const text = t().organizations;
  return searched ? (
    <p class="empty">{text.noneFound}</p>
  ) : (
    <div class="empty">
      <h2>{text.emptyTitle}</h2>
      <p>{text.empty}</p>
      {onCreate && (
        <Button kind="primary" onClick={onCreate}>
          {text.create}
        </Button>
      )}
    </div>
  );
}

function Create({ onClose }: { onClose: () => void }) {
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [access, setAccess] = useState(true);
  const [tried, setTried] = useState(false);
  const [taken, setTaken] = useState<Organization>();
  const { busy, problem, send } = useSending();
  const text = t().organizations;
  const idRight = /^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$/.test(id);
  const nameRight = name.trim() !== "";
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (!idRight || !nameRight) return;
    void send(async () => {
      const met = await existing(id);
      if (met) {
        setTaken(met);
        return;
      }
      await call("PUT", paths.organization(id), {
        body: { name, api_access: access ? "enabled" : "disabled", wait: false },
      });
      onClose();
      go(to.keys(id));
    });
  };
  return (
    <Dialog title={text.create} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <ProblemNote problem={problem} />
        <Field label={text.nameLabel} hint={text.nameHint} wrong={tried && !nameRight ? t().app.required : undefined}>
          {(attributes) => (
            <input
              {...attributes}
              maxLength={100}
              value={name}
              required
              onInput={(event) => setName(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field
          label={text.idLabel}
          hint={text.idHint}
          wrong={
            taken?.id === id
              ? taken.deleted_at
                ? t().finding.existsDeleted
                : text.exists
              : tried && !idRight
                ? text.idWrong
                : undefined
          }
        >
          {(attributes) => (
            <input
              {...attributes}
              class="mono"
              maxLength={64}
              value={id}
              required
              autocapitalize="off"
              spellcheck={false}
              onInput={(event) => setId(event.currentTarget.value)}
            />
          )}
        </Field>
        <label class="check">
          <input type="checkbox" checked={access} onChange={(event) => setAccess(event.currentTarget.checked)} />
          <span>
            {text.enable}
            <span class="hint">{text.enableHint}</span>
          </span>
        </label>
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="primary" type="submit" busy={busy}>
            {text.submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** A PUT would change an organization that is there already. */
async function existing(id: string): Promise<Organization | undefined> {
  try {
    return await call<Organization>("GET", paths.organization(id));
  } catch (problem) {
    if (problem instanceof Problem && problem.code === "not_found") return undefined;
    throw problem;
  }
}
