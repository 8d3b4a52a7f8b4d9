// The parts that pages are made of.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "./api.ts";
import * as format from "./format.ts";
import type { Live } from "./live.ts";
import { t } from "./text/index.ts";
import type { KeyState, Who } from "./types.ts";

type Children = { children?: ComponentChildren };

/** A page's heading takes the focus when one arrives, so that a screen reader
 * begins there. */
export function Heading({ children, aside, lead }: Children & { aside?: ComponentChildren; lead?: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return (
    <header class="heading">
      <div>
        <h1 tabIndex={-1} ref={heading}>
          {children}
        </h1>
        {lead && <p class="lead">{lead}</p>}
      </div>
      {aside && <div class="actions">{aside}</div>}
    </header>
  );
}

export function useTitle(title: string): void {
  const full = `${title} · Katalo`;
  useEffect(() => {
    document.title = full;
  }, [full]);
}

/** The sentence of a problem; `typed` where a form stands by it. */
export function sentence(problem: Problem, typed = false): string {
  const text = t();
  const said = [text.problem[problem.code] ?? problem.detail ?? text.problem.internal_error];
  if (problem.code === "insufficient_scope" && problem.scope) said.push(text.problemScope(problem.scope));
  if (problem.code === "invalid_request" && problem.detail) said.push(problem.detail);
  if (problem.code === "offline" && typed) said.push(text.app.typed);
  if (problem.retryAfter > 0) said.push(text.problemRetry(problem.retryAfter));
  return said.join(" ");
}

export function ProblemNote({ problem, onRetry }: { problem: Problem | undefined; onRetry?: () => void }) {
  return (
    <div role="alert">
      {problem && (
        <Note kind="bad">
          <p>{sentence(problem, onRetry === undefined)}</p>
          {problem.requestId && (
            <p class="small">
              {t().app.requestId} <code>{problem.requestId}</code>
            </p>
          )}
          {onRetry && (
            <button type="button" class="button" onClick={onRetry}>
              {t().app.retry}
            </button>
          )}
        </Note>
      )}
    </div>
  );
}

export function Note({ kind, children }: Children & { kind: "bad" | "warn" | "good" | "plain" }) {
  return <div class={`note ${kind}`}>{children}</div>;
}

/** Waits for data, and says when what it shows is no longer fresh. */
export function Await<T>({ live, children }: { live: Live<T>; children: (data: T) => ComponentChildren }) {
  const { data, problem, at } = live;
  if (data === undefined) {
    return problem ? (
      <ProblemNote problem={problem} onRetry={() => void live.reload()} />
    ) : (
      <p class="loading" role="status">
        {t().app.loading}
      </p>
    );
  }
  return (
    <>
      <div role="status">
        {problem && (
          <Note kind="warn">
            <p>
              {t().app.stale(format.clock(new Date(at).toISOString()))} {sentence(problem)}
            </p>
          </Note>
        )}
      </div>
      {children(data)}
    </>
  );
}

export function Button({
  kind = "plain",
  busy = false,
  ...rest
}: Children & {
  kind?: "plain" | "primary" | "danger";
  busy?: boolean;
  disabled?: boolean;
  title?: string;
  type?: "submit" | "button";
  onClick?: () => void;
}) {
  return (
    <button
      type="button"
      {...rest}
      class={`button ${kind}`}
      aria-disabled={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else rest.onClick?.();
      }}
    />
  );
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  wrong?: string | undefined;
  optional?: boolean;
  children: (attributes: { id: string; "aria-describedby": string; "aria-invalid": boolean }) => ComponentChildren;
}

export function Field({ label, hint, wrong, optional, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>
        {label}
        {optional && <span class="optional"> ({t().issue.optional})</span>}
      </label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children({ id, "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-wrong`, "aria-invalid": !!wrong })}
      <p class="wrong" id={`${id}-wrong`}>
        {wrong}
      </p>
    </div>
  );
}

export function Choices({
  legend,
  hint,
  wrong,
  children,
}: Children & { legend: string; hint?: string; wrong?: string | undefined }) {
  const id = useId();
  return (
    <fieldset class="field" aria-describedby={`${hint ? `${id}-hint ` : ""}${id}-wrong`}>
      <legend>{legend}</legend>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <div class="choices">{children}</div>
      <p class="wrong" id={`${id}-wrong`}>
        {wrong}
      </p>
    </fieldset>
  );
}

/** Several buttons of which one is pressed. */
export function Switch<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: [T, string][];
  onChange: (value: T) => void;
}) {
  return (
    <div class="switch" role="group" aria-label={label}>
      {options.map(([option, name]) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => onChange(option)}>
          {name}
        </button>
      ))}
    </div>
  );
}

