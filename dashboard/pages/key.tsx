import { useContext, useState } from "preact/hooks";
import { call, paths, Problem } from "../api.ts";
import * as format from "../format.ts";
import { useChange, useLive, useSending } from "../live.ts";
import { to } from "../place.ts";
import { showSecret } from "../secret.tsx";
import { SessionContext, useMay } from "../session.ts";
import { t } from "../text/index.ts";
import {
  ADMIN_SCOPES,
  CLIENT_SCOPES,
  type Impact,
  type Issued,
  type Key,
  PLATFORM,
  type Reason,
  REASONS,
} from "../types.ts";
import {
  Await,
  Button,
  Dialog,
  Enforcement,
  Field,
  Heading,
  Note,
  ProblemNote,
  Time,
  useTitle,
  who,
} from "../ui.tsx";
import { Usage } from "../usage.tsx";
import { looksLikeNetwork, ScopeChoices } from "./issue.tsx";
import { Badges, KeyLink, Scopes } from "./keys.tsx";
import { Crumbs, useOrganization } from "./organization.tsx";

type Asked = "" | "edit" | "rotate" | "revoke" | "disable";

export function KeyPage({ org, id }: { org: string; id: string }) {
  const live = useLive((signal) => call<Key>("GET", paths.key(org, id), { signal }), [org, id]);
  const [asked, setAsked] = useState<Asked>("");
  const { busy, problem, clear, send } = useSending();
  const mayWrite = useMay("keys:write", org);
  const mayUsage = useMay("usage:read", org);

  const key = live.data;
  const [change, setChange] = useChange(key?.enforced ?? false, live.reload);
  useTitle(key?.name ?? id);
  const ask = (what: Asked) => {
    clear();
    setAsked(what);
  };
  /** Sends a change of the key as it is shown, and follows it until enforced. */
  const act = (method: string, action: string, body: object) =>
    send(async () => {
      if (!key) return;
      const since = performance.now();
      try {
        const { enforced, key: after } = await call<{ enforced: boolean; key: Key }>(
          method,
          paths.key(org, id) + action,
          { body: { ...body, wait: false }, revision: key.revision },
        );
        live.put(after);
        setAsked("");
        setChange(enforced ? { since, done: performance.now() } : { since });
      } catch (caught) {
        if (caught instanceof Problem && caught.code === "revision_mismatch") await live.reload();
        throw caught;
      }
    });
  return (
    <>
      <Crumb org={org} name={key?.name ?? id} />
      <Await live={live}>
        {(key) => (
          <>
            <Heading aside={mayWrite && <Actions state={key} busy={busy} onAsk={ask} onEnable={() => void act("POST", "/enable", {})} />}>
              {key.name} <Badges value={key} />
            </Heading>
            {key.exposed_at && (
              <Note kind="bad">
                <p>{t().key.exposed(key.exposed_origin || t().key.unknownOrigin, format.relative(key.exposed_at))}</p>
              </Note>
            )}
            {key.leaked_at && (
              <Note kind="bad">
                <p>{t().key.leaked(key.leak_url || t().key.unknownPlace, format.relative(key.leaked_at))}</p>
                {key.restriction && (
                  <p data-testid="restriction">
                    {t().key.restricted(
                      key.restriction.scopes.filter((scope) => key.scopes.includes(scope)).join(", ") || t().key.noScope,
                    )}
                  </p>
                )}
                {key.restriction && mayWrite && key.state !== "revoked" && (
                  <Button busy={busy} onClick={() => void act("PATCH", "", { restriction: null })}>
                    {t().key.lift}
                  </Button>
                )}
              </Note>
            )}
            {asked === "" && <ProblemNote problem={problem} />}
            {change && <Enforcement since={change.since} done={change.done} />}
            <Facts value={key} />
            {mayUsage && (key.replaces !== null || key.replaced_by !== null) && <Progress org={org} value={key} />}
            {mayUsage && <Usage org={org} id={id} />}
            {asked === "edit" && (
              <Edit value={key} busy={busy} problem={problem} onClose={() => ask("")} onSave={(body) => void act("PATCH", "", body)} />
            )}
            {asked === "rotate" && (
              <Rotate
                value={key}
                onClose={() => ask("")}
                onRotated={(replaced, since) => {
                  live.put(replaced);
                  setAsked("");
                  setChange(replaced.enforced ? undefined : { since });
                }}
              />
            )}
            {asked === "disable" && (
              <Sure
                title={t().key.disableTitle}
                lead={t().key.disableLead}
                submit={t().key.disable}
                org={org}
                id={id}
                busy={busy}
                problem={problem}
                onClose={() => ask("")}
                onSure={() => void act("POST", "/disable", {})}
              />
            )}
            {asked === "revoke" && (
              <Sure
                title={t().key.revokeTitle}
                lead={t().key.revokeLead}
                submit={t().key.revokeSubmit}
                reasons
                org={org}
                id={id}
                busy={busy}
                problem={problem}
                onClose={() => ask("")}
                onSure={(reason, note) => void act("POST", "/revoke", { reason, ...(note ? { note } : {}) })}
              />
            )}
          </>
        )}
      </Await>
    </>
  );
}

