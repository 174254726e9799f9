import { didYouMean, nearest } from '../config/did-you-mean.js';
import { VivaceError, type ErrorDetail } from '../kernel/errors.js';
import { textKey, type TextKey } from '../kernel/text-keys.js';

/** Mistakes of one request that are named; the others are counted. */
const most = 20;
/** Names that are looked at for what was meant: a request may have any number of names that nobody knows. */
const mostNames = 100;

/** Gathers the mistakes of a request. Paths and messages are made only for those that are shown. */
export class RequestMistakes {
  readonly #details: ErrorDetail[] = [];
  readonly #meant = new Map<TextKey, string | undefined>();
  #count = 0;

  get any(): boolean {
    return this.#count > 0;
  }

  add(path: () => string, message: () => string): void {
    if (++this.#count <= most) this.#details.push({ path: path(), message: message() });
  }

  /** The field among `known` that a name that nobody knows was probably meant to be. */
  meantBy(name: string, known: readonly string[]): string | undefined {
    const key = textKey(name);
    if (this.#meant.has(key)) return this.#meant.get(key);
    if (this.#meant.size >= mostNames) return undefined;
    const meant = nearest(name, known);
    this.#meant.set(key, meant);
    return meant;
  }

  /** All mistakes: `path` and message are those of the first, and `details` has the first 20. */
  error(): VivaceError {
    const [first] = this.#details;
    const { path, message } = first!;
    const others = this.#count - 1;
    const more = others === 0 ? '' : `; and ${others} more mistake${others === 1 ? '' : 's'}`;
    return new VivaceError('INVALID_ARGUMENT', `${path}: ${message}${more}`, {
      path,
      details: this.#details,
    });
  }
}

/** What is wrong with a name that is none of `known`. */
export function unknownField(name: string, known: readonly string[]): string {
  return known.length === 0 ? 'unknown field; there are none' : `unknown field${didYouMean(name, known)}`;
}

/** The error of a request that has one mistake, or whose first is as good as all. */
export function mistake(message: string, path: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `${path}: ${message}`, { path });
}