/** A native modal dialog. Without `onClose` it stays until its work is done. */
export function Dialog({
  title,
  onClose,
  wide,
  children,
}: Children & { title: string; onClose?: (() => void) | undefined; wide?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    // The element is taken out, not closed: the browser gives no focus back then.
    return () => {
      requestAnimationFrame(() => {
        if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
        else if (document.activeElement === document.body) document.querySelector<HTMLElement>("h1")?.focus();
      });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "wide" : ""}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onKeyDown={(event) => {
        // A browser lets a second Escape through whatever `cancel` said.
        if (event.key === "Escape") {
          event.preventDefault();
          onClose?.();
        }
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** Copies a text. `icon`: where the text stands beside it. */
export function Copy({
  text,
  label,
  icon = false,
  onCopied,
}: {
  text: string;
  label: string;
  icon?: boolean;
  onCopied?: () => void;
}) {
  const [state, setState] = useState<"" | "copied" | "failed">("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
      onCopied?.();
    } catch {
      setState("failed");
    }
    setTimeout(() => setState(""), 4_000);
  };
  return (
    <span class="copy">
      <button
        type="button"
        class={icon ? "icon" : "button small"}
        aria-label={label}
        title={icon ? label : undefined}
        onClick={() => void copy()}
      >
        {icon ? <CopyIcon done={state === "copied"} /> : state === "copied" ? t().app.copied : t().app.copy}
      </button>
      <span role="status" class={state === "failed" ? "wrong" : "visually-hidden"}>
        {state === "copied" ? t().app.copied : state === "failed" ? t().app.copyFailed : ""}
      </span>
    </span>
  );
}

function CopyIcon({ done }: { done: boolean }) {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {done ? (
        <path d="M3 8.5 6.5 12 13 4.5" />
      ) : (
        <path d="M5.5 5.5V3a1 1 0 0 1 1-1H13a1 1 0 0 1 1 1v6.5a1 1 0 0 1-1 1h-2.5M3 5.5h6.5a1 1 0 0 1 1 1V13a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1V6.5a1 1 0 0 1 1-1Z" />
      )}
    </svg>
  );
}

/** An id, and the way to take it along. */
export function Id({ id }: { id: string }) {
  return (
    <span class="with-copy">
      <code class="id">{id}</code>
      <Copy text={id} label={t().finding.copyId(id)} icon />
    </span>
  );
}

/** Relative, and exact on hover and for whoever reads the markup. */
export function Time({ at, absent }: { at: string | null; absent?: string }) {
  if (at === null) return <span class="faint">{absent ?? t().app.never}</span>;
  return (
    <time dateTime={at} title={format.exact(at)}>
      {format.relative(at)}
    </time>
  );
}

export function State({ state }: { state: KeyState }) {
  return (
    <span class={`badge ${state}`} title={t().stateMeans[state]}>
      {t().state[state]}
    </span>
  );
}

export function Access({ on }: { on: boolean }) {
  return <span class={`badge ${on ? "active" : "revoked"}`}>{on ? t().organization.on : t().organization.off}</span>;
}

export function who(actor: Who): string {
  if (actor.name) return actor.name;
  const text = t().audit;
  const names: Record<string, string> = { system: text.system, bootstrap: text.bootstrap, holder: text.holder };
  return names[actor.kind] ?? actor.id ?? actor.kind;
}

/** Counts the time until a change is enforced everywhere, and then says so. */
export function Enforcement({ since, done }: { since: number; done: number | undefined }) {
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    if (done !== undefined) return;
    const timer = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(timer);
  }, [done]);
  const text = t().key;
  return (
    <>
      {done === undefined && (
        <div class="note warn enforcing">
          <p>
            <strong>{text.enforcing}</strong>{" "}
            <span class="count" aria-hidden="true">
              {format.seconds(Math.max(0, now - since), 1)}
            </span>
          </p>
          <p class="small">{text.enforcingLead}</p>
        </div>
      )}
      <div role="status">
        {done === undefined ? (
          <span class="visually-hidden">{text.enforcing}</span>
        ) : (
          <Note kind="good">
            <p>{text.enforcedNow(format.seconds(done - since, 1))}</p>
          </Note>
        )}
      </div>
    </>
  );
}
