// What all pages of one organization share: its name, its tabs, its switch.

import type { ComponentChildren } from "preact";
import { call, paths } from "../api.ts";
import { type Live, useLive } from "../live.ts";
import { to } from "../place.ts";
import { useMay } from "../session.ts";
import { t } from "../text/index.ts";
import { type Organization, PLATFORM } from "../types.ts";
import { Heading, Note, useTitle } from "../ui.tsx";

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
      {live.data?.api_access === "disabled" && !platform && tab !== "settings" && (
        <Note kind="warn">
          <p>
            {text.accessOff} <a href={to.settings(org)}>{text.turnOnLink}</a>
          </p>
        </Note>
      )}
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
