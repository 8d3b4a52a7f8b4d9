import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Problem, session as sessions, whenSessionIsOver } from "./api.ts";
import { refreshAll } from "./live.ts";
import { AuditPage } from "./pages/audit.tsx";
import { IssuePage } from "./pages/issue.tsx";
import { KeyPage } from "./pages/key.tsx";
import { KeysPage } from "./pages/keys.tsx";
import { OrganizationsPage } from "./pages/organizations.tsx";
import { SettingsPage } from "./pages/settings.tsx";
import { SignIn } from "./pages/sign-in.tsx";
import { StatusPage } from "./pages/status.tsx";
import { type Place, to, usePlace } from "./place.ts";
import { forgetSecret, SecretDialog } from "./secret.tsx";
import { SessionContext } from "./session.ts";
import { language, type Language, setLanguage, t } from "./text/index.ts";
import { PLATFORM, type Session } from "./types.ts";
import { Dialog, Heading, ProblemNote, Switch, useTitle } from "./ui.tsx";

type Standing =
  | { is: "asking" }
  | { is: "unknown"; problem: Problem }
  | { is: "out"; signedOut: boolean }
  | { is: "in"; session: Session }
  /** Over by itself: the page stays behind the sign-in, with all that was typed. */
  | { is: "over"; session: Session };

/** Tells the other tabs of a sign-in or sign-out; it carries no data. */
const tabs = new BroadcastChannel("katalo-session");

function App() {
  const [standing, setStanding] = useState<Standing>({ is: "asking" });
  const [, draw] = useState(0);
  const place = usePlace();

  const ask = async () => {
    try {
      setStanding({ is: "in", session: await sessions.read() });
      refreshAll();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      setStanding(problem.status === 401 ? { is: "out", signedOut: false } : { is: "unknown", problem });
    }
  };
  const leave = () => {
    forgetSecret();
    setStanding({ is: "out", signedOut: true });
  };

  useEffect(() => {
    void ask();
    whenSessionIsOver(() =>
      setStanding((now) => (now.is === "in" ? { is: "over", session: now.session } : now)),
    );
    tabs.onmessage = (event) => (event.data === "out" ? leave() : void ask());
  }, []);
  useEffect(() => {
    if (standing.is !== "in") return;
    const left = Date.parse(standing.session.expires_at) - Date.now();
    const timer = setTimeout(() => setStanding({ is: "over", session: standing.session }), Math.max(0, left));
    return () => clearTimeout(timer);
  }, [standing]);

  const signedIn = (session: Session) => {
    setStanding({ is: "in", session });
    refreshAll();
    tabs.postMessage("in");
  };
  const signOut = async () => {
    try {
      await sessions.close();
    } catch (problem) {
      // Only an answer that the session is over is as good as its end.
      if (!(problem instanceof Problem && problem.status === 401)) {
        if (problem instanceof Problem) setStanding({ is: "unknown", problem });
        return;
      }
    }
    tabs.postMessage("out");
    leave();
  };
  const choose = (chosen: Language) => {
    setLanguage(chosen);
    draw((n) => n + 1);
  };

  const session = standing.is === "in" || standing.is === "over" ? standing.session : undefined;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        {t().app.skip}
      </a>
      <Top session={session} place={place} onSignOut={() => void signOut()} onLanguage={choose} />
      <main id="main" tabIndex={-1} aria-busy={standing.is === "asking"}>
        {standing.is === "unknown" && <ProblemNote problem={standing.problem} onRetry={() => void ask()} />}
        {standing.is === "out" && <SignIn onSignedIn={signedIn} signedOut={standing.signedOut} />}
        {session && (
          <SessionContext.Provider value={session}>
            <Shown place={place} key={JSON.stringify(place)} />
          </SessionContext.Provider>
        )}
      </main>
      <SecretDialog />
      {standing.is === "over" && (
        <Dialog title={t().signIn.overTitle}>
          <p>{t().signIn.over}</p>
          <SignIn onSignedIn={signedIn} bare />
        </Dialog>
      )}
      <footer>
        <p>
          {t().app.footer} <a href="/docs/">{t().app.reference}</a> ·{" "}
          <a href="/dashboard/licenses.txt">{t().app.licenses}</a>
        </p>
      </footer>
    </>
  );
}

/** The fragment is the place; a plain link to #main would leave the page. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Top({
  session,
  place,
  onSignOut,
  onLanguage,
}: {
  session: Session | undefined;
  place: Place;
  onSignOut: () => void;
  onLanguage: (chosen: Language) => void;
}) {
  const text = t().app;
  const admins = "org" in place && place.org === PLATFORM;
  const links: [string, string, boolean][] = [
    [to.organizations(), text.organizations, place.page !== "status" && !admins],
  ];
  if (session?.scopes.includes("admins:write")) links.push([to.keys(PLATFORM), text.admins, admins]);
  if (session?.scopes.includes("status:read")) links.push([to.status(), text.status, place.page === "status"]);
  return (
    <header class="top">
      <div class="inner">
        <a class="brand" href={to.organizations()}>
          <img src="/dashboard/icon.svg" alt="" width="28" height="28" />
          <span>
            Katalo <span class="faint">{text.name}</span>
          </span>
        </a>
        {session && (
          <nav aria-label={text.main}>
            {links.map(([href, name, here]) => (
              <a key={href} href={href} aria-current={here ? "page" : undefined}>
                {name}
              </a>
            ))}
          </nav>
        )}
        <div class="tools">
          <Switch
            label={text.language}
            value={language()}
            options={[
              ["en", "EN"],
              ["da", "DA"],
            ]}
            onChange={onLanguage}
          />
          {session && (
            <button type="button" class="button small" onClick={onSignOut} title={`${text.signedInAs} ${session.name}`}>
              {text.signOut}
            </button>
          )}
        </div>
      </div>
    </header>
  );
}

function Shown({ place }: { place: Place }) {
  switch (place.page) {
    case "organizations":
      return <OrganizationsPage />;
    case "status":
      return <StatusPage />;
    case "keys":
      return <KeysPage org={place.org} />;
    case "issue":
      return <IssuePage org={place.org} />;
    case "audit":
      return <AuditPage org={place.org} of={place.key} />;
    case "settings":
      return <SettingsPage org={place.org} />;
    case "key":
      return <KeyPage org={place.org} id={place.key} />;
    case "unknown":
      return <Unknown />;
  }
}

function Unknown() {
  useTitle(t().app.unknownTitle);
  return (
    <>
      <Heading>{t().app.unknownTitle}</Heading>
      <div class="empty">
        <p>{t().app.unknown}</p>
        <a class="button" href={to.organizations()}>
          {t().app.begin}
        </a>
      </div>
    </>
  );
}

render(<App />, document.body);
