/**
 * The float64 that a decimal number stands for, where no digit is lost: the shortest text of that float64 has the same digits.
 *
 * @param text Digits with or without a sign, a point and an exponent.
 * @returns `undefined` where a float64 would be another number.
 */
export function exactFloat64(text: string): number | undefined {
  const number = Number(text);
  // Up to 15 digits survive the way to a float64 and back.
  if (text.length <= 15 || !Number.isFinite(number)) return number;
  return significant(text) === significant(number.toExponential()) ? number : undefined;
}

/** The significant digits of a number and the place of its point; two texts of one number have the same. */
function significant(text: string): string {
  const match = /^([+-]?)0*([0-9]*)\.?([0-9]*?)0*(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  if (match === null) return text;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const all = whole + fraction;
  const digits = all.replace(/^0+/, '').replace(/0+$/, '');
  if (digits === '') return '0';
  const leading = all.length - all.replace(/^0+/, '').length;
  return `${sign === '-' ? '-' : ''}${digits}e${whole.length - leading + Number(exponent)}`;
}
