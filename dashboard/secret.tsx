// The secret, once. It lives in this module's memory and on the screen, never in
// the address, in storage or in the history; a reload loses it, and so does
// leaving it by "I have stored it".

import { useEffect, useId, useState } from "preact/hooks";
import { t } from "./text/index.ts";
import type { Issued } from "./types.ts";
import { Copy, Dialog, Switch } from "./ui.tsx";

let shown: { issued: Issued; then: () => void } | undefined;
let changed: () => void = () => {};

/** Shows the secret over whatever page is there, until it was stored. */
export function showSecret(issued: Issued, then: () => void): void {
  shown = { issued, then };
  changed();
}

/** Forgets it, whether it was stored or not. */
export function forgetSecret(): void {
  shown = undefined;
  changed();
}

type Example = "curl" | "Python" | "Node";

function examples(admin: boolean): Record<Example, string> {
  const url = `${location.origin}${admin ? "/admin/v1/organizations" : "/v1/key"}`;
  const name = admin ? "KATALO_ADMIN_KEY" : "KATALO_API_KEY";
  return {
    curl: `curl -H "Authorization: Bearer $${name}" ${url}`,
    Python: `import os, urllib.request

request = urllib.request.Request(
    "${url}",
    headers={"Authorization": "Bearer " + os.environ["${name}"]},
)
print(urllib.request.urlopen(request).read().decode())`,
    Node: `const response = await fetch("${url}", {
  headers: { authorization: \`Bearer \${process.env.${name}}\` },
});
console.log(await response.json());`,
  };
}

export function SecretDialog() {
  const [, draw] = useState(0);
  useEffect(() => {
    changed = () => draw((n) => n + 1);
    // A page kept for the back button must not bring the secret back.
    addEventListener("pagehide", forgetSecret);
    return () => removeEventListener("pagehide", forgetSecret);
  }, []);
  return shown ? <Shown {...shown} /> : null;
}

function Shown({ issued, then }: { issued: Issued; then: () => void }) {
  const [stored, setStored] = useState(false);
  const [example, setExample] = useState<Example>("curl");
  const id = useId();
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);

  const text = t().secret;
  const admin = issued.key.environment === "admin";
  const variable = admin ? "KATALO_ADMIN_KEY" : "KATALO_API_KEY";
  const exportLine = `export ${variable}=${issued.secret}`;
  const lines = examples(admin)[example];
  return (
    <Dialog title={issued.replaced ? text.rotatedTitle : text.title} wide>
      <p>
        {text.for(issued.key.name)} <strong>{text.lead}</strong>
      </p>
      <h3 id={`${id}-secret`}>{text.label}</h3>
      <div class="secret">
        <output aria-labelledby={`${id}-secret`} class="code" data-testid="secret">
          {issued.secret}
        </output>
        <Copy text={issued.secret} label={text.copySecret} />
      </div>
      <h3>{text.exportLabel}</h3>
      <div class="secret">
        <code class="code">{exportLine}</code>
        <Copy text={exportLine} label={text.copyExport} />
      </div>
      <p class="hint">{text.exportHint}</p>
      <div class="row">
        <h3>{text.useLabel}</h3>
        <Switch
          label={text.languages}
          value={example}
          options={[
            ["curl", "curl"],
            ["Python", "Python"],
            ["Node", "Node"],
          ]}
          onChange={setExample}
        />
      </div>
      <div class="secret">
        <pre class="code" tabIndex={0} role="region" aria-label={`${text.useLabel}: ${example}`}>
          {lines}
        </pre>
        <Copy text={lines} label={text.copyUse(example)} />
      </div>
      <p class="hint">{text.useHint}</p>
      <div class="end">
        <label class="check">
          <input type="checkbox" checked={stored} onChange={(event) => setStored(event.currentTarget.checked)} />
          {text.stored}
        </label>
        <button
          type="button"
          class="button primary"
          disabled={!stored}
          onClick={() => {
            forgetSecret();
            then();
          }}
        >
          {text.done}
        </button>
      </div>
    </Dialog>
  );
}
