import { expect } from 'chai';
import { DuckDBInstance } from '@duckdb/node-api';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FeatureView } from 'vivace';
import { callContext } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { dataAsItIs, failure } from '../support/data-as-it-is.js';

const rows = Array.from({ length: 3000 }, (_, i) => ({ k: `key ${i}`, v: (i * 7919) % 1000 }));
const csv = `k,v\n${rows.map(({ k, v }) => `${k},${v}\n`).join('')}`;
/** `k,v`, `a,1` and `b,2`, as `zstd --check` compresses them. */
const checked = Buffer.from('KLUv/QRYYQAAayx2CmEsMQpiLDIK//bLTA==', 'base64');
/** `c,3`, not compressed, in a frame that says its length. */
const raw = Buffer.concat([Buffer.from('28b52ffd2004210000', 'hex'), Buffer.from('c,3\n')]);
const ndjson = rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('Data comes in as it is', () => {
  const data = dataAsItIs();
  const { bytes, mistakes, read } = data;
  const of = (table: string): FeatureView =>
    view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'int32' } } });
  const zstd = async (name: string, sql: string): Promise<Buffer> => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const path = join(data.directory, name);
    await connection.run(`COPY (${sql}) TO '${path}' (FORMAT csv, HEADER, COMPRESSION zstd)`);
    connection.disconnectSync();
    instance.closeSync();
    return readFileSync(path);
  };
  const said = async (name: string, content: Uint8Array): Promise<string[]> =>
    (await mistakes(of(bytes(name, content)))).map((text) => text.replace('source.table: lake: ', ''));

  describe('a compressed file', () => {
    for (const [kind, text] of [
      ['csv', csv],
      ['ndjson', ndjson],
      ['json', `[${rows.map((row) => JSON.stringify(row)).join(',')}]`],
    ] as const) {
      it(`of ${kind} that was cut off is a mistake, wherever the cut is`, async () => {
        const whole = gzipSync(text);
        for (const length of [9, 200, whole.length >> 1, whole.length - 8, whole.length - 1]) {
          expect(await said(`cut.${kind}.gz`, whole.subarray(0, length))).to.deep.equal([
            `cut.${kind}.gz is cut off: its gzip data has no end: copy or write the file again`,
          ]);
        }
      });

      it(`of ${kind} is read where it is whole, in several parts and with a name in upper case`, async () => {
        const half = text.indexOf('\n', text.length >> 1) + 1;
        const parts = Buffer.concat([gzipSync(text.slice(0, half)), gzipSync(text.slice(half))]);
        for (const name of [`whole.${kind}.gz`, `WHOLE.${kind.toUpperCase()}.GZ`]) {
          const table = bytes(name, parts);
          expect(await mistakes(of(table)), name).to.deep.equal([]);
          expect(await read(of(table), ['key 0', 'key 2999', 'key 3000']), name).to.deep.equal([
            [0],
            [(2999 * 7919) % 1000],
            undefined,
          ]);
        }
      });
    }

    it('whose checksum or length is wrong is a mistake', async () => {
      const whole = gzipSync(csv);
      for (const [at, what] of [
        [whole.length - 6, 'incorrect data check'],
        [whole.length - 2, 'incorrect length check'],
      ] as const) {
        const changed = Uint8Array.from(whole);
        changed[at]! ^= 1;
        expect(await said('changed.csv.gz', changed)).to.deep.equal([
          `changed.csv.gz is damaged (${what}): copy or write the file again`,
        ]);
      }
    });

    it('that is not compressed, is empty or goes on behind its end is a mistake of the same kind', async () => {
      const whole = gzipSync(csv);
      const behind = 'is damaged: what stands behind its gzip data is not gzip: copy or write the file again';
      expect(await said('plain.csv.gz', Buffer.from(csv))).to.deep.equal([
        'plain.csv.gz is not gzip, as its name says: compress it, or rename it to plain.csv',
      ]);
      expect(await said('nothing.csv.gz', Buffer.alloc(0))).to.deep.equal(['nothing.csv.gz is empty']);
      expect(await said('zeros.csv.gz', Buffer.concat([whole, Buffer.alloc(512)]))).to.deep.equal([
        `zeros.csv.gz ${behind}`,
      ]);
      expect(await said('more.csv.gz', Buffer.concat([whole, Buffer.from('k,1\n')]))).to.deep.equal([
        `more.csv.gz ${behind}`,
      ]);
    });

    it('that is damaged ends every use of it, and is named among those of a pattern', async () => {
      bytes('pattern/a.csv.gz', gzipSync(csv));
      bytes('pattern/b.csv.gz', gzipSync(csv).subarray(0, 500));
      for (const work of [
        () => data.store.openAsOf([of('pattern/*.csv.gz')], callContext()),
        () => data.store.materialize(of('pattern/*.csv.gz'), { untilMs: Date.now() }, callContext()),
      ])
        expect(await failure(work)).to.match(
          /^INVALID_ARGUMENT .*view "v": lake: \S*pattern\/b\.csv\.gz is cut off/,
        );
    });

    it('is looked at again once it has changed', async () => {
      const whole = gzipSync(csv);
      expect(await said('again.csv.gz', whole)).to.deep.equal([]);
      expect(await said('again.csv.gz', whole.subarray(0, 900))).to.have.length(1);
      expect(await said('again.csv.gz', whole)).to.deep.equal([]);
    });

    it('of zstd that was cut off, or is not one, is a mistake', async () => {
      const numbers = 'SELECT hash(i) AS k, i % 1000 AS v FROM range(60000) AS r(i)';
      const whole = await zstd('blocks.csv.zst', numbers);
      const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
      for (const each of [
        whole,
        checked,
        Buffer.concat([checked, raw]),
        Buffer.concat([checked, skippable]),
      ]) {
        expect(await said('whole.csv.zst', each)).to.deep.equal([]);
        for (const length of [3, 5, 10, (each.length >> 1) + 1, each.length - 1]) {
          expect(await said('cut.csv.zst', each.subarray(0, length)), String(length)).to.deep.equal([
            'cut.csv.zst is cut off: its zstd data has no end: copy or write the file again',
          ]);
        }
      }
      expect(await said('more.csv.zst', Buffer.concat([whole, Buffer.from('more')]))).to.deep.equal([
        'more.csv.zst is damaged: what stands behind its zstd data is not zstd: copy or write the file again',
      ]);
      const changed = Uint8Array.from(checked);
      changed[changed.length - 1]! ^= 1;
      expect((await said('changed.csv.zst', changed))[0]).to.equal(
        'a .zst file is damaged: its checksum is not that of its data: copy or write the file again',
      );
      expect(await said('plain.csv.zst', Buffer.from(csv))).to.deep.equal([
        'plain.csv.zst is not zstd, as its name says: compress it, or rename it to plain.csv',
      ]);
    });

    it('that a query names is a mistake of the query, and not an outage', async () => {
      bytes('asked.csv.gz', Buffer.from(csv));
      const path = join(data.directory, 'asked.csv.gz').replaceAll("'", "''");
      const query = `SELECT * FROM read_csv('${path}')`;
      const asked = view({ entity: { k: 'string' }, source: { query }, features: { v: { type: 'int32' } } });
      expect((await mistakes(asked))[0]).to.match(/^source\.query: lake: .*not a GZIP/);
    });
  });
});
