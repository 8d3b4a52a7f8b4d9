/** Hands a file to the browser, without a request. */
export function save(name: string, pieces: string[], type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(pieces, { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
