/** A small picture of a digest, so that two equal ones look equal at a glance; the text beside it is what counts. */

export interface Bar {
  /** Degrees on the colour circle. */
  readonly hue: number;
  /** Height, 1 to 4. */
  readonly height: number;
}

const BARS = 8;

/** Eight bars from the first 16 hex digits of a digest: a change of any of them changes hue or height. */
export function barsOf(digest: string): readonly Bar[] {
  const hex = digest.replace(/^sha256:/, "");
  return Array.from({ length: BARS }, (_, index) => {
    const byte = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16) || 0;
    return { hue: Math.floor(byte / 4) * 5.625, height: 1 + (byte % 4) };
  });
}

export type Verdict = "same" | "different" | "unreadable";

/** Whether what a person pasted is this digest; spaces, case and a "sha256:" before it do not matter. */
export function compareDigest(digest: string, pasted: string): Verdict {
  const clean = (text: string): string =>
    text
      .trim()
      .toLowerCase()
      .replace(/^sha256:/, "")
      .replaceAll(/\s/g, "");
  const other = clean(pasted);
  if (!/^[0-9a-f]{64}$/.test(other)) return "unreadable";
  return other === clean(digest) ? "same" : "different";
}
