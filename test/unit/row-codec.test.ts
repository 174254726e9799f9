import { expect } from 'chai';
import fc from 'fast-check';
import { cellAt, columnOf, FeatureRows, fieldsOf, parseType, status, statusNames } from 'vivace';
import type { Cell, Column, ColumnType, Field } from 'vivace';
import { base32, encodeRowKeys, RowCodec } from 'vivace/wire';
import { blocksOf, readText } from '../support/repository.js';
import { fuzzRuns } from '../support/fuzz-runs.js';

interface RowVector {
  readonly columns: Record<string, string>;
  readonly values: Record<string, unknown>;
  readonly eventTime: number;
  readonly availableTime: number;
  readonly layoutId: number;
  readonly hex: string;
}

const blocks = blocksOf(readText('docs/row-format.md'));

/** The test vectors of one kind on the docs page. */
function vectors(kind: string): unknown[] {
  return blocks.filter((block) => block.words[0] === kind).map((block) => JSON.parse(block.text) as unknown);
}

/** A cell as the docs page writes it in JSON. */
function cellOf(element: string, value: unknown): Cell {
  if (Array.isArray(value)) return value.map((inner) => cellOf(element, inner));
  if (value === null) return null;
  if (element === 'int64') return BigInt(value as string);
  return element === 'bytes' ? Uint8Array.from(Buffer.from(value as string, 'hex')) : (value as Cell);
}

function encodeOne(
  fields: readonly Field[],
  cells: readonly Cell[],
  times: readonly [number, number],
): Uint8Array {
  const rows = new FeatureRows(fields, 1);
  [rows.eventTime[0], rows.availableTime[0]] = times;
  const columns = fields.map((field, i) => columnOf(field.type, [cells[i] as Cell]));
  return new RowCodec(fields).encode(rows, columns)[0] as Uint8Array;
}

function decode(
  fields: readonly Field[],
  values: readonly (Uint8Array | undefined)[],
): { rows: FeatureRows; columns: Column[] } {
  const rows = new FeatureRows(fields, values.length);
  new RowCodec(fields).decode(values, rows);
  return { rows, columns: rows.columns.map((writer) => writer.finish()) };
}

function expectFailed(fields: readonly Field[], value: Uint8Array, message: RegExp): void {
  const { rows } = decode(fields, [value]);
  expect(statusNames[rows.status[0]!]).to.equal('FAILED');
  expect(rows.error?.code).to.equal('DATA_LOSS');
  expect(rows.error?.message).to.match(message);
}

const plain = fieldsOf({ delay: 'float32' });
const mixed = fieldsOf({
  name: 'string',
  tags: 'list<string>',
  late: 'bool',
  id: 'int64',
  spread: 'float64[2]',
});
const mixedCells: readonly Cell[] = ['SFO', ['a', 'bc'], true, 7n, [1, 2]];
const mixedRow = (): Uint8Array => encodeOne(mixed, mixedCells, [10, 20]);

