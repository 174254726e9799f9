import { expect } from 'chai';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptDays } from '../../adapters/duckdb/kept-days.js';
import { failureOf } from '../support/failure.js';

describe('KeptDays', () => {
  let directory: string;
  let kept: KeptDays;
  let said: string[];
  const reopened = (): KeptDays => new KeptDays(directory, { warn: (message) => void said.push(message) });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-days-'));
    said = [];
    kept = reopened();
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const writeRows = async (sql: string, path: string): Promise<void> => writeFileSync(path, sql);
  const replace = (days: readonly number[], copy = writeRows): Promise<void> =>
    kept.replace('set', { days, table: 't' }, copy);
  /** The days of the files, and their generations. */
  const files = (): string[] =>
    readdirSync(join(directory, 'set'))
      .sort()
      .map((name) => name.replace(/-[0-9a-f]{8}\.parquet$/, ''));
  const found = async (): Promise<string[]> =>
    [...(await kept.from('set', {}, async () => []))!.matchAll(/set\/([^']*)-[0-9a-f]{8}\.parquet/g)].map(
      ([, name]) => name!,
    );
  const age = (hours: number): void => {
    const at = Date.now() / 1000 - hours * 3600;
    for (const name of readdirSync(join(directory, 'set'))) utimesSync(join(directory, 'set', name), at, at);
  };

  it('has a file for each of the newest days, and one for 32 days before them', async () => {
    await replace([0, 1, 33]);
    expect(files()).to.deep.equal(['1970-01-01_1970-02-01.1', '1970-02-03.1']);
    await replace([34, 63]);
    await replace([64]);
    expect(await found()).to.deep.equal([
      '1970-01-01_1970-02-01.1',
      '1970-02-02_1970-03-05.1',
      '1970-03-06.1',
    ]);
  });

  it('leaves what has been replaced to those who found it, for an hour', async () => {
    await replace([3]);
    await replace([3]);
    expect(files()).to.deep.equal(['1970-01-04.1', '1970-01-04.2']);
    expect(await found()).to.deep.equal(['1970-01-04.2']);
    await replace([4]);
    expect(files()).to.deep.equal(['1970-01-04.1', '1970-01-04.2', '1970-01-05.1']);
    age(1.1);
    await replace([40]);
    age(1.1);
    expect(files()).to.include.members(['1970-01-01_1970-02-01.1', '1970-01-04.2']);
    await replace([41]);
    expect(files()).to.deep.equal(['1970-01-01_1970-02-01.1', '1970-02-10.1', '1970-02-11.1']);
  });

  it('writes in the order of days, and leaves nothing behind of a file that could not be written', async () => {
    let calls = 0;
    const failing = async (sql: string, path: string): Promise<void> => {
      writeFileSync(path, sql);
      if (++calls === 3) throw new Error('the disk is full');
    };
    expect(await failureOf(replace([100, 3, 101, 99, 50], failing))).to.equal('Error: the disk is full');
    expect(files()).to.deep.equal(['1970-01-01_1970-02-01.1', '1970-02-02_1970-03-05.1']);
  });

  it('leaves out files whose bytes have changed, and what they have taken the place of', async () => {
    await replace([1]);
    await replace([1, 2]);
    const [, damaged] = readdirSync(join(directory, 'set')).sort();
    const path = join(directory, 'set', damaged!);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    kept = reopened();
    expect(await found()).to.deep.equal(['1970-01-03.1']);
    expect(await found()).to.deep.equal(['1970-01-03.1']);
    expect(said).to.deep.equal([`${path} is damaged: it is left out, and its days are folded anew`]);
    await replace([1]);
    expect(await found()).to.deep.equal(['1970-01-02.3', '1970-01-03.1']);
    // Nor are they joined with others.
    writeFileSync(path.replace(/[^/]*$/, readdirSync(join(directory, 'set')).at(-1)!), 'other');
    kept = reopened();
    const copied: string[] = [];
    await replace([40], async (sql, to) => {
      copied.push(sql);
      await writeRows(sql, to);
    });
    expect(copied[0]).to.include('1970-01-02.3').and.not.include('1970-01-03.1');
  });

  it('remembers nothing of a file that is gone', async () => {
    await replace([1]);
    await found();
    const path = join(directory, 'set', readdirSync(join(directory, 'set'))[0]!);
    rmSync(path);
    expect(await kept.from('set', {}, async () => [])).to.equal(undefined);
    writeFileSync(path, 'other');
    expect(await kept.from('set', {}, async () => [])).to.equal(undefined);
    expect(said).to.deep.equal([`${path} is damaged: it is left out, and its days are folded anew`]);
  });

  it('removes what a killed process has begun, a day later', async () => {
    await replace([1]);
    writeFileSync(join(directory, 'set', '.begun'), 'half');
    await replace([2]);
    expect(files()).to.include('.begun');
    age(25);
    await replace([3]);
    expect(files()).to.not.include('.begun');
  });
});
