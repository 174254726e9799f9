import { expect } from 'chai';
import fc from 'fast-check';
import {
  cellAt,
  clearBit,
  columnOf,
  ColumnWriter,
  createBitmap,
  createValues,
  FeatureRows,
  fieldsOf,
  fitsFloat32,
} from 'vivace';
import { isSet, isValid, parseType, setBit, timeOf } from 'vivace';
import { unset } from '../../core/data/status.js';
import { isTypeName, scalarTypes } from '../../core/data/types.js';
import { status, statusNames, VivaceError } from 'vivace';
import type { Cell, Keys } from 'vivace';
import { Frame, statusAt } from '../../core/data/frame.js';

const cellsOf = (type: string, cells: readonly Cell[]): Cell[] => {
  const column = columnOf(parseType(type), cells);
  return cells.map((_, row) => cellAt(column, row));
};

describe('Types', () => {
  it('parses scalars, vectors and lists', () => {
    expect(parseType('float32')).to.include({ element: 'float32', kind: 'scalar', width: 1 });
    expect(parseType('int64[12]')).to.include({ element: 'int64', kind: 'vector', width: 12 });
    expect(parseType('float32[1]')).to.include({ kind: 'vector', width: 1 });
    expect(parseType('list<string>')).to.include({ element: 'string', kind: 'list' });
  });

  for (const name of [
    '',
    'float',
    'Float32',
    'float32[0]',
    'float32[-1]',
    'float32[1.5]',
    'float32[1000000]',
  ]) {
    it(`refuses "${name}"`, () => {
      expect(isTypeName(name)).to.equal(false);
      expect(() => parseType(name)).to.throw(VivaceError, /is not a type: use float32, .* a vector such as/);
    });
  }

  for (const name of [
    'list<list<int32>>',
    'list<int32>[3]',
    'list<>',
    'constructor',
    'float32 ',
    'int64[2][2]',
  ]) {
    it(`refuses "${name}"`, () => expect(isTypeName(name)).to.equal(false));
  }
});

describe('Bitmap', () => {
  it('sets and clears each bit alone', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (bits) => {
        const bitmap = createBitmap(bits.length, true);
        bits.forEach((bit, row) => {
          if (!bit) clearBit(bitmap, row);
        });
        const inverse = createBitmap(bits.length, false);
        bits.forEach((bit, row) => {
          if (!bit) setBit(inverse, row);
        });
        bits.forEach((bit, row) => {
          expect([isSet(bitmap, row), isSet(inverse, row)]).to.deep.equal([bit, !bit]);
        });
      }),
    );
  });
});

describe('Column', () => {
  it('gives back cells of every kind', () => {
    expect(cellsOf('bool', [true, null, false])).to.deep.equal([true, null, false]);
    expect(cellsOf('int64', [2n ** 62n, null])).to.deep.equal([2n ** 62n, null]);
    expect(cellsOf('float32[2]', [[1, 2], null, [3, 4]])).to.deep.equal([[1, 2], null, [3, 4]]);
    expect(cellsOf('list<string>', [['a'], [], null, ['b', 'c']])).to.deep.equal([
      ['a'],
      [],
      null,
      ['b', 'c'],
    ]);
    expect(cellsOf('list<bool>', [[true, false]])).to.deep.equal([[true, false]]);
  });

  it('has no bitmap where every row holds a value', () => {
    expect(columnOf(parseType('int32'), [1, 2]).valid).to.equal(undefined);
  });

  it('puts the null value in the place of a null, whatever was there', () => {
    const nulls = scalarTypes.map((name) => {
      const writer = new ColumnWriter(parseType(name), 1);
      (writer.values as unknown[])[0] = name === 'int64' ? 7n : name === 'string' ? 'x' : 7;
      writer.setNull(0);
      return writer.finish().values[0];
    });
    expect(nulls).to.deep.equal([NaN, NaN, 0, 0n, 0, '', NaN, new Uint8Array(0)]);
  });

  it('takes a value after a null', () => {
    const writer = new ColumnWriter(parseType('int32'), 2);
    writer.setNull(0);
    writer.setNull(1);
    writer.set(0, 5);
    const column = writer.finish();
    expect([isValid(column, 0), cellAt(column, 0), cellAt(column, 1)]).to.deep.equal([true, 5, null]);
  });

  it('forgets the list of a row that becomes null', () => {
    const writer = new ColumnWriter(parseType('list<int32>'), 1);
    writer.set(0, [1, 2]);
    writer.setNull(0);
    expect(writer.finish().values).to.have.length(0);
  });

  it('refuses a vector of another width', () => {
    expect(() => columnOf(parseType('float32[2]'), [[1]])).to.throw(
      TypeError,
      'a float32[2] has 2 elements, not 1',
    );
    expect(() => columnOf(parseType('float32[2]'), [[1, 2, 3]])).to.throw(TypeError, 'not 3');
  });

  it('makes room for every element type', () => {
    for (const name of scalarTypes) expect(createValues(name, 3)).to.have.length(3);
  });
});

