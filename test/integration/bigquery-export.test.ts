import { expect } from 'chai';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callContext } from 'vivace/testing';
import { bigqueryEmulator } from '../servers/bigquery-server.js';
import { describeNeeding } from '../servers/programs.js';
import { bigqueryFixture } from '../support/bigquery-fixture.js';
import { failureOf } from '../support/failure.js';

describeNeeding([bigqueryEmulator], 'bigquery', () => {
  const fixture = bigqueryFixture();

  describe('export', () => {
    let directory: string;
    before(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-bigquery-export-'))));
    after(() => rmSync(directory, { recursive: true }));

    it('writes a query as CSV', async () => {
      const sql = `SELECT 1 AS a, 'x,"y"' AS b, CAST(NULL AS STRING) AS c, '' AS d, TIMESTAMP '2001-02-03 04:05:06 UTC' AS e, 2.0 AS f`;
      const file = join(directory, 'some', 'a.csv');
      await fixture.lake.export({ sql }, file, callContext());
      expect(readFileSync(file, 'utf8')).to.equal(
        'a,b,c,d,e,f\n1,"x,""y""",,"",2001-02-03 04:05:06.000000,2.0\n',
      );
    });

    it('leaves no half of a file behind', async () => {
      const sql = 'SELECT CAST(x AS INT64) AS x FROM UNNEST(["1", "no"]) AS x';
      expect(await failureOf(fixture.lake.export({ sql }, join(directory, 'b.csv'), callContext()))).to.match(
        /^INVALID/,
      );
      expect(readdirSync(directory)).to.deep.equal(['some']);
    });

    it('refuses Parquet, and says what to do', async () => {
      expect(await failureOf(fixture.lake.export({ sql: 'SELECT 1' }, 'a.parquet', callContext()))).to.match(
        /^UNIMPLEMENTED .*\.csv.*files/,
      );
    });
  });
});
