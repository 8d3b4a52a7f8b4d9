import { useId, useState } from "preact/hooks";
import { call } from "../api.ts";
import { useSending } from "../live.ts";
import { go, to } from "../place.ts";
import { t } from "../text/index.ts";
import type { Key } from "../types.ts";
import { Button, Note, ProblemNote } from "../ui.tsx";

interface Found {
  key: Key;
  secret_matches: boolean | null;
}

/** Finds whose a key is. A whole key is sent in a body, and then let go of. */
export function FindKey() {
  const [shown, setShown] = useState("");
  const [found, setFound] = useState<Found>();
  const { busy, problem, send } = useSending();
  const id = useId();
  const text = t().finding;
  const submit = (event: Event) => {
    event.preventDefault();
    if (shown.trim() === "") return;
    setFound(undefined);
    void send(async () => {
      const answer = await call<Found>("POST", "/keys/lookup", { body: { key: shown.trim() } });
      setShown("");
      // By its id there is nothing more to say than the key's page does.
      if (answer.secret_matches === null) go(to.key(answer.key.organization, answer.key.id));
      else setFound(answer);
    });
  };
  return (
    <section class="find" aria-label={text.key}>
      <form class="filters" role="search" aria-label={text.key} onSubmit={submit}>
        <input
          class="mono"
          aria-label={text.keyLabel}
          aria-describedby={id}
          placeholder={text.keyLabel}
          maxLength={200}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={shown}
          onInput={(event) => setShown(event.currentTarget.value)}
        />
        <Button type="submit" busy={busy}>
          {text.submit}
        </Button>
        <p class="hint" id={id}>
          {text.keyHint}
        </p>
      </form>
      <ProblemNote problem={problem} />
      <div role="status">
        {found && (
          <Note kind={found.secret_matches ? "bad" : "plain"}>
            <p>
              {text.found(found.key.name, found.key.organization)}{" "}
              {found.secret_matches ? text.secretRight : text.secretWrong}
            </p>
            <a class="button" href={to.key(found.key.organization, found.key.id)}>
              {text.open}
            </a>
          </Note>
        )}
      </div>
    </section>
  );
}