function Crumb({ org, name }: { org: string; name: string }) {
  const organization = useOrganization(org);
  const platform = org === PLATFORM;
  const owner = platform ? t().app.admins : (organization.data?.name ?? org);
  return (
    <Crumbs
      links={[...(platform ? [] : [[to.organizations(), t().app.organizations] as [string, string]]), [to.keys(org), owner]]}
      here={name}
    />
  );
}

function Actions({
  state: key,
  busy,
  onAsk,
  onEnable,
}: {
  state: Key;
  busy: boolean;
  onAsk: (asked: Asked) => void;
  onEnable: () => void;
}) {
  const text = t().key;
  if (key.state === "revoked") return null;
  const usable = key.state === "active" || key.state === "retiring";
  return (
    <>
      <Button onClick={() => onAsk("edit")}>{text.rename}</Button>
      {key.state === "active" && key.replaced_by === null && (
        <Button onClick={() => onAsk("rotate")}>{text.rotate}</Button>
      )}
      {usable && <Button onClick={() => onAsk("disable")}>{text.disable}</Button>}
      {key.state === "disabled" && (
        <Button busy={busy} onClick={onEnable}>
          {text.enable}
        </Button>
      )}
      <Button kind="danger" onClick={() => onAsk("revoke")}>
        {text.revoke}
      </Button>
    </>
  );
}

