/** A validity bitmap: bit i (little-endian within each byte) is 1 where row i holds a value. */
export type Bitmap = Uint8Array;

/** A bitmap of `rows` rows, all valid or none. */
export function createBitmap(rows: number, valid: boolean): Bitmap {
  const bitmap = new Uint8Array((rows + 7) >> 3);
  if (valid) bitmap.fill(255);
  return bitmap;
}

/** Whether row `row` holds a value. */
export function isSet(bitmap: Bitmap, row: number): boolean {
  return ((bitmap[row >> 3] as number) & (1 << (row & 7))) !== 0;
}

/** Marks row `row` as holding a value. */
export function setBit(bitmap: Bitmap, row: number): void {
  bitmap[row >> 3] = (bitmap[row >> 3] as number) | (1 << (row & 7));
}

/** Marks row `row` as null. */
export function clearBit(bitmap: Bitmap, row: number): void {
  bitmap[row >> 3] = (bitmap[row >> 3] as number) & ~(1 << (row & 7));
}