describe('FeatureRows', () => {
  const fields = fieldsOf({ count: 'int32', name: { type: 'string' } });

  it('marks the rows that are set, and leaves the others unset', () => {
    const rows = new FeatureRows(fields, 4);
    rows.column('count').set(1, 7);
    rows.column('name').setNull(2);
    rows.setMissing(3);
    rows.column('count').set(3, 7);
    expect([...rows.status]).to.deep.equal([unset, status.PRESENT, status.PRESENT, status.MISSING]);
    rows.setAllPresent();
    expect([...rows.status]).to.deep.equal([0, 0, 0, status.MISSING]);
  });

  it('fails what its source leaves unset, and names both', () => {
    const rows = new FeatureRows(fields, 3);
    rows.column('count').set(0, 1);
    rows.setPresent(1);
    rows.settle('shop', false);
    expect(rows.status[2]).to.equal(status.FAILED);
    expect(rows.error).to.include({
      code: 'INTERNAL',
      part: 'shop',
      message: 'shop: row 2 was not filled',
    });
    expect([...rows.eventTime, ...rows.availableTime]).to.deep.equal([0, 0, 0, 0, 0, 0]);
  });

  it('fails rows with a status or a time that there is not', () => {
    const told = (tell: (rows: FeatureRows) => void, timed = false): string | undefined => {
      const rows = new FeatureRows(fields, 1);
      rows.setPresent(0);
      tell(rows);
      rows.settle('shop', timed);
      expect(rows.status[0]).to.equal(status.FAILED);
      return rows.error?.message;
    };
    expect(told((rows) => (rows.status[0] = status.STALE))).to.equal(
      'shop: row 0 has the status 3, which a source cannot set',
    );
    expect(told((rows) => (rows.status[0] = status.FAILED))).to.match(/does not say why/);
    expect(told((rows) => (rows.eventTime[0] = Infinity))).to.match(/row 0 has a time that is not finite/);
    expect(told((rows) => rows.availableTime.fill(-Infinity))).to.match(/a time that is not finite/);
    expect(told(() => undefined, true)).to.match(/row 0 has no event time, but a max age needs one/);
  });

  it('refuses values that are not of the type, where they are set or taken over', () => {
    const wrong: [string, unknown, string][] = [
      ['int32', 1.5, '1.5 is not an int32'],
      ['int32', 2 ** 31, '2147483648 is not an int32'],
      ['int64', 2n ** 63n, '9223372036854775808 is not an int64'],
      ['int64', 0.5, '0.5 is not an int64'],
      ['float32', 1e39, '1e+39 is not a float32'],
      ['float64', '1', '"1" is not a float64'],
      ['bool', 'no', '"no" is not a bool'],
      ['bool', 2, '2 is not a bool'],
      ['string', 5, '5 is not a string'],
      ['bytes', 'x', '"x" is not a bytes'],
      ['timestamp', NaN, 'NaN is not a timestamp'],
      ['timestamp', 0.5, '0.5 is not a timestamp'],
      ['int32[2]', [1, 2.5], '2.5 is not an int32'],
      ['int32[2]', [1], 'an int32[2] has 2 elements, not 1'],
      ['list<int32>', 7, '7 is not a list<int32>'],
      ['list<int32>', [null], 'null is not an int32'],
      ['int32[2]', [1, undefined], 'undefined is not an int32'],
      ['list<string>', ['a', undefined], 'undefined is not a string'],
    ];
    for (const [type, cell, message] of wrong)
      expect(() => new ColumnWriter(parseType(type), 1).set(0, cell as never), type).to.throw(
        TypeError,
        message,
      );
    const writer = new ColumnWriter(parseType('float64'), 2);
    expect(() => (writer.values = new Float64Array(3))).to.throw(TypeError, '3 values, but 2 rows');
    expect(() => (writer.values = new Float32Array(2))).to.throw(TypeError, 'cannot be a Float32Array');
    expect(() => writer.set(2, 1)).to.throw(TypeError, 'no row 2 among 2');
    expect(() => writer.set(0.5, 1)).to.throw(TypeError, 'no row 0.5 among 2');
    expect(() => writer.setNull(0.5)).to.throw(TypeError, 'no row 0.5 among 2');
    const texts = new ColumnWriter(parseType('string'), 2);
    (texts.values as unknown[])[1] = 5;
    expect(texts.wrong()).to.equal('row 1: 5 is not a string');
    (texts.values as unknown[]).push('x');
    expect(texts.wrong()).to.equal('3 values, but 2 are expected');
  });

  it('refuses to be stored with rows that are unset or without times', () => {
    const stored = (tell: (rows: FeatureRows) => void): (() => void) => {
      const rows = new FeatureRows(fields, 2);
      rows.eventTime.fill(1);
      rows.availableTime.fill(1);
      rows.setAllPresent();
      tell(rows);
      return () => rows.checkStorable();
    };
    expect(stored(() => undefined)).not.to.throw();
    expect(stored((rows) => (rows.status[1] = unset))).to.throw(/row 1 was not filled: nothing was written/);
    expect(stored((rows) => (rows.eventTime[1] = NaN))).to.throw(/row 1 has no event time/);
    expect(stored((rows) => (rows.availableTime[0] = Infinity))).to.throw(/row 0 has no available time/);
  });

  it('gives every column memory of its own, whatever the widths beside it', () => {
    const types = ['bool', 'float64', 'int32', 'int64', 'string', 'float32[3]', 'list<int64>', 'timestamp'];
    const rows = new FeatureRows(fieldsOf(Object.fromEntries(types.map((type, i) => [`f${i}`, type]))), 3);
    const cells = [true, 0.1, -7, 9n, 'x', [1, 2, 3], [4n], 5];
    rows.columns.forEach((column, i) => column.set(1, cells[i]!));
    expect(rows.columns.map((column) => cellAt(column.finish(), 1))).to.deep.equal(cells);
    expect(rows.columns.slice(0, 4).map((column) => Number(column.values[0]))).to.deep.equal([0, 0, 0, 0]);
    expect(rows.columns.slice(0, 4).map((column) => Number(column.values[2]))).to.deep.equal([0, 0, 0, 0]);
  });

  it('makes every feature of a missing row null', () => {
    const rows = new FeatureRows(fields, 2);
    rows.setMissing(1);
    const columns = rows.columns.map((writer) => writer.finish());
    expect(statusNames[rows.status[1]!]).to.equal('MISSING');
    expect(columns.map((column) => [isValid(column, 0), isValid(column, 1)])).to.deep.equal([
      [true, false],
      [true, false],
    ]);
  });

  it('keeps the first reason of a failure', () => {
    const rows = new FeatureRows(fields, 2);
    const first = new VivaceError('UNAVAILABLE', 'gone');
    rows.setFailed(0, first);
    rows.setFailed(1, new VivaceError('DATA_LOSS', 'broken'));
    expect(rows.error).to.equal(first);
    expect([...rows.status]).to.deep.equal([status.FAILED, status.FAILED]);
  });

  it('refuses a feature that is not declared', () => {
    expect(() => new FeatureRows(fields, 1).column('other')).to.throw(TypeError, '"other" is not among');
  });

  it('gives the request time of a row, one for all or one each', () => {
    const keys = (time: Keys['time']): Keys => ({
      rows: 2,
      time,
      column: () => columnOf(parseType('int32'), [1, 2]),
    });
    expect([timeOf(keys(5), 1), timeOf(keys(Float64Array.of(5, 6)), 1)]).to.deep.equal([5, 6]);
  });
});

