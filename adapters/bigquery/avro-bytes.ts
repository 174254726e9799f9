/** Bytes that grow as Avro's primitives are written. @see https://avro.apache.org/docs/1.11.1/specification/#binary-encoding */
export class AvroBytes {
  #buffer = Buffer.allocUnsafe(1 << 16);
  #length = 0;

  /** A variable-length integer, zigzag. */
  long(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'number' && Math.abs(value) < 2 ** 52) {
      let rest = value >= 0 ? value * 2 : -value * 2 - 1;
      while (rest >= 128) {
        this.#buffer[this.#length++] = (rest % 128) | 128;
        rest = Math.floor(rest / 128);
      }
      this.#buffer[this.#length++] = rest;
      return;
    }
    const wide = BigInt(value);
    if (wide > -(2n ** 51n) && wide < 2n ** 51n) return this.long(Number(wide));
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
    while (rest >= 128n) {
      this.#buffer[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  /** One byte. */
  bool(value: boolean): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value ? 1 : 0;
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.long(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length);
  }

  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