describe('Row format', () => {
  describe('the vectors of docs/row-format.md', () => {
    const rowVectors = vectors('row') as RowVector[];

    it('are there for rows, keys, deletions and base32', () => {
      expect(rowVectors).to.have.length.above(5);
      expect(['key', 'deleted', 'base32'].filter((kind) => vectors(kind).length === 0)).to.deep.equal([]);
    });

    for (const vector of rowVectors) {
      const fields = fieldsOf(vector.columns);
      const cells = fields.map(({ name, type }) => cellOf(type.element, vector.values[name]));

      it(`encodes ${JSON.stringify(vector.values)}`, () => {
        const bytes = encodeOne(fields, cells, [vector.eventTime, vector.availableTime]);
        expect(Buffer.from(bytes).toString('hex')).to.equal(vector.hex);
        expect(new RowCodec(fields).layoutId).to.equal(vector.layoutId);
      });

      it(`decodes ${JSON.stringify(vector.values)}`, () => {
        const { rows, columns } = decode(fields, [Buffer.from(vector.hex, 'hex')]);
        expect([rows.status[0], rows.eventTime[0], rows.availableTime[0]]).to.deep.equal([
          status.PRESENT,
          vector.eventTime,
          vector.availableTime,
        ]);
        expect(columns.map((column) => cellAt(column, 0))).to.deep.equal(cells);
      });
    }

    for (const { types, cells, key } of vectors('key') as {
      types: string[];
      cells: unknown[];
      key: string;
    }[]) {
      it(`writes the key ${key.slice(0, 60)} of ${types.join(', ')}`, () => {
        const columns = types
          .map(parseType)
          .map((type, i) => columnOf(type, [cellOf(type.element, cells[i])]));
        expect(encodeRowKeys('abcdefghij', columns, 1)).to.deep.equal([key]);
      });
    }

    it('encode a deletion', () => {
      for (const { eventTime, availableTime, hex } of vectors('deleted') as RowVector[]) {
        const bytes = new RowCodec(plain).encodeDeleted(eventTime, availableTime);
        expect(Buffer.from(bytes).toString('hex')).to.equal(hex);
      }
    });

    it('write base32', () => {
      for (const [text, expected] of Object.entries(vectors('base32')[0] as Record<string, string>)) {
        expect(base32(Buffer.from(text))).to.equal(expected);
      }
    });
  });

  describe('keys', () => {
    it('keep tuples apart that differ only behind the 200th character, at 200 characters', () => {
      const column = columnOf(parseType('string'), ['é'.repeat(300) + 'a', 'é'.repeat(300) + 'b']);
      const keys = encodeRowKeys('abcdefghij', [column], 2);
      expect(new Set(keys).size).to.equal(2);
      expect(keys.map((key) => Buffer.byteLength(key))).to.deep.equal([200, 200]);
    });

    it('differ for different tuples', () => {
      const unit = fc.constantFrom('a', '/', '%', ':', '#', ' ', 'é', '2', 'F');
      const part = fc.string({ maxLength: 8, unit });
      fc.assert(
        fc.property(fc.tuple(part, part), fc.tuple(part, part), (a, b) => {
          fc.pre(a[0] !== b[0] || a[1] !== b[1]);
          const columns = [0, 1].map((i) => columnOf(parseType('string'), [a[i]!, b[i]!]));
          const [first, second] = encodeRowKeys('abcdefghij', columns, 2);
          return first !== second;
        }),
      );
    });

    it('take a lone surrogate', () => {
      const column = columnOf(parseType('string'), ['\ud800']);
      expect(encodeRowKeys('abcdefghij', [column], 1)).to.deep.equal(['abcdefghij:%EF%BF%BD']);
    });

    it('tells a null from the empty text', () => {
      const column = columnOf(parseType('string'), [null, '', '%']);
      expect(encodeRowKeys('abcdefghij', [column], 3)).to.deep.equal([
        'abcdefghij:%',
        'abcdefghij:',
        'abcdefghij:%25',
      ]);
    });
  });

  describe('layout', () => {
    it('does not depend on the order of the columns', () => {
      const reversed = encodeOne(mixed.toReversed(), mixedCells.toReversed(), [10, 20]);
      expect(reversed).to.deep.equal(mixedRow());
    });

    it('depends on names and types', () => {
      const layouts = [
        { a: 'int32' },
        { a: 'float32' },
        { b: 'int32' },
        { a: 'int32', b: 'int32' },
        { a: 'int32[1]' },
      ];
      const ids = layouts.map(
        (columns) => new RowCodec(fieldsOf(columns as Record<string, string>)).layoutId,
      );
      expect(new Set(ids).size).to.equal(layouts.length);
    });
  });

  describe('round trip', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    const elements: Record<ColumnType['element'], fc.Arbitrary<Cell>> = {
      float32: fc.float(),
      float64: fc.double(),
      int32: fc.integer(),
      int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      bool: fc.boolean(),
      string: fc.oneof(text, fc.constantFrom('', '\ufeffmark', 'Łódź', '\0')),
      timestamp: fc.maxSafeInteger(),
      bytes: fc.uint8Array({ maxLength: 9 }),
    };
    const typeNames = Object.keys(elements).flatMap((name) => [name, `${name}[3]`, `list<${name}>`]);

    function cell({ element, kind }: ColumnType): fc.Arbitrary<Cell> {
      const one = elements[element];
      if (kind === 'scalar') return fc.option(one, { freq: 5 });
      const lengths = kind === 'list' ? { maxLength: 5 } : { minLength: 3, maxLength: 3 };
      return fc.option(fc.array(one, lengths), { freq: 5 });
    }

    const table = fc
      .uniqueArray(fc.constantFrom(...typeNames), { minLength: 1, maxLength: 12 })
      .map((types) => types.map((type, i) => ({ name: `c${i}`, type: parseType(type) })))
      .chain((fields) =>
        fc.record({
          fields: fc.constant(fields),
          rows: fc.array(fc.tuple(...fields.map((field) => cell(field.type))), {
            minLength: 1,
            maxLength: 6,
          }),
          times: fc.array(fc.tuple(fc.maxSafeInteger(), fc.maxSafeInteger()), { minLength: 6, maxLength: 6 }),
        }),
      );

    it('gives back every cell of every type, from bytes that the store uses again', () => {
      fc.assert(
        fc.property(table, ({ fields, rows, times }) => {
          const input = new FeatureRows(fields, rows.length);
          rows.forEach((_, row) => ([input.eventTime[row], input.availableTime[row]] = times[row]!));
          const columns = fields.map(({ type }, i) =>
            columnOf(
              type,
              rows.map((cells) => cells[i] as Cell),
            ),
          );
          // A store may answer with Buffers, at any offset of a larger one.
          const values = new RowCodec(fields)
            .encode(input, columns)
            .map((bytes) => Buffer.concat([Buffer.alloc(3), bytes]).subarray(3));
          const output = decode(fields, values);
          values.forEach((value) => value.fill(255));
          expect([...output.rows.status]).to.deep.equal(rows.map(() => status.PRESENT));
          const { eventTime, availableTime } = output.rows;
          const read = rows.map((_, row) => [eventTime[row]! + 0, availableTime[row]! + 0]);
          expect(read).to.deep.equal(times.slice(0, rows.length));
          output.columns.forEach((column, i) =>
            rows.forEach((_, row) => expect(cellAt(column, row)).to.deep.equal(cellAt(columns[i]!, row))),
          );
        }),
        { numRuns: fuzzRuns(300) },
      );
    });

    it('holds more than 64 columns', () => {
      const fields = fieldsOf(Object.fromEntries(Array.from({ length: 130 }, (_, i) => [`f${i}`, 'int32'])));
      const cells = fields.map((_, i) => (i % 3 === 0 ? null : i));
      const { columns } = decode(fields, [encodeOne(fields, cells, [1, 1])]);
      expect(columns.map((column) => cellAt(column, 0))).to.deep.equal(cells);
    });

    it('orders values bytewise as their times', () => {
      const time = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -3, max: 3 }));
      const times = fc.tuple(time, time);
      fc.assert(
        fc.property(times, times, fc.float(), fc.float(), (a, b, x, y) => {
          const bytewise = Buffer.compare(encodeOne(plain, [x], a), encodeOne(plain, [y], b));
          const byTime = Math.sign(a[0] - b[0]) || Math.sign(a[1] - b[1]);
          return byTime === 0 || bytewise === byTime;
        }),
      );
    });

    it('lets a later deletion compare greater than the row, and an earlier one less', () => {
      const codec = new RowCodec(plain);
      const row = encodeOne(plain, [1], [10, 20]);
      expect(Buffer.compare(codec.encodeDeleted(10, 21), row)).to.equal(1);
      expect(Buffer.compare(codec.encodeDeleted(9, 21), row)).to.equal(-1);
    });
  });

  describe('decoding', () => {
    it('answers MISSING for no value and for a deleted row, between rows that are there', () => {
      const bytes = encodeOne(plain, [1.5], [10, 20]);
      const deleted = new RowCodec(plain).encodeDeleted(1, 1);
      const { rows, columns } = decode(plain, [bytes, undefined, deleted, bytes]);
      const names = [...rows.status].map((code) => statusNames[code]);
      expect(names).to.deep.equal(['PRESENT', 'MISSING', 'MISSING', 'PRESENT']);
      expect([0, 1, 2, 3].map((row) => cellAt(columns[0]!, row))).to.deep.equal([1.5, null, null, 1.5]);
    });

    it('leaves every column of a row null that it could not read', () => {
      const { columns } = decode(mixed, [mixedRow(), mixedRow().with(16, 9)]);
      expect(columns.map((column) => cellAt(column, 1))).to.deep.equal(mixed.map(() => null));
      expect(cellAt(columns[0]!, 0)).to.equal('SFO');
    });

    it('puts the null value, not what the cell holds, where the null bit is set', () => {
      const fields = fieldsOf({ count: 'int32' });
      const { columns } = decode(fields, [encodeOne(fields, [7], [1, 1]).with(24, 1)]);
      expect([columns[0]!.values[0], cellAt(columns[0]!, 0)]).to.deep.equal([0, null]);
    });

    it('reads any byte but 0 as true', () => {
      const cases: [string, Cell, number][] = [
        ['bool', true, 32],
        ['bool[2]', [true, false], 32],
        ['list<bool>', [true, false], 40],
      ];
      for (const [type, cell, at] of cases) {
        const fields = fieldsOf({ late: type });
        const { columns } = decode(fields, [encodeOne(fields, [cell], [1, 1]).with(at, 200)]);
        expect(cellAt(columns[0]!, 0)).to.deep.equal(cell);
        expect(columns[0]!.values[0]).to.equal(1);
      }
    });

    it('refuses a value that is too short for a header', () => {
      expectFailed(plain, new Uint8Array(23), /23 bytes are too short/);
      expectFailed(plain, new Uint8Array(0), /0 bytes are too short/);
    });

    it('refuses another format', () => {
      expectFailed(plain, encodeOne(plain, [1], [1, 1]).with(16, 2), /format 2/);
    });

    it('refuses unknown flags', () => {
      expectFailed(plain, encodeOne(plain, [1], [1, 1]).with(17, 2), /flags/);
      expectFailed(plain, encodeOne(plain, [1], [1, 1]).with(19, 1), /flags/);
    });

    it('refuses another layout', () => {
      expectFailed(plain, encodeOne(fieldsOf({ delay: 'int32' }), [1], [1, 1]), /another layout/);
    });

    it('refuses a row that is too long or too short', () => {
      const bytes = encodeOne(plain, [1], [1, 1]);
      expectFailed(plain, bytes.slice(0, -1), /a row of 39 bytes, but 40 are expected/);
      expectFailed(plain, Uint8Array.of(...bytes, 0), /a row of 41 bytes, but 40 are expected/);
    });

    it('refuses a heap value that leaves the row', () => {
      expectFailed(mixed, mixedRow().slice(0, -1), /does not lie within the row/);
    });

    it('refuses text that is no UTF-8', () => {
      const fields = fieldsOf({ name: 'string' });
      expectFailed(fields, encodeOne(fields, ['a'], [1, 1]).with(40, 255), /name/);
    });

    it('never throws and never touches a neighbour, whatever the bytes', () => {
      const good = mixedRow();
      const edit = fc.record({ at: fc.nat(good.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
      const edited = fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
        const bytes = good.slice();
        for (const { at, byte } of edits) bytes[at] = byte;
        return bytes;
      });
      const truncated = fc.nat(good.length).map((length) => good.slice(0, length));
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), truncated, edited), (bytes) => {
          const { rows, columns } = decode(mixed, [good, bytes, good]);
          for (const row of [0, 2]) {
            expect(columns.map((column) => cellAt(column, row))).to.deep.equal(mixedCells);
          }
          expect(statusNames[rows.status[1]!]).to.be.oneOf(['PRESENT', 'MISSING', 'FAILED']);
          const cells = columns.map((column) => cellAt(column, 1));
          if (rows.status[1] !== status.FAILED) return;
          expect(rows.error?.code).to.equal('DATA_LOSS');
          expect(cells).to.deep.equal(mixed.map(() => null));
        }),
        { numRuns: fuzzRuns(1000) },
      );
    });
  });
});
