import { expect } from 'chai';
import { join } from 'node:path';
import { loadServer, warehouse } from 'vivace';
import { givenProject, sales, salesCsv } from '../support/command-line.js';

const prices = `
parts:
  hot:    { use: lmdb, path: ./data }
  online: { use: online-store, store: hot }
views:
  price:
    store: online
    maxAgeMs: 3600000
    entity: { sku: string, shop: int64 }
    features:
      amount: { type: float64, unit: EUR, default: 0 }
      onSale: { type: bool }
      tags: { type: "list<string>" }
`;
const header = 'sku,shop,eventTime,amount,onSale,tags\n';
const now = new Date().toISOString();

describe('vivace features push', () => {
  const { project, given } = givenProject();
  beforeEach(() => given({ 'vivace.yaml': prices }));
  const push = async (
    name: string,
    text: string,
    ...options: readonly string[]
  ): ReturnType<typeof project.vivace> => {
    await project.write({ [name]: text });
    return project.vivace(['features', 'push', name, '--view', 'price', ...options]);
  };
  const get = async (sku: string, shop = '1'): Promise<Record<string, unknown>> => {
    const { stdout } = await project.vivace([
      'features',
      'get',
      'price',
      '--json',
      '--key',
      `sku=${sku}`,
      '--key',
      `shop=${shop}`,
    ]);
    const [{ status, features }] = JSON.parse(stdout);
    const named = features.map(({ name, value }: { name: string; value: unknown }) => [name, value]);
    return { status, ...Object.fromEntries(named) };
  };

  it('writes the rows of a CSV file, and nothing when it is repeated', async () => {
    const text = `\uFEFF${header}tea,1,${now},4.5,True,"[""new"", ""green""]"\r\n\r\n"a ""cup"",\nred",9007199254740993,${now},,,[]\r\n"",1,${now},1e3,false,\r\n`;
    const first = await push('p.csv', text);
    expect(first.stderr).to.match(/^price: 3 rows, 3 written in /);
    expect(first).to.include({ code: 0, stdout: '' });
    expect(await get('tea')).to.deep.equal({
      status: 'PRESENT',
      amount: 4.5,
      onSale: true,
      tags: ['new', 'green'],
    });
    expect(await get('a "cup",\nred', '9007199254740993')).to.deep.equal({
      status: 'PRESENT',
      amount: 0,
      onSale: null,
      tags: [],
    });
    expect(await get('')).to.include({ amount: 1000, onSale: false });
    expect((await push('p.csv', text)).stderr).to.match(/^price: 3 rows, 0 written, 3 unchanged in /);
  });

  it('names wrong rows by their lines, writes the others, and ends with 1', async () => {
    const text = `${header}"a\nb",1,${now},much,,\ntea,1,${now},1,,\ncup,1.5,,2,perhaps,x\n`;
    const { code, stderr, stdout } = await push('p.csv', text, '--json');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^price: 3 rows, 1 written, 2 refused in /);
    expect(stderr.split('\n').slice(1)).to.deep.equal([
      'p.csv:2 amount: "much" is not a float64',
      'p.csv:5 shop: "1.5" is not an int64',
      'p.csv:5 eventTime: may not be null',
      'p.csv:5 onSale: "perhaps" is not a bool',
      'p.csv:5 tags: "x" is not a list',
      '',
    ]);
    const { errors, ...report } = JSON.parse(stdout);
    expect(report).to.deep.equal({ rows: 3, accepted: 1, written: 1 });
    expect(errors[0]).to.deep.equal({
      row: 0,
      place: 'p.csv:2',
      path: 'amount',
      message: '"much" is not a float64',
    });
    expect(await get('tea')).to.include({ amount: 1 });
  });

  it('reads JSON lines, from standard input too, and JSON', async () => {
    const row = { sku: 'tea', shop: 1, eventTime: now, amount: 1, onSale: null, tags: null };
    const lines = `${JSON.stringify(row)}\n\n${JSON.stringify({ ...row, sku: 'cup' })}\n{"sku": "cut o`;
    const { code, stderr } = await push('p.jsonl', lines);
    expect(code).to.equal(1);
    expect(stderr).to.match(/ 3 rows, 2 written, 1 refused in .*\np\.jsonl:4: must be an object\n$/);
    const piped = await project.vivace(['features', 'push', '-', '--view', 'price'], {
      stdin: JSON.stringify({ ...row, sku: 'pot', amount: 7 }),
    });
    expect(piped).to.include({ code: 0 });
    expect(await get('pot')).to.include({ amount: 7 });
    for (const body of [[{ ...row, sku: 'can' }], { rows: [{ ...row, sku: 'can' }] }])
      expect((await push('p.json', JSON.stringify(body))).code).to.equal(0);
    const none = await push('p.json', '{"row": []}');
    expect(none).to.include({ code: 1 });
    expect(none.stderr).to.contain('p.json is not a list of rows');
  });

  it('reads Parquet through the warehouse, and says so where there is none', async () => {
    const lake = prices.replace('views:', '  lake:   { use: duckdb }\nviews:');
    await project.write({ 'vivace.yaml': lake });
    const server = await loadServer(join(project.directory, 'vivace.yaml'));
    await server.startOnly(['lake']);
    const sql = `SELECT 'k' || range AS sku, range AS shop, TIMESTAMPTZ '${now}' AS "eventTime", range / 4 AS amount, NULL::BOOLEAN AS "onSale", ['x'] AS tags FROM range(12000)`;
    await server
      .part(warehouse, 'lake')
      .export({ sql }, join(project.directory, 'p.parquet'), { signal: new AbortController().signal });
    await server.stop();
    const { code, stderr } = await project.vivace(['features', 'push', 'p.parquet', '--view', 'price']);
    expect(stderr).to.match(/price: 12,000 rows, 12,000 written in /);
    expect(code).to.equal(0);
    expect(await get('k11999', '11999')).to.deep.equal({
      status: 'PRESENT',
      amount: 2999.75,
      onSale: null,
      tags: ['x'],
    });
    await project.write({ 'vivace.yaml': prices });
    const without = await project.vivace(['features', 'push', 'p.parquet', '--view', 'price']);
    expect(without.code).to.equal(1);
    expect(without.stderr).to.contain('Parquet is read by a warehouse, and the configuration has none');
  });

  it('says what is wrong with a file before it writes anything', async () => {
    const refused = async (name: string, text: string, ...options: readonly string[]): Promise<string> => {
      const { code, stderr } = await push(name, text, ...options);
      expect(code, stderr).to.equal(1);
      return stderr;
    };
    expect(await refused('p.csv', 'sku,shop,updated,amount,onSale,tags\n')).to.match(
      /^error INVALID_ARGUMENT columns: "updated" is not a key or a feature of "price"/,
    );
    expect(await refused('p.csv', 'sku,shop,amount,onSale,tags\n')).to.contain(
      'there is no column "eventTime", which every row of "price" has: when its values began to hold',
    );
    expect(await refused('p.csv', 'sku,sku\n')).to.contain('there are two columns "sku"');
    expect(await refused('p.csv', '')).to.contain('p.csv is empty');
    expect(await refused('p.csv', `${header}tea,1\n`)).to.contain('p.csv:2: 2 cells, but the header has 6');
    expect(await refused('p.csv', `${header}"tea\n`)).to.contain('p.csv: line 2: a quote is not closed');
    expect(await refused('p.csv', `${header}"tea"x,1\n`)).to.contain('line 2: something follows a closing');
    expect(await refused('p.txt', '')).to.contain('rows are pushed from .csv, .json, .jsonl and .parquet');
    const missing = await project.vivace(['features', 'push', 'none.csv', '--view', 'price']);
    expect(missing.code).to.equal(1);
    expect(missing.stderr).to.contain('none.csv cannot be read');
  });

  it('takes the event time from another column, without a zone too', async () => {
    const text = `sku,shop,updated,amount,onSale,tags\ntea,1,2026-01-02 03:04:05,1,,\ncup,1,2026-01-02,1,,\n`;
    expect(await push('p.csv', text, '--event-time', 'updated')).to.include({ code: 0 });
    const keys = ['--key', 'sku=tea', '--key', 'sku=cup', '--key', 'shop=1'];
    const { stdout } = await project.vivace(['features', 'get', 'price', '--json', ...keys]);
    const times = JSON.parse(stdout).map(({ eventTime }: { eventTime: string }) => eventTime);
    expect(times).to.deep.equal(['2026-01-02T03:04:05Z', '2026-01-02T00:00:00Z']);
  });

  it('refuses views that are not pushed to, and stores of which nothing would be left', async () => {
    await project.write({ 'vivace.yaml': sales, 'sales.csv': salesCsv });
    const sourced = await project.vivace(['features', 'push', 'sales.csv', '--view', 'shop_sales']);
    expect(sourced).to.include({ code: 1 });
    expect(sourced.stderr)
      .to.contain('"shop_sales" has a source')
      .and.to.contain('push to a view with `source: { push: true, log: … }`, or without');
    const unknown = await project.vivace(['features', 'push', 'sales.csv', '--view', 'shop_sale']);
    expect(unknown).to.include({ code: 1 });
    expect(unknown.stderr).to.contain('did you mean "shop_sales"?');
    await project.write({ 'vivace.yaml': prices.replace('use: lmdb, path: ./data', 'use: memory') });
    const memory = await push('p.csv', header);
    expect(memory.stderr).to.contain('whose rows end with its process, so nothing would be left of the rows');
  });

  it('ends with 3 where the store does not take the rows, and says to push them again', async () => {
    const store = `
import { defineAdapter, keyValueStore, VivaceError } from 'vivace';
import { z } from 'zod';
export const store = defineAdapter({
  provides: keyValueStore, name: 'full', options: z.strictObject({}),
  create: () => ({
    supports: { maxBatch: 100 },
    getMany: (keys) => keys.map(() => undefined),
    putNewest: () => { throw new VivaceError('UNAVAILABLE', 'it is full'); },
  }),
});`;
    await project.write({
      'store.mjs': store,
      'vivace.yaml': prices.replace('use: lmdb, path: ./data', 'use: ./store.mjs'),
    });
    const { code, stderr } = await push('p.csv', `${header}tea,1,${now},1,,\n`);
    expect(code).to.equal(3);
    expect(stderr).to.match(
      /error UNAVAILABLE: 1 of 1 rows may not be stored: .*it is full; push them again/,
    );
  });
});