function Facts({ value: key }: { value: Key }) {
  const text = t().key;
  const metadata = Object.keys(key.metadata).length > 0;
  return (
    <section class="card" aria-label={text.facts}>
      <dl class="facts">
        <div class="whole">
          <dt>{text.id}</dt>
          <dd>
            <code class="id">{key.id}</code>
          </dd>
        </div>
        <div>
          <dt>{text.environment}</dt>
          <dd>{t().environment[key.environment]}</dd>
        </div>
        <div>
          <dt>{text.scopes}</dt>
          <dd>
            <Scopes scopes={key.scopes} />
          </dd>
        </div>
        <div>
          <dt>{text.lastUsed}</dt>
          <dd data-testid="last-used">
            <Time at={key.last_used_at} />
          </dd>
        </div>
        <div>
          <dt>{text.created}</dt>
          <dd>
            <Time at={key.created_at} /> <span class="faint by">{t().keys.by(who(key.created_by))}</span>
          </dd>
        </div>
        <div>
          <dt>{text.expires}</dt>
          <dd>
            <Time at={key.expires_at} />
          </dd>
        </div>
        {key.retires_at && (
          <div>
            <dt>{text.retires}</dt>
            <dd>
              <Time at={key.retires_at} />
            </dd>
          </div>
        )}
        <div>
          <dt>{text.addresses}</dt>
          <dd>
            {key.allowed_ips.length === 0 ? (
              <span class="faint">{text.everywhere}</span>
            ) : (
              key.allowed_ips.map((network) => (
                <code class="line" key={network}>
                  {network}
                </code>
              ))
            )}
          </dd>
        </div>
        {key.bound_organization && (
          <div>
            <dt>{text.bound}</dt>
            <dd>
              <code>{key.bound_organization}</code>
            </dd>
          </div>
        )}
        {key.revoked_at && (
          <div>
            <dt>{text.revoked}</dt>
            <dd>
              <Time at={key.revoked_at} />
              {key.revocation_reason && <span class="faint"> · {t().reason[key.revocation_reason]}</span>}
            </dd>
          </div>
        )}
        <div>
          <dt>{text.enforcement}</dt>
          <dd>{key.enforced ? text.enforced : text.notEnforced}</dd>
        </div>
        {key.replaces && (
          <div class="whole">
            <dt>{text.replaces}</dt>
            <dd>
              <KeyLink org={key.organization} id={key.replaces} />
            </dd>
          </div>
        )}
        {key.replaced_by && (
          <div class="whole">
            <dt>{text.replacedBy}</dt>
            <dd>
              <KeyLink org={key.organization} id={key.replaced_by} />
            </dd>
          </div>
        )}
        {metadata && (
          <div class="whole">
            <dt>{text.metadata}</dt>
            <dd>
              <pre class="code" tabIndex={0} role="region" aria-label={text.metadata}>
                {JSON.stringify(key.metadata, null, 2)}
              </pre>
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}

/** How far an integration has come from the old key to the new one. */
function Progress({ org, value: key }: { org: string; value: Key }) {
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

/** What stopping a key would hit. */
function Hit({ org, id }: { org: string; id: string }) {
  const live = useLive((signal) => call<Impact>("GET", `${paths.key(org, id)}/impact`, { signal }), [org, id]);
  const text = t().key;
  const impact = live.data;
  if (!impact) return <p class="hint">{live.problem ? text.impactFailed : t().app.loading}</p>;
  const used = impact.last_30_days.requests > 0;
  const scopes = Object.keys(impact.last_30_days.by_scope).filter(Boolean);
  return (
    <Note kind={impact.last_day.requests > 0 && !impact.successor?.in_use ? "warn" : "plain"}>
      <h3>{text.impactTitle}</h3>
      <p>
        {used
          ? text.impactUsed(
              format.number(impact.last_hour.requests),
              format.number(impact.last_day.requests),
              format.number(impact.last_30_days.requests),
            )
          : text.impactUnused}{" "}
        {impact.last_used_at && text.impactLast(format.relative(impact.last_used_at))}{" "}
        {scopes.length > 0 && text.impactScopes(format.list(scopes))}
      </p>
      {impact.successor && <p>{impact.successor.in_use ? text.impactSuccessor : text.impactNoSuccessor}</p>}
    </Note>
  );
}

interface DialogProps {
  busy: boolean;
  problem: Problem | undefined;
  onClose: () => void;
}

function Sure({
  title,
  lead,
  submit,
  reasons = false,
  org,
  id,
  busy,
  problem,
  onClose,
  onSure,
}: DialogProps & {
  title: string;
  lead: string;
  submit: string;
  reasons?: boolean;
  org: string;
  id: string;
  onSure: (reason: Reason, note: string) => void;
}) {
  const [reason, setReason] = useState<Reason>("unspecified");
  const [note, setNote] = useState("");
  const mayUsage = useMay("usage:read", org);
  const text = t().key;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          onSure(reason, note);
        }}
      >
        <p>{lead}</p>
        {mayUsage && <Hit org={org} id={id} />}
        {reasons && (
          <>
            <Field label={text.reason}>
              {(attributes) => (
                <select
                  {...attributes}
                  value={reason}
                  onChange={(event) => setReason(event.currentTarget.value as Reason)}
                >
                  {REASONS.map((reason) => (
                    <option key={reason} value={reason}>
                      {t().reason[reason]}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Field label={text.note} optional hint={text.noteHint}>
              {(attributes) => (
                <textarea
                  {...attributes}
                  rows={2}
                  maxLength={500}
                  value={note}
                  onInput={(event) => setNote(event.currentTarget.value)}
                />
              )}
            </Field>
          </>
        )}
        <ProblemNote problem={problem} />
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="danger" type="submit" busy={busy}>
            {submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Edit({
  value: key,
  busy,
  problem,
  onClose,
  onSave,
}: DialogProps & { value: Key; onSave: (patch: object) => void }) {
  // As it was when the form was opened: what others change meanwhile is no edit.
  const [was] = useState(key);
  const [name, setName] = useState(was.name);
  const [scopes, setScopes] = useState(was.scopes);
  const [expires, setExpires] = useState(was.expires_at ? format.localInput(was.expires_at) : "");
  const [addresses, setAddresses] = useState(was.allowed_ips.join("\n"));
  const [tried, setTried] = useState(false);
  const own = useContext(SessionContext);
  const text = t().issue;
  const known = was.environment === "admin" ? ADMIN_SCOPES.filter((scope) => own?.scopes.includes(scope)) : CLIENT_SCOPES;
  const offered = [...new Set([...known, ...was.scopes])];
  const networks = addresses.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
  const wrongNetwork = networks.find((network) => !looksLikeNetwork(network));
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (name.trim() === "" || scopes.length === 0 || wrongNetwork !== undefined) return;
    const patch: Record<string, unknown> = {};
    if (name.trim() !== was.name) patch.name = name.trim();
    if ([...scopes].sort().join() !== [...was.scopes].sort().join()) patch.scopes = scopes;
    if (expires !== (was.expires_at ? format.localInput(was.expires_at) : "")) {
      patch.expires_at = expires ? new Date(expires).toISOString() : null;
    }
    if (networks.join() !== was.allowed_ips.join()) patch.allowed_ips = networks.length > 0 ? networks : null;
    if (Object.keys(patch).length === 0) onClose();
    else onSave(patch);
  };
  return (
    <Dialog title={t().key.renameTitle} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <Field label={text.name} wrong={tried && name.trim() === "" ? t().app.required : undefined}>
          {(attributes) => (
            <input {...attributes} maxLength={100} value={name} required onInput={(event) => setName(event.currentTarget.value)} />
          )}
        </Field>
        <ScopeChoices
          offered={offered}
          chosen={scopes}
          onChange={setScopes}
          wrong={tried && scopes.length === 0 ? text.scopesWrong : undefined}
        />
        <Field label={text.expiry} optional>
          {(attributes) => (
            <input {...attributes} type="datetime-local" value={expires} onInput={(event) => setExpires(event.currentTarget.value)} />
          )}
        </Field>
        <Field
          label={text.addresses}
          optional
          hint={text.addressesHint}
          wrong={tried && wrongNetwork !== undefined ? text.addressesWrong(wrongNetwork) : undefined}
        >
          {(attributes) => (
            <textarea
              {...attributes}
              class="mono"
              rows={2}
              spellcheck={false}
              value={addresses}
              onInput={(event) => setAddresses(event.currentTarget.value)}
            />
          )}
        </Field>
        <ProblemNote problem={problem} />
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="primary" type="submit" busy={busy}>
            {t().app.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Rotate({
  value: key,
  onClose,
  onRotated,
}: {
  value: Key;
  onClose: () => void;
  onRotated: (replaced: Key, since: number) => void;
}) {
  const [overlap, setOverlap] = useState(86_400);
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const { busy, problem, send } = useSending();
  const text = t().key;
  const submit = (event: Event) => {
    event.preventDefault();
    void send(async () => {
      const since = performance.now();
      const issued = await call<Issued>("POST", `${paths.key(key.organization, key.id)}/rotate`, {
        body: { overlap_seconds: overlap, wait: false },
        revision: key.revision,
        idempotencyKey: `${idempotencyKey}-${overlap}`,
      });
      showSecret(issued, () => {});
      onRotated(issued.replaced ?? key, since);
    });
  };
  return (
    <Dialog title={text.rotateTitle} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <p>{text.rotateLead}</p>
        <Field label={text.overlap} hint={text.overlapHint}>
          {(attributes) => (
            <select {...attributes} value={overlap} onChange={(event) => setOverlap(Number(event.currentTarget.value))}>
              {Object.entries(text.overlaps).map(([seconds, name]) => (
                <option key={seconds} value={seconds}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <ProblemNote problem={problem} />
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="primary" type="submit" busy={busy}>
            {text.rotateSubmit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
