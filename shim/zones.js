// Time zones, as the runtime's own copy of the IANA database has them.

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} zone */
function formatOf(zone) {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    formats.set(zone, format);
  }
  return format;
}

/**
 * How far the zone's clocks are ahead of UTC, in milliseconds; undefined where there is
 * no such zone.
 *
 * @param {string} zone
 * @param {number} at milliseconds since 1970
 * @returns {number | undefined}
 */
export function offset(zone, at) {
  let parts;
  try {
    parts = formatOf(zone).formatToParts(at);
  } catch {
    return undefined;
  }
  // GMT, GMT+01:00, GMT-03:30; before standard time also GMT+00:53:28.
  const name = parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
  const said = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name);
  if (said === null) return undefined;
  const [, sign, hours = "0", minutes = "0", seconds = "0"] = said;
  const ahead = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return (sign === "-" ? -ahead : ahead) * 1_000;
}
