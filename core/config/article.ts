/** A name in a sentence: `an int32`, `a float32[8]`, `an online-store`, `an FP32`. */
export function withArticle(name: string): string {
  return `${/^(?:[aeio]|fp\d|http)/i.test(name) ? 'an' : 'a'} ${name}`;
}
