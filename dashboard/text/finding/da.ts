import { count } from "../count.ts";
import type { Finding } from "./en.ts";

const keys = (n: number) => count("da-DK", n, "nøgle", "nøgler");

export const finding: Finding = {
  key: "Find en nøgle",
  keyLabel: "Nøgle-id eller en hel nøgle",
  keyHint: "En hel nøgle sendes til tjenesten og gemmes ingen steder.",
  submit: "Find",
  found: (name, organization) => `“${name}” er en nøgle hos ${organization}.`,
  open: "Åbn nøglen",
  secretRight: "Hemmeligheden er nøglens egen: den, der har denne tekst, kan bruge nøglen.",
  secretWrong: "Hemmeligheden er ikke nøglens egen: denne tekst åbner intet.",

  copyId: (id) => `Kopiér id'et ${id}`,

  environment: "Miljø",
  anyEnvironment: "Alle miljøer",
  attention: "Opmærksomhed",
  attentions: {
    "": "Alle nøgler",
    unused30: "Ikke brugt i 30 dage",
    unused90: "Ikke brugt i 90 dage",
    expiring7: "Ophører inden for 7 dage",
    expiring30: "Ophører inden for 30 dage",
    exposed: "Eksponeret eller lækket",
  },
  notes: "Noter, fx team=web",

  select: (name) => `Vælg ${name}`,
  selectPage: "Vælg alle på denne side",
  selected: (n) => `${keys(n)} valgt`,
  unselect: "Ryd valget",
  most: "Højst 100 nøgler ad gangen.",
  disable: "Deaktivér",
  revoke: "Tilbagekald",
  disableTitle: (n) => `Deaktivér ${keys(n)}?`,
  revokeTitle: (n) => `Tilbagekald ${keys(n)}?`,
  disableLead: (n) => `${keys(n)} bliver afvist overalt, indtil de aktiveres igen hver for sig:`,
  revokeLead: (n) => `${keys(n)} bliver afvist overalt og for altid. Det kan ikke fortrydes:`,
  andMore: (n) => `og ${n} til`,
  disableSubmit: (n) => `Deaktivér ${keys(n)}`,
  revokeSubmit: (n) => `Tilbagekald ${keys(n)} for altid`,
  disabled: (n) => `${keys(n)} deaktiveret.`,
  revoked: (n) => `${keys(n)} tilbagekaldt.`,
  refused: (n) => `Der blev intet gjort ved ${keys(n)}:`,
  csv: "CSV",
  csvTitle: "Gem den filtrerede liste som en fil til et regneark",

  metadata: "Noter",
  metadataHint: "Et JSON-objekt efter eget valg, fx {\"team\": \"web\"}. Tomt: ingen.",
  metadataWrong: "Dette er ikke et JSON-objekt.",

  audit: "Nøglens log",
  auditLead: (id) => `Hvad der er gjort ved ${id}, og den rotation, der lavede den.`,
  wholeAudit: "Vis hele loggen",
  looked: (n, of) => `De nyeste ${n} af ${count("da-DK", of, "post", "poster")} er gennemsøgt`,

  shown: "Vis",
  existing: "Eksisterende",
  deleted: "Slettede",
  deletedNote: (when, until) =>
    `Denne organisation blev slettet ${when}. Dens data gemmes til ${until}; indtil da kan den gendannes.`,
  restore: "Gendan organisationen",
  restoreHint: "Dens nøgler forbliver tilbagekaldt, og API-adgangen er slået fra, indtil du slår den til: udsted så nye nøgler.",
  restored: "Organisationen er tilbage. Slå API-adgangen til under indstillinger, og udsted så nye nøgler.",
  noneDeleted: "Ingen organisation er slettet.",
  existsDeleted:
    "En organisation med dette id er slettet, og dens data gemmes endnu. Gendan den fra listen over slettede, eller vælg et andet id.",
};
