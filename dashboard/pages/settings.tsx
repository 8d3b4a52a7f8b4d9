import { useState } from "preact/hooks";
import { call, paths, Problem } from "../api.ts";
import { type Live, useChange, useSending } from "../live.ts";
import { useMay, useScopeOptions } from "../session.ts";
import { t } from "../text/index.ts";
import { type LeakPolicy, type Organization, type Reason, REASONS } from "../types.ts";
import { Access, Await, Button, Choices, Dialog, Enforcement, Field, Id, Note, ProblemNote, Time } from "../ui.tsx";
import { ScopeChoices } from "./issue.tsx";
import { EditLimits } from "./limits/edit.tsx";
import { Limited } from "./limits/limited.tsx";
import { LimitsCard } from "./limits/standing.tsx";
import { OrganizationHead, useOrganization } from "./organization.tsx";

export function SettingsPage({ org }: { org: string }) {
  const live = useOrganization(org);
  const text = t().organization;
  return (
    <>
      <OrganizationHead org={org} live={live} tab="settings" title={text.settings} />
      <Await live={live}>{(organization) => <Settings live={live} organization={organization} />}</Await>
    </>
  );
}

function Settings({ live, organization }: { live: Live<Organization>; organization: Organization }) {
  const [asked, setAsked] = useState<"" | "access" | "limits" | "revoke-all">("");
  const [change, setChange] = useChange(organization.enforced, live.reload);
  const sending = useSending();
  // What was deleted takes no changes.
  const isThere = organization.deleted_at === null;
  const mayOrganize = useMay("organizations:write") && isThere;
  const mayRevoke = useMay("keys:write") && isThere;
  const mayUsage = useMay("usage:read");
  const text = t().organization;
  const on = organization.api_access === "enabled";
  const usable = organization.keys.active + organization.keys.retiring;

  const act = (method: string, path: string, body: object, then: () => void = () => {}) =>
    sending.send(async () => {
      const since = performance.now();
      try {
        const answer = await call<{ enforced: boolean; organization: Organization }>(method, path, {
          body: { ...body, wait: false },
          revision: organization.revision,
        });
        live.put(answer.organization);
        setAsked("");
        setChange(answer.enforced ? { since, done: performance.now() } : { since });
        then();
      } catch (caught) {
        if (caught instanceof Problem && caught.code === "revision_mismatch") await live.reload();
        throw caught;
      }
    });
  const path = paths.organization(organization.id);
  const close = () => {
    sending.clear();
    setAsked("");
  };
  return (
    <>
      {asked === "" && <ProblemNote problem={sending.problem} />}
      {change && <Enforcement since={change.since} done={change.done} />}
      <section class="card" aria-labelledby="access-title">
        <div class="row">
          <div>
            <h2 id="access-title">
              {text.accessTitle} <Access on={on} />
            </h2>
            <p>{on ? text.accessOn : text.accessOff}</p>
          </div>
          {mayOrganize && (
            <Button kind={on ? "danger" : "primary"} onClick={() => setAsked("access")}>
              {on ? text.turnOff : text.turnOn}
            </Button>
          )}
        </div>
      </section>
      {mayOrganize && <Rules organization={organization} live={live} />}
      <LimitsCard
        path={path}
        limits={organization.limits}
        since={organization.created_at}
        ofOrganization
        mayUsage={mayUsage}
        onEdit={mayOrganize ? () => setAsked("limits") : undefined}
      >
        {mayUsage && <Limited org={organization.id} />}
      </LimitsCard>
      <section class="card" aria-label={text.facts}>
        <dl class="facts">
          <div>
            <dt>{t().organizations.id}</dt>
            <dd>
              <Id id={organization.id} />
            </dd>
          </div>
          <div>
            <dt>{t().organizations.created}</dt>
            <dd>
              <Time at={organization.created_at} />
            </dd>
          </div>
          {(Object.keys(t().state) as (keyof Organization["keys"])[]).map((state) => (
            <div key={state}>
              <dt>
                {t().organization.keys}: {t().state[state].toLocaleLowerCase()}
              </dt>
              <dd>{organization.keys[state]}</dd>
            </div>
          ))}
        </dl>
      </section>
      {mayRevoke && (
        <section class="card danger" aria-labelledby="emergency-title">
          <div class="row">
            <div>
              <h2 id="emergency-title">{text.emergencyTitle}</h2>
              <p>{text.emergency}</p>
            </div>
            <Button kind="danger" onClick={() => setAsked("revoke-all")}>
              {text.revokeAll}
            </Button>
          </div>
        </section>
      )}
      {asked === "access" && (
        <Dialog title={on ? text.confirmOffTitle : text.confirmOnTitle} onClose={close}>
          <p>{on ? text.confirmOff(organization.name, usable) : text.confirmOn(organization.name, usable)}</p>
          <ProblemNote problem={sending.problem} />
          <div class="end">
            <Button onClick={close}>{t().app.cancel}</Button>
            <Button
              kind={on ? "danger" : "primary"}
              busy={sending.busy}
              onClick={() =>
                void act("PUT", path, { name: organization.name, api_access: on ? "disabled" : "enabled" })
              }
            >
              {on ? text.turnOff : text.turnOn}
            </Button>
          </div>
        </Dialog>
      )}
      {asked === "limits" && (
        <EditLimits
          name={organization.name}
          limits={organization.limits}
          busy={sending.busy}
          problem={sending.problem}
          onClose={close}
          onSave={(limits) => void act("PATCH", path, { limits })}
        />
      )}
      {asked === "revoke-all" && (
        <RevokeAll
          organization={organization}
          usable={usable}
          busy={sending.busy}
          problem={sending.problem}
          onClose={close}
          onSure={(reason) => void act("POST", `${path}/revoke-all`, { reason })}
        />
      )}
    </>
  );
}