describe('vivace features get', () => {
  const { project, given } = givenProject();
  beforeEach(async () => {
    await given({
      'vivace.yaml': prices,
      'p.csv': `${header}tea,1,${now},4.5,,"[""new""]"\ntea,2,2026-01-01,3,true,\n`,
    });
    await project.vivace(['features', 'push', 'p.csv', '--view', 'price']);
  });

  it('shows status, times, age and defaults for people', async () => {
    const keys = ['--key', 'sku=tea', '--key', 'shop=1', '--key', 'shop=2', '--key', 'shop=3'];
    const { code, stdout } = await project.vivace(['features', 'get', 'price', ...keys]);
    expect(code).to.equal(0);
    const [first, second, third] = stdout.split('\n\n');
    expect(first!.split('\n')).to.have.length(6);
    expect(first).to.match(
      new RegExp(`^price sku=tea shop=1: PRESENT\n  event time      ${now}  .* ago\n  available time  2`),
    );
    expect(first).to.contain('\n  amount  4.5 EUR  PRESENT  default 0\n  onSale  –        NULL\n');
    expect(second).to.match(
      /^price sku=tea shop=2: STALE\n {2}event time {6}2026-01-01T00:00:00Z {2}.* ago\n/,
    );
    expect(second).to.contain('\n  amount  0 EUR  DEFAULTED  default 0\n');
    expect(third).to.match(/^price sku=tea shop=3: MISSING\n {2}amount {2}0 EUR {2}DEFAULTED/);
  });

  it('prints JSON', async () => {
    const keys = ['--key', 'sku=tea', '--key', 'shop=1'];
    const { stdout } = await project.vivace(['features', 'get', 'price', '--json', ...keys]);
    const [{ availableTime, ageMs, ...row }] = JSON.parse(stdout);
    expect(availableTime >= now).to.equal(true);
    expect(ageMs).to.be.a('number').above(0);
    expect(row).to.deep.equal({
      key: { sku: 'tea', shop: 1 },
      status: 'PRESENT',
      eventTime: now,
      features: [
        { name: 'amount', value: 4.5, status: 'PRESENT', default: 0, unit: 'EUR' },
        { name: 'onSale', value: null, status: 'NULL' },
        { name: 'tags', value: ['new'], status: 'PRESENT' },
      ],
    });
  });

  it('says what is wrong with its keys', async () => {
    const refused = async (...keys: readonly string[]): Promise<string> => {
      const given = keys.flatMap((key) => ['--key', key]);
      const { code, stderr } = await project.vivace(['features', 'get', 'price', ...given]);
      return `${code} ${stderr.split('\n')[0]}`;
    };
    expect(await refused()).to.equal('2 error: --key: a row of "price" is known by "sku": give --key sku=…');
    expect(await refused('tea')).to.match(/^2 error: --key: "tea" is not a key and its value/);
    expect(await refused('sku=tea', 'shop=x')).to.match(
      /^1 error INVALID_ARGUMENT keys.shop\[0\]: "x" is not an/,
    );
    expect(await refused('sku=a', 'shop=1', 'skv=1')).to.match(
      /^1 .*keys.skv: unknown field; did you mean "sku"/,
    );
    const { code, stderr } = await project.vivace(['features', 'get', 'prize', '--key', 'a=1']);
    expect(`${code} ${stderr}`).to.match(
      /^1 error NOT_FOUND: there is no view "prize"; did you mean "price"/,
    );
  });
});
