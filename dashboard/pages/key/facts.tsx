import { t } from "../../text/index.ts";
import type { Key } from "../../types.ts";
import { Id, Time, who } from "../../ui.tsx";
import { KeyLink, Scopes } from "../keys.tsx";

/** All that is known about a key, member by member. */
export function Facts({ value: key }: { value: Key }) {
  const text = t().key;
  const metadata = Object.keys(key.metadata).length > 0;
  return (
    <section class="card" aria-label={text.facts}>
      <dl class="facts">
        <div class="whole">
          <dt>{text.id}</dt>
          <dd>
            <Id id={key.id} />
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