function Rules({ organization, live }: { organization: Organization; live: Live<Organization> }) {
  const [name, setName] = useState<string>();
  const [lifetime, setLifetime] = useState<string>();
  const [policy, setPolicy] = useState<LeakPolicy>();
  const [saved, setSaved] = useState(false);
  const { busy, problem, send } = useSending();
  const text = t().organization;
  const offered = useScopeOptions(false);
  // What was not touched shows what others make of it.
  const shownName = name ?? organization.name;
  const shownLifetime = lifetime ?? String(organization.max_key_lifetime_days ?? "");
  const shownPolicy = policy ?? organization.leak_policy;
  const days = Number(shownLifetime);
  const lifetimeRight = shownLifetime === "" || (Number.isInteger(days) && days >= 1 && days <= 36_500);
  const policyRight = shownPolicy.action !== "quarantine" || shownPolicy.scopes.length > 0;
  const submit = (event: Event) => {
    event.preventDefault();
    setSaved(false);
    if (shownName.trim() === "" || !lifetimeRight || !policyRight) return;
    void send(async () => {
      const answer = await call<{ organization: Organization }>("PUT", paths.organization(organization.id), {
        body: {
          name: shownName.trim(),
          max_key_lifetime_days: shownLifetime === "" ? null : days,
          ...(policy ? { leak_policy: policy } : {}),
          wait: false,
        },
        revision: organization.revision,
      });
      live.put(answer.organization);
      setName(undefined);
      setLifetime(undefined);
      setPolicy(undefined);
      setSaved(true);
    });
  };
  return (
    <section class="card" aria-labelledby="rules-title">
      <h2 id="rules-title">{text.nameTitle}</h2>
      <form onSubmit={submit} noValidate>
        <Field label={t().organizations.nameLabel} wrong={shownName.trim() === "" ? t().app.required : undefined}>
          {(attributes) => (
            <input
              {...attributes}
              maxLength={100}
              value={shownName}
              required
              onInput={(event) => setName(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field
          label={text.lifetime}
          optional
          hint={text.lifetimeHint}
          wrong={lifetimeRight ? undefined : text.lifetimeWrong}
        >
          {(attributes) => (
            <input
              {...attributes}
              class="narrow"
              inputMode="numeric"
              value={shownLifetime}
              onInput={(event) => setLifetime(event.currentTarget.value.trim())}
            />
          )}
        </Field>
        <Choices legend={text.leak} hint={text.leakHint}>
          {(["report", "quarantine", "revoke"] as const).map((action) => (
            <label class="check" key={action}>
              <input
                type="radio"
                name="leak"
                checked={shownPolicy.action === action}
                onChange={() => setPolicy(action === "quarantine" ? { action, scopes: [] } : { action })}
              />
              <span>
                {text.leakActions[action].name}
                <span class="hint">{text.leakActions[action].means}</span>
              </span>
            </label>
          ))}
        </Choices>
        {shownPolicy.action === "quarantine" && (
          <ScopeChoices
            legend={text.leakScopes}
            hint={text.leakScopesHint}
            offered={offered}
            chosen={shownPolicy.scopes}
            onChange={(scopes) => setPolicy({ action: "quarantine", scopes })}
            wrong={policyRight ? undefined : t().issue.scopesWrong}
          />
        )}
        <ProblemNote problem={problem} />
        <div role="status">
          {saved && (
            <Note kind="good">
              <p>{text.saved}</p>
            </Note>
          )}
        </div>
        <Button type="submit" busy={busy}>
          {t().app.save}
        </Button>
      </form>
    </section>
  );
}

function RevokeAll({
  organization,
  usable,
  busy,
  problem,
  onClose,
  onSure,
}: {
  organization: Organization;
  usable: number;
  busy: boolean;
  problem: Problem | undefined;
  onClose: () => void;
  onSure: (reason: Reason) => void;
}) {
  const [typed, setTyped] = useState("");
  const [tried, setTried] = useState(false);
  const [reason, setReason] = useState<Reason>("key_compromise");
  const text = t().organization;
  const right = typed.trim() === organization.id;
  return (
    <Dialog title={text.revokeAll} onClose={onClose}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (right) onSure(reason);
        }}
      >
        <Note kind="bad">
          <p>{text.confirmRevokeAll(organization.name, usable)}</p>
        </Note>
        <Field label={t().key.reason}>
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
        <Field label={text.typeId(organization.id)} wrong={tried && !right ? text.typeIdWrong : undefined}>
          {(attributes) => (
            <input
              {...attributes}
              class="mono"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          )}
        </Field>
        <ProblemNote problem={problem} />
        <div class="end">
          <Button onClick={onClose}>{t().app.cancel}</Button>
          <Button kind="danger" type="submit" busy={busy}>
            {text.revokeAll}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
