import { expect } from 'chai';
import { parseType, type FeatureView } from 'vivace';
import { view } from '../../core/testing/view.js';
import { dataAsItIs, failure } from '../support/data-as-it-is.js';

describe('Data comes in as it is', () => {
  const { file, parquet, read, mistakes, spine } = dataAsItIs();

  describe('numbers', () => {
    it('of a DECIMAL id are exact', async () => {
      const ids = ['12345678901234567', '12345678901234568'];
      const rows = ids.map(
        (id, i) => `(${id}::DECIMAL(18,0), ${id}.00::DECIMAL(20,2), TIMESTAMP '2024-01-05', ${i})`,
      );
      const table = await parquet(
        'decimals.parquet',
        `SELECT * FROM (VALUES ${rows.join(', ')}) AS t(id, wide, "at", v)`,
      );
      for (const key of ['id', 'wide']) {
        const of = view({
          entity: { id: 'int64' },
          source: { table, key: { id: key } },
          features: { v: { type: 'int32' } },
        });
        expect(await read(of, ids.map(BigInt))).to.deep.equal([[0], [1]]);
      }
      const columns = {
        id: { column: 'id', type: parseType('int64') },
        wide: { column: 'wide', type: parseType('int64') },
        label: { column: 'id' },
      };
      const found = (await spine(table, columns)).map((row) => row.slice(0, 3));
      expect(found).to.deep.equal(ids.map((id) => [BigInt(id), BigInt(id), BigInt(id)]));
    });

    it('that would be rounded are refused: labels with a fraction, keys between two integers', async () => {
      const table = await parquet(
        'wide.parquet',
        `SELECT 12345678901234567.25::DECIMAL(20,2) AS label, TIMESTAMP '2024-01-05' AS at, 1 AS v`,
      );
      expect(await failure(() => spine(table, { label: { column: 'label' } }))).to.match(
        /^INVALID_ARGUMENT .*12345678901234567\.25 has more digits than a float64 holds/,
      );
      const of = view({ entity: { label: 'int64' }, source: { table }, features: { v: { type: 'int32' } } });
      expect(await mistakes(of)).to.deep.equal([
        'entity.label: column "label" of wide.parquet: 1 of 1 values is not an int64, such as "12345678901234567.25"',
      ]);
    });

    it('of several files are as wide as the widest, whichever comes first; a column that a file lacks is null there', async () => {
      await parquet('many/1.parquet', `SELECT 'a' AS k, 1::INTEGER AS amount`);
      await parquet('many/2.parquet', `SELECT 1.5::DOUBLE AS amount, 'b' AS k, 7 AS extra`);
      file('mixed/1.csv', 'k,amount\na,1\n');
      file('mixed/2.csv', 'amount;k;extra\n1.5;b;7\n');
      file('lines/1.json', '{"k": "a", "amount": 1}\n');
      file('lines/2.json', '{"amount": 1.5, "k": "b", "extra": 7}\n');
      for (const table of ['many/*.parquet', 'mixed/*.csv', 'lines/*.json']) {
        const features = { amount: { type: 'float64' }, extra: { type: 'int32' } };
        const of = view({ entity: { k: 'string' }, source: { table }, features });
        expect(await read(of, ['a', 'b']), table).to.deep.equal([
          [1, null],
          [1.5, 7],
        ]);
      }
    });
  });

  describe('numbers of several Parquet files', () => {
    const rounded = (type: string, wide: string): RegExp =>
      new RegExp(
        `of .*/\\*\\.parquet: [0-9]+ is ${type.replace(/[()]/g, '\\$&')} in its file and ${wide} in others, which would round it`,
      );
    const pair = async (name: string, first: string, second: string): Promise<string> => {
      await parquet(`${name}/1.parquet`, `SELECT ${first}::INTEGER AS n, TIMESTAMP '2024-01-05' AS "at"`);
      await parquet(`${name}/2.parquet`, `SELECT ${second} AS n, TIMESTAMP '2024-01-05' AS "at"`);
      return `${name}/*.parquet`;
    };
    const keyedBy = (table: string, type: string, more: object = {}): FeatureView =>
      view({ entity: { n: type }, source: { table, ...more }, features: { v: { type, of: 'n' } } });

    it('that the widest type rounds are refused before anything is read, where they are not declared floats', async () => {
      await parquet('wide/3.parquet', `SELECT 1.5::DOUBLE AS n, TIMESTAMP '2024-01-05' AS "at"`);
      for (const type of ['BIGINT', 'UBIGINT', 'DECIMAL(38,0)']) {
        await parquet(
          'wide/1.parquet',
          `SELECT 9007199254740993::${type} AS n, TIMESTAMP '2024-01-05' AS "at"`,
        );
        for (const declared of ['string', 'int64']) {
          const of = keyedBy('wide/*.parquet', declared, { eventTime: 'at' });
          const [found, ...others] = await mistakes(of);
          expect(found, type).to.match(rounded(type, 'DOUBLE'));
          expect(others).to.deep.equal([]);
          expect(await failure(() => read(of, [declared === 'string' ? '1' : 1n]))).to.match(
            /^INVALID_ARGUMENT/,
          );
        }
        expect(await failure(() => spine('wide/*.parquet', { label: { column: 'n' } }))).to.match(
          rounded(type, 'DOUBLE'),
        );
      }
      const float = view({
        entity: { at: 'timestamp' },
        source: { table: 'wide/*.parquet' },
        features: { n: { type: 'float64' } },
      });
      expect((await mistakes(float)).length).to.equal(0);
    });

    it('that the widest type holds are read', async () => {
      await parquet('held/1.parquet', `SELECT 9007199254740992::BIGINT AS n, TIMESTAMP '2024-01-05' AS "at"`);
      await parquet('held/2.parquet', `SELECT 3::DOUBLE AS n, TIMESTAMP '2024-01-05' AS "at"`);
      await parquet('held/3.parquet', `SELECT NULL::BIGINT AS n, TIMESTAMP '2024-01-05' AS "at"`);
      const of = keyedBy('held/*.parquet', 'int64');
      expect(await mistakes(of)).to.deep.equal([]);
      expect(await read(of, [9_007_199_254_740_992n, 3n])).to.deep.equal([[9_007_199_254_740_992n], [3n]]);
    });

    it('with 24 bits beside a FLOAT are refused for a float64, too', async () => {
      const table = await pair('narrow', '16777217', '1.5::FLOAT');
      const of = view({
        entity: { at: 'timestamp' },
        source: { table },
        features: { n: { type: 'float64' } },
      });
      expect((await mistakes(of))[0]).to.match(rounded('INTEGER', 'FLOAT'));
    });
  });
});
