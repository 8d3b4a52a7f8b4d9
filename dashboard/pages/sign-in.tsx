import { useRef, useState } from "preact/hooks";
import { session } from "../api.ts";
import { useSending } from "../live.ts";
import { t } from "../text/index.ts";
import type { Session } from "../types.ts";
import { Button, Field, Heading, Note, ProblemNote, useTitle } from "../ui.tsx";

interface Props {
  onSignedIn: (session: Session) => void;
  signedOut?: boolean;
  /** Within a dialog that has its own heading. */
  bare?: boolean;
}

export function SignIn(props: Props) {
  return props.bare ? <Form {...props} /> : <Whole {...props} />;
}

function Whole(props: Props) {
  const text = t().signIn;
  useTitle(text.title);
  return (
    <div class="sign-in">
      <div class="card">
        <Heading lead={text.lead}>{text.title}</Heading>
        <div role="status">
          {props.signedOut && (
            <Note kind="good">
              <p>{text.signedOut}</p>
            </Note>
          )}
        </div>
        <Form {...props} />
      </div>
      <p class="hint">{text.lost}</p>
    </div>
  );
}

function Form({ onSignedIn }: Props) {
  const [wrong, setWrong] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const { busy, problem, send } = useSending();
  const text = t().signIn;
  const submit = (event: Event) => {
    event.preventDefault();
    const key = input.current?.value.trim() ?? "";
    setWrong(key ? "" : t().app.required);
    if (!key) {
      input.current?.focus();
      return;
    }
    void send(async () => {
      const opened = await session.open(key);
      // The key goes as soon as it was exchanged.
      if (input.current) input.current.value = "";
      onSignedIn(opened);
    });
  };
  return (
    <form onSubmit={submit} noValidate>
      <ProblemNote problem={problem} />
      <Field label={text.key} hint={text.hint} wrong={wrong}>
        {(attributes) => (
          <input
            {...attributes}
            ref={input}
            type="password"
            name="key"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            class="mono"
            required
          />
        )}
      </Field>
      <Button kind="primary" type="submit" busy={busy}>
        {busy ? text.busy : text.submit}
      </Button>
    </form>
  );
}
