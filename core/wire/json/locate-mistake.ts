/** Where a text stops being JSON. */
export interface JsonMistake {
  /** Characters before it. */
  readonly position: number;
  readonly message: string;
  /** The value it is in, such as `objects[3].delay`; empty for the whole text. */
  readonly path: string;
}

/** The longest text that is read once more, so that a caller learns where its mistake is: the work grows with it. */
const longestText = 1_000_000;

/**
 * Finds what `JSON.parse` refused: its own message has no position for most mistakes, and none has the path. The text nests no deeper
 * than the limit that has been checked before.
 *
 * @returns `undefined` for a text that is too long to be read once more.
 */
export function locateMistake(text: string): JsonMistake | undefined {
  if (text.length > longestText) return undefined;
  const reader = new Reader(text);
  try {
    reader.value('');
    reader.end();
  } catch (error) {
    if (error instanceof Found) return error.mistake;
    throw error;
  }
  return { position: 0, message: 'it cannot be read', path: '' };
}

class Found extends Error {
  readonly mistake: JsonMistake;
  constructor(mistake: JsonMistake) {
    super(mistake.message);
    this.mistake = mistake;
  }
}

const space = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const literal = /(?:true|false|null)/y;
const wordLike = /[+-]?[A-Za-z_$][\w$]*/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(path: string): void {
    const next = this.#peek();
    if (next === '{') this.#object(path);
    else if (next === '[') this.#array(path);
    else if (next === '"') this.#string(path);
    else if (this.#take(next >= 'a' ? literal : number) === undefined) this.#noValue(path);
  }

  end(): void {
    if (this.#peek() !== '') this.#fail('the text goes on after the value', '');
  }

  #object(path: string): void {
    this.#at++;
    if (this.#isNext('}')) return;
    do {
      if (this.#peek() !== '"') this.#fail('a key in double quotes is expected', path);
      const key = this.#string(path);
      const inner = path === '' ? key : `${path}.${key}`;
      if (!this.#isNext(':')) this.#fail('":" is expected', inner);
      this.value(inner);
    } while (this.#isNext(','));
    if (!this.#isNext('}')) this.#fail('"," or "}" is expected', path);
  }

  #array(path: string): void {
    this.#at++;
    if (this.#isNext(']')) return;
    let index = 0;
    do this.value(`${path}[${index++}]`);
    while (this.#isNext(','));
    if (!this.#isNext(']')) this.#fail('"," or "]" is expected', path);
  }

  #string(path: string): string {
    const start = ++this.#at;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) this.#fail('the text ends inside a string', path);
      if (character === '"') return this.#text.slice(start, this.#at++);
      if (character < ' ') this.#fail('a control character in a string must be escaped', path);
      if (character !== '\\') this.#at++;
      else if (this.#take(escape) === undefined) this.#fail('this is not a JSON escape', path);
    }
  }

  #noValue(path: string): never {
    const at = this.#at;
    const word = this.#take(wordLike);
    this.#at = at;
    const bare = /^[+-]?(?:NaN|Infinity)$/.test(word ?? '') ? (word as string).replace('+', '') : undefined;
    if (bare !== undefined) return this.#fail(`${word} is not JSON: send the string "${bare}"`, path);
    if (at >= this.#text.length) return this.#fail('the text ends where a value is expected', path);
    return this.#fail(`a value is expected, not ${JSON.stringify(word ?? this.#text[at])}`, path);
  }

  /** The next character that is not white space; empty at the end. */
  #peek(): string {
    if (this.#text.charCodeAt(this.#at) <= 0x20) this.#take(space);
    return this.#text[this.#at] ?? '';
  }

  #isNext(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #fail(message: string, path: string): never {
    throw new Found({ position: this.#at, message, path: path.slice(0, 200) });
  }
}
