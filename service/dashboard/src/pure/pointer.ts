/** Finding a JSON pointer's place in the text that a person typed, so that a problem can be shown where it is. */

export interface Place {
  /** Offsets of the value in the text, end exclusive. */
  readonly start: number;
  readonly end: number;
}

export class JsonSyntaxError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** The place of every value of a JSON text by its pointer (RFC 6901), the root being "". Throws JsonSyntaxError. */
export function placesOf(text: string): ReadonlyMap<string, Place> {
  const scanner = new Scanner(text);
  scanner.value("");
  scanner.end();
  return scanner.places;
}

/** The place of `pointer`, or of the nearest thing around it that exists (a missing key has no place of its own). */
export function nearestPlace(places: ReadonlyMap<string, Place>, pointer: string): Place | null {
  let at = pointer;
  while (at !== "") {
    const place = places.get(at);
    if (place !== undefined) return place;
    at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
  }
  return places.get("") ?? null;
}

/** 1-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) line += 1;
  return line;
}

const DEEPEST = 200;

class Scanner {
  readonly places = new Map<string, Place>();
  private at = 0;
  private depth = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  value(pointer: string): void {
    this.space();
    const start = this.at;
    const sign = this.text[this.at];
    if (sign === "{") this.nested(() => this.object(pointer));
    else if (sign === "[") this.nested(() => this.array(pointer));
    else if (sign === '"') this.string();
    else this.scalar();
    this.places.set(pointer, { start, end: this.at });
  }

  end(): void {
    this.space();
    if (this.at < this.text.length) this.fail("something follows the end of the JSON value");
  }

  private nested(read: () => void): void {
    this.depth += 1;
    if (this.depth > DEEPEST) this.fail(`nested more than ${DEEPEST} deep`);
    read();
    this.depth -= 1;
  }

  private object(pointer: string): void {
    this.list("}", () => {
      const start = this.at;
      if (this.text[start] !== '"') this.fail('expected a key in double quotes, such as "loss"');
      const key = this.string();
      this.space();
      if (this.text[this.at] !== ":") this.fail(`expected ":" after the key "${key}"`);
      this.at += 1;
      this.value(`${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
    });
  }

  private array(pointer: string): void {
    let index = 0;
    this.list("]", () => {
      this.value(`${pointer}/${index}`);
      index += 1;
    });
  }

  /** Comma-separated things up to `close`; the opening bracket is at the current position. */
  private list(close: string, item: () => void): void {
    this.at += 1;
    this.space();
    if (this.text[this.at] === close) {
      this.at += 1;
      return;
    }
    for (;;) {
      this.space();
      if (this.text[this.at] === close) this.fail(`a comma stands before "${close}": take it away`);
      item();
      // A missing comma is missed after the item, not before whatever comes lines later.
      const after = this.at;
      this.space();
      const sign = this.text[this.at];
      if (sign !== "," && sign !== close) {
        this.at = after;
        this.fail(`expected "," or "${close}" after this`);
      }
      this.at += 1;
      if (sign === close) return;
    }
  }

  private string(): string {
    const pattern = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) this.fail("this text in quotes does not end, or holds a wrong escape");
    this.at = pattern.lastIndex;
    return JSON.parse(found[0]) as string;
  }

  private scalar(): void {
    const pattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)\b/y;
    pattern.lastIndex = this.at;
    if (pattern.exec(this.text) === null) {
      this.fail(this.at >= this.text.length ? "the text ends too early" : "expected a JSON value here");
    }
    this.at = pattern.lastIndex;
  }

  private space(): void {
    while (/[ \t\r\n]/.test(this.text[this.at] ?? "")) this.at += 1;
  }

  private fail(message: string): never {
    throw new JsonSyntaxError(message, Math.min(this.at, this.text.length));
  }
}