describe('Frame', () => {
  const frame = (): Frame =>
    new Frame({
      time: Float64Array.of(1, 2, 3),
      offsets: Uint32Array.of(0, 2, 2, 5),
      columns: 2,
      fetches: 1,
      skips: 3,
      masks: [[], [0], [0, 1], [0, 1, 2]],
    });
  const column = columnOf(parseType('int32'), [1, 2, 3]);

  it('counts rows by scope', () => {
    expect([frame().rows('request'), frame().rows('object')]).to.deep.equal([3, 5]);
  });

  it('knows the request of each object', () => {
    expect([...frame().requestOf]).to.deep.equal([0, 0, 2, 2, 2]);
  });

  it('takes a column once', () => {
    const written = frame();
    written.write(1, column);
    expect(written.column(1)).to.equal(column);
    expect(() => written.write(1, column)).to.throw(TypeError, 'already written');
  });

  it('keeps the objects that the nodes of a mask have not left out, and heeds no later ones', () => {
    const skipping = frame();
    skipping.skip(0, Uint8Array.of(0, 0, 0, 1, 0));
    skipping.skip(2, Uint8Array.of(1, 1, 1, 1, 1));
    expect(skipping.kept(0)).to.equal(undefined);
    expect(skipping.kept(1)).to.deep.equal({
      rows: Uint32Array.of(0, 1, 2, 4),
      offsets: Uint32Array.of(0, 2, 2, 4),
    });
    expect(skipping.kept(2)).to.equal(skipping.kept(2));
    expect(skipping.kept(3)!.rows).to.have.length(0);
  });

  it('keeps every object where a mask leaves out none', () => {
    const skipping = frame();
    skipping.skip(0, new Uint8Array(5));
    expect(skipping.kept(1)).to.equal(undefined);
  });

  it('takes a row for PRESENT where a column has no status bytes', () => {
    expect(statusAt(column, 0)).to.equal(status.PRESENT);
    expect(statusAt({ ...column, status: Uint8Array.of(0, status.STALE, 0) }, 1)).to.equal(status.STALE);
  });
});

describe('fitsFloat32', () => {
  it('takes what does not become infinite as a float32', () => {
    for (const value of [0, -0, NaN, Infinity, -Infinity, 3.4028235e38, -3.4028235677973362e38, 5e-324])
      expect(fitsFloat32(value), String(value)).to.equal(true);
    for (const value of [3.4028235677973366e38, -3.4028235677973366e38, Number.MAX_VALUE])
      expect(fitsFloat32(value), String(value)).to.equal(false);
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(fitsFloat32(value)).to.equal(!Number.isFinite(value) || Number.isFinite(Math.fround(value)));
      }),
    );
  });
});
