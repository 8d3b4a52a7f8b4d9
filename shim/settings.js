// What `katalo.toml` says, by the names of variables. The build writes this file anew.

/** @type {Readonly<Record<string, unknown>>} */
export default {};
