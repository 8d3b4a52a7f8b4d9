import { useState } from "preact/hooks";
import { call, paths, Problem } from "../api.ts";
import * as format from "../format.ts";
import { useChange, useLive, useSending } from "../live.ts";
import { to } from "../place.ts";
import { useMay } from "../session.ts";
import { t } from "../text/index.ts";
import { type Key, PLATFORM } from "../types.ts";
import { Await, Button, Enforcement, Heading, Note, ProblemNote, useTitle } from "../ui.tsx";
import { Usage } from "../usage.tsx";
import { Edit } from "./key/edit.tsx";
import { Facts } from "./key/facts.tsx";
import { Progress } from "./key/progress.tsx";
import { Rotate } from "./key/rotate.tsx";
import { Sure } from "./key/sure.tsx";
import { Badges } from "./keys.tsx";
import { EditLimits } from "./limits/edit.tsx";
import { LimitsCard } from "./limits/standing.tsx";
import { Crumbs, useOrganization } from "./organization.tsx";

type Asked = "" | "edit" | "limits" | "rotate" | "revoke" | "disable";

export function KeyPage({ org, id }: { org: string; id: string }) {
  const live = useLive((signal) => call<Key>("GET", paths.key(org, id), { signal }), [org, id]);
  const [asked, setAsked] = useState<Asked>("");
  const { busy, problem, clear, send } = useSending();
  const mayWrite = useMay("keys:write", org);
  const mayUsage = useMay("usage:read", org);
  const mayAudit = useMay("audit:read", org);

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
            {org !== PLATFORM && (
              <LimitsCard
                path={paths.key(org, id)}
                limits={key.limits}
                since={key.created_at}
                mayUsage={mayUsage}
                onEdit={mayWrite && key.state !== "revoked" ? () => ask("limits") : undefined}
              />
            )}
            {mayUsage && <Usage org={org} id={id} limits={key.limits} />}
            {mayAudit && (
              <p>
                <a href={to.audit(org, id)}>{t().finding.audit}</a>
              </p>
            )}
            {asked === "edit" && (
              <Edit value={key} busy={busy} problem={problem} onClose={() => ask("")} onSave={(body) => void act("PATCH", "", body)} />
            )}
            {asked === "limits" && (
              <EditLimits
                name={key.name}
                limits={key.limits}
                busy={busy}
                problem={problem}
                onClose={() => ask("")}
                onSave={(limits) => void act("PATCH", "", { limits })}
              />
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
