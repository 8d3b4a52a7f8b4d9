import { useState } from "preact/hooks";
import * as format from "../../format.ts";
import { useScopeOptions } from "../../session.ts";
import { t } from "../../text/index.ts";
import type { Key } from "../../types.ts";
import { Button, Dialog, Field, ProblemNote } from "../../ui.tsx";
import { looksLikeNetwork, ScopeChoices } from "../issue.tsx";
import type { DialogProps } from "./dialog.ts";

type Metadata = Record<string, unknown>;

function written(metadata: Metadata): string {
  return Object.keys(metadata).length === 0 ? "" : JSON.stringify(metadata, null, 2);
}

/** The notes that were typed, if they are a JSON object; the API knows the rest of the rules. */
function read(text: string): Metadata | undefined {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Metadata) : undefined;
  } catch {
    return undefined;
  }
}

/** Changes what may be changed; `onSave` gets the members that differ. */
export function Edit({
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
  const [metadata, setMetadata] = useState(written(was.metadata));
  const [tried, setTried] = useState(false);
  const text = t().issue;
  const known = useScopeOptions(was.environment === "admin");
  // What it had it may keep, also where nobody else is given it any more.
  const others = was.scopes.filter((scope) => !known.some(({ name }) => name === scope));
  const offered = [...known, ...others.map((name) => ({ name, description: t().scope[name] }))];
  const networks = addresses.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
  const wrongNetwork = networks.find((network) => !looksLikeNetwork(network));
  const notes = read(metadata);
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (name.trim() === "" || scopes.length === 0 || wrongNetwork !== undefined || notes === undefined) return;
    const patch: Record<string, unknown> = {};
    if (name.trim() !== was.name) patch.name = name.trim();
    if ([...scopes].sort().join() !== [...was.scopes].sort().join()) patch.scopes = scopes;
    if (expires !== (was.expires_at ? format.localInput(was.expires_at) : "")) {
      patch.expires_at = expires ? new Date(expires).toISOString() : null;
    }
    if (networks.join() !== was.allowed_ips.join()) patch.allowed_ips = networks.length > 0 ? networks : null;
    if (JSON.stringify(notes) !== JSON.stringify(was.metadata)) patch.metadata = notes;
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
        <Field
          label={t().finding.metadata}
          optional
          hint={t().finding.metadataHint}
          wrong={tried && notes === undefined ? t().finding.metadataWrong : undefined}
        >
          {(attributes) => (
            <textarea
              {...attributes}
              class="mono"
              rows={4}
              spellcheck={false}
              value={metadata}
              onInput={(event) => setMetadata(event.currentTarget.value)}
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
