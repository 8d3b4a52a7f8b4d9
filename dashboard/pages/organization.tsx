// What all pages of one organization share: its name, its tabs, its switch.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { call, paths } from "../api.ts";
import * as format from "../format.ts";
import { type Live, useLive, useSending } from "../live.ts";
import { to } from "../place.ts";
import { useMay } from "../session.ts";
import { t } from "../text/index.ts";
import { type Organization, PLATFORM } from "../types.ts";
import { Button, Heading, Note, ProblemNote, useTitle } from "../ui.tsx";

export function useOrganization(org: string): Live<Organization> {
  return useLive((signal) => call<Organization>("GET", paths.organization(org), { signal }), [org]);
}

type Tab = "keys" | "audit" | "settings";

export function OrganizationHead({
  org,
  live,
  tab,
  title,
  lead,
  aside,
}: {
  org: string;
  live: Live<Organization>;
  tab: Tab;
  title: string;
  lead?: string;
  aside?: ComponentChildren;
}) {
  const text = t().organization;
  const platform = org === PLATFORM;
  const name = platform ? t().app.admins : (live.data?.name ?? org);
  useTitle(`${title} · ${name}`);
  const mayAudit = useMay("audit:read", org);
  const tabs: [Tab, string, string][] = [["keys", to.keys(org), text.keys]];
  if (mayAudit) tabs.push(["audit", to.audit(org), text.audit]);
  if (!platform) tabs.push(["settings", to.settings(org), text.settings]);
  return (
    <>
      {!platform && <Crumbs links={[[to.organizations(), t().app.organizations]]} here={name} />}
      <nav class="tabs" aria-label={text.tabs}>
        {tabs.map(([id, href, label]) => (
          <a key={id} href={href} aria-current={id === tab ? "page" : undefined}>
            {label}
          </a>
        ))}
      </nav>
      <Heading aside={aside} {...(lead ? { lead } : {})}>
        {title}
      </Heading>
      <Deleted live={live} />
      {live.data?.api_access === "disabled" && !live.data.deleted_at && !platform && tab !== "settings" && (
        <Note kind="warn">
          <p>
            {text.accessOff} <a href={to.settings(org)}>{text.turnOnLink}</a>
          </p>
        </Note>
      )}
    </>
  );
}

/** Says that an organization was deleted, and brings it back. */
function Deleted({ live }: { live: Live<Organization> }) {
  const [restored, setRestored] = useState(false);
  const { busy, problem, send } = useSending();
  const mayOrganize = useMay("organizations:write");
  const text = t().finding;
  const organization = live.data;
  const restore = () =>
    send(async () => {
      if (!organization) return;
      const path = `${paths.organization(organization.id)}/undelete`;
      const answer = await call<{ organization: Organization }>("POST", path, { body: { wait: false } });
      live.put(answer.organization);
      setRestored(true);
    });
  return (
    <>
      {organization?.deleted_at && organization.purge_at && (
        <Note kind="bad">
          <p>{text.deletedNote(format.relative(organization.deleted_at), format.date(organization.purge_at))}</p>
          {mayOrganize && (
            <>
              <p class="hint">{text.restoreHint}</p>
              <Button busy={busy} onClick={() => void restore()}>
                {text.restore}
              </Button>
            </>
          )}
        </Note>
      )}
      <ProblemNote problem={problem} />
      <div role="status">
        {restored && organization?.deleted_at === null && organization.api_access === "disabled" && (
          <Note kind="good">
            <p>{text.restored}</p>
          </Note>
        )}
      </div>
    </>
  );
}

export function Crumbs({ links, here }: { links: [string, string][]; here: string }) {
  return (
    <nav class="crumbs" aria-label={t().app.breadcrumb}>
      <ol>
        {links.map(([href, name]) => (
          <li key={href}>
            <a href={href}>{name}</a>
          </li>
        ))}
        <li aria-current="location">{here}</li>
      </ol>
    </nav>
  );
}
