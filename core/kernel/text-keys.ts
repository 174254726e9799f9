import { createHash } from 'node:crypto';

/** The longest text that is a key as it is, UTF-16 units. */
const longest = 4096;

declare const made: unique symbol;

/** A text by which a Map or a Set may find something; `textKey` makes it. */
export type TextKey = string & { readonly [made]: true };

/** Begins every digest; a text that begins like one is digested as well, so that it equals none. */
const mark = '\0';

/**
 * The key that stands for a text in a Map or a Set: the text itself, or its digest where it has more than 4,096 UTF-16 units. Different
 * texts have different keys.
 *
 * V8 hashes a text of more than 16,383 units by its length alone. A Map with n such texts of one length is a list: finding one compares it
 * with all others, unit by unit, and some kilobytes of a request would keep a server busy for minutes.
 *
 * @see https://github.com/v8/v8/blob/main/src/objects/string.h `kMaxHashCalcLength`
 */
export function textKey(text: string): TextKey {
  if (isOwnKey(text)) return text;
  // UTF-8 has one form for all lone surrogates, so two texts would share a digest.
  return (mark + createHash('sha256').update(text, 'utf16le').digest('base64url')) as TextKey;
}

function isOwnKey(text: string): text is TextKey {
  // The empty text has no unit, and is NaN here.
  return text.length <= longest && text.charCodeAt(0) !== 0;
}

/** The keys of texts, in their order: the same array where each is its own key, as it nearly always is. */
export function textKeysOf(texts: readonly string[]): readonly TextKey[] {
  if (texts.every(isOwnKey)) return texts;
  const keys = new TextKeys();
  return texts.map((text) => keys.of(text));
}

/** The keys of many texts, of which neighbours are often the same: those are digested once. */
export class TextKeys {
  #text = '';
  #key = textKey('');

  of(text: string): TextKey {
    if (text.length <= longest) return textKey(text);
    if (text !== this.#text) {
      this.#key = textKey(text);
      this.#text = text;
    }
    return this.#key;
  }
}
