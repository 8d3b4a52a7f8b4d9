import { useMemo, useState } from "preact/hooks";
import { call, paths } from "../api.ts";
import * as format from "../format.ts";
import { type Draft, limitOf, wrongFields } from "../limits.ts";
import { useSending } from "../live.ts";
import { go, to } from "../place.ts";
import { showSecret } from "../secret.tsx";
import { type ScopeOption, useScopeOptions } from "../session.ts";
import { t } from "../text/index.ts";
import { type Issued, PLATFORM } from "../types.ts";
import { Button, Choices, Field, Heading, Note, ProblemNote, useTitle } from "../ui.tsx";
import { LimitFields } from "./limits/fields.tsx";
import { Crumbs, useOrganization } from "./organization.tsx";

const DAY_MS = 86_400_000;

export function IssuePage({ org }: { org: string }) {
  const platform = org === PLATFORM;
  const organization = useOrganization(org);
  const offered = useScopeOptions(platform);
  const [name, setName] = useState("");
  const [environment, setEnvironment] = useState<"live" | "test">("live");
  const [scopes, setScopes] = useState<string[]>([]);
  const [expiry, setExpiry] = useState<"never" | "date" | `${number}`>("never");
  const [at, setAt] = useState(() => format.localInput(new Date(Date.now() + 30 * DAY_MS).toISOString()));
  const [addresses, setAddresses] = useState("");
  const [limits, setLimits] = useState<Draft[]>([]);
  const [bound, setBound] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, problem, send } = useSending();

  const text = t().issue;
  const title = platform ? text.adminTitle : text.title;
  useTitle(title);
  const networks = addresses.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
  const wrongNetwork = networks.find((network) => !looksLikeNetwork(network));
  const expires =
    expiry === "never"
      ? null
      : expiry === "date"
        ? new Date(at)
        : new Date(Date.now() + Number(expiry) * DAY_MS);
  const wrong = {
    name: name.trim() === "" ? t().app.required : "",
    scopes: scopes.length === 0 ? text.scopesWrong : "",
    expiry:
      expires !== null && !(expires.getTime() > Date.now()) ? text.expiryWrong : "",
    addresses: wrongNetwork === undefined ? "" : text.addressesWrong(wrongNetwork),
  };
  const shownWrong = (field: keyof typeof wrong) =>
    (tried && wrong[field]) || (problem?.field.startsWith(API_FIELDS[field]) ? problem.detail : undefined);

  const body = {
    name: name.trim(),
    environment: platform ? "admin" : environment,
    scopes,
    ...(expires ? { expires_at: expires } : {}),
    ...(networks.length > 0 ? { allowed_ips: networks } : {}),
    ...(limits.length > 0 ? { limits: limits.map(limitOf) } : {}),
    ...(platform && bound.trim() ? { bound_organization: bound.trim() } : {}),
  };
  // Sent again after a lost connection, the same form makes no second key.
  const form = JSON.stringify({ ...body, expires_at: [expiry, at] });
  const idempotencyKey = useMemo(() => crypto.randomUUID(), [form]);
  const fixedExpiry = useMemo(() => expires, [form]);

  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    const wrongLimit = limits.some((draft) => wrongFields(draft, limits).length > 0);
    if (wrongLimit || Object.values(wrong).some((wrong) => wrong !== "")) {
      const target = event.currentTarget as HTMLFormElement;
      requestAnimationFrame(() => target.querySelector<HTMLElement>("[aria-invalid=true], .invalid input")?.focus());
      return;
    }
    void send(async () => {
      const issued = await call<Issued>("POST", paths.keys(org), {
        body: fixedExpiry ? { ...body, expires_at: fixedExpiry.toISOString() } : body,
        idempotencyKey,
      });
      showSecret(issued, () => go(to.key(org, issued.key.id)));
    });
  };

  const off = organization.data?.api_access === "disabled" && !platform;
  const lifetime = organization.data?.max_key_lifetime_days ?? null;
  const days = ["30", "90", "365"].filter((days) => lifetime === null || Number(days) <= lifetime);
  return (
    <>
      <Crumbs
        links={
          platform
            ? [[to.keys(org), t().app.admins]]
            : [
                [to.organizations(), t().app.organizations],
                [to.keys(org), organization.data?.name ?? org],
              ]
        }
        here={title}
      />
      <Heading lead={text.lead}>{title}</Heading>
      {off && (
        <Note kind="warn">
          <p>
            {text.off} <a href={to.settings(org)}>{t().organization.turnOnLink}</a>
          </p>
        </Note>
      )}
      <form class="card form" onSubmit={submit} noValidate>
        <Field label={text.name} hint={platform ? text.adminNameHint : text.nameHint} wrong={shownWrong("name")}>
          {(attributes) => (
            <input
              {...attributes}
              maxLength={100}
              value={name}
              required
              autocomplete="off"
              onInput={(event) => setName(event.currentTarget.value)}
            />
          )}
        </Field>
        {!platform && (
          <Choices legend={text.environment}>
            {(["live", "test"] as const).map((option) => (
              <label class="check" key={option}>
                <input
                  type="radio"
                  name="environment"
                  checked={environment === option}
                  onChange={() => setEnvironment(option)}
                />
                <span>
                  {t().environment[option]}
                  <span class="hint">{option === "live" ? text.liveHint : text.testHint}</span>
                </span>
              </label>
            ))}
          </Choices>
        )}
        <div class={shownWrong("scopes") ? "invalid" : ""}>
          <ScopeChoices offered={offered} chosen={scopes} onChange={setScopes} wrong={shownWrong("scopes")} />
        </div>
        <Field
          label={text.expiry}
          hint={lifetime === null ? undefined : text.lifetime(lifetime)}
          wrong={expiry === "date" ? undefined : shownWrong("expiry")}
        >
          {(attributes) => (
            <select
              {...attributes}
              value={expiry}
              onChange={(event) => setExpiry(event.currentTarget.value as typeof expiry)}
            >
              <option value="never">{text.expiryNever}</option>
              {days.map((days) => (
                <option key={days} value={days}>
                  {text.expiryDays(Number(days))}
                </option>
              ))}
              <option value="date">{text.expiryDate}</option>
            </select>
          )}
        </Field>
        {expiry === "date" && (
          <Field label={text.expiryAt} wrong={shownWrong("expiry")}>
            {(attributes) => (
              <input
                {...attributes}
                type="datetime-local"
                value={at}
                required
                onInput={(event) => setAt(event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        <Field label={text.addresses} optional hint={text.addressesHint} wrong={shownWrong("addresses")}>
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
        {!platform && (
          <fieldset class="field">
            <legend>
              {t().limits.title}
              <span class="optional"> ({text.optional})</span>
            </legend>
            <LimitFields drafts={limits} tried={tried} problem={problem} onChange={setLimits} />
          </fieldset>
        )}
        {platform && (
          <Field label={text.bound} optional hint={text.boundHint}>
            {(attributes) => (
              <input
                {...attributes}
                class="mono"
                maxLength={64}
                value={bound}
                onInput={(event) => setBound(event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        <ProblemNote problem={problem} />
        <div class="end">
          <a class="button" href={to.keys(org)}>
            {t().app.cancel}
          </a>
          <Button kind="primary" type="submit" busy={busy} disabled={off}>
            {busy ? text.busy : text.submit}
          </Button>
        </div>
      </form>
    </>
  );
}

const API_FIELDS = { name: "name", scopes: "scopes", expiry: "expires_at", addresses: "allowed_ips" };

/** Enough to catch a typing error; the service reads it for good. */
export function looksLikeNetwork(text: string): boolean {
  const [address = "", length, ...rest] = text.split("/");
  if (rest.length > 0) return false;
  const v4 = /^\d{1,3}(\.\d{1,3}){3}$/.test(address) && address.split(".").every((part) => Number(part) < 256);
  const v6 = /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(address) && URL.canParse(`http://[${address}]`);
  const lengthRight = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (v4 ? 32 : 128));
  return (v4 || v6) && lengthRight;
}

export function ScopeChoices({
  legend = t().issue.scopes,
  hint = t().issue.scopesHint,
  offered,
  chosen,
  onChange,
  wrong,
}: {
  legend?: string;
  hint?: string;
  offered: ScopeOption[];
  chosen: string[];
  onChange: (chosen: string[]) => void;
  wrong?: string | undefined;
}) {
  return (
    <Choices legend={legend} hint={hint} wrong={wrong}>
      {offered.map(({ name, description, dangerous }) => (
        <label class="check" key={name}>
          <input
            type="checkbox"
            checked={chosen.includes(name)}
            onChange={(event) =>
              onChange(event.currentTarget.checked ? [...chosen, name] : chosen.filter((other) => other !== name))
            }
          />
          <span>
            <code>{name}</code>
            {dangerous && <> <span class="badge dangerous">{t().issue.dangerous}</span></>}
            <span class="hint">{description}</span>
          </span>
        </label>
      ))}
    </Choices>
  );
}
