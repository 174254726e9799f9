import { expect } from 'chai';
import { bigquery } from 'vivace/adapters/bigquery';
import { duckdb } from 'vivace/adapters/duckdb';
import { startPart } from 'vivace/testing';
import { bigqueryServer, startBigquery, type BigqueryServer } from '../servers/bigquery-server.js';
import { googlesqlParser, parseStatementsSeen } from '../servers/googlesql.js';
import { describeNeeding } from '../servers/programs.js';
import { expressionCases, isValue } from '../fixtures/expressions.js';
import { derivedValues, loadGiven } from '../support/derived-columns.js';
import { isBool, valuesOf } from '../support/expression-values.js';
import { pendingBecause } from '../support/pending.js';
import { randomBool, randomFrom, randomGiven, randomNumber } from '../support/random-expressions.js';

type RunningPart = Awaited<ReturnType<typeof startPart>>;

/** The cases of the table that an engine computes otherwise. */
async function wrongCases(lake: RunningPart): Promise<string[]> {
  await loadGiven(
    lake,
    expressionCases.map(({ given }) => given),
  );
  const texts = [...new Set(expressionCases.map(({ text }) => text))];
  const values = await derivedValues(
    lake,
    texts.map((text) => [text, isBool(text)]),
    expressionCases.length,
  );
  return expressionCases.flatMap(({ text, expect: wanted }, row) => {
    const value = values[row]![texts.indexOf(text)]!;
    return isValue(text, value, wanted) ? [] : [`${text}: ${String(value)}, not ${String(wanted)}`];
  });
}

/** The values of random expressions over random rows that an engine computes otherwise than they are in process. */
async function differences(lake: RunningPart, seed: number, count: number): Promise<string[]> {
  const random = randomFrom(seed);
  const rows = Array.from({ length: 60 }, () => randomGiven(random));
  await loadGiven(lake, rows);
  const texts = Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? randomNumber(random, 5) : randomBool(random, 5),
  );
  const typed = texts.map((text) => [text, isBool(text)] as const);
  const values = await derivedValues(lake, typed, rows.length);
  return texts.flatMap((text, i) =>
    valuesOf(text, rows).flatMap((wanted, row) => {
      const value = values[row]![i]!;
      return isValue('', value, wanted)
        ? []
        : [`${text} of ${JSON.stringify(rows[row], shown)}: ${String(value)}, not ${String(wanted)}`];
    }),
  );
}

function shown(_: string, value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
}

describe('derived columns in duckdb', () => {
  let lake: RunningPart;
  before(async () => (lake = await startPart(duckdb)));
  after(() => lake.stop());

  it('are what the table of cases says', async () => {
    expect(await wrongCases(lake)).to.deep.equal([]);
  });

  for (const seed of [1, 2, 3]) {
    it(`of random expressions over random rows are what they are in process (${seed})`, async () => {
      expect(await differences(lake, seed, 100)).to.deep.equal([]);
    });
  }
});

describeNeeding([bigqueryServer, googlesqlParser], 'derived columns in bigquery', () => {
  let server: BigqueryServer;
  let lake: RunningPart;
  before(async () => {
    server = await startBigquery();
    lake = await startPart(bigquery, server.options);
  });
  after(async () => {
    await lake.stop();
    await server.stop();
  });

  it('are what the table of cases says', async () => {
    expect(await wrongCases(lake)).to.deep.equal([]);
  });

  it('of random expressions over random rows are what they are in process', async () => {
    expect(await differences(lake, 4, 10)).to.deep.equal([]);
  });

  describe('what was sent', () => {
    it('is accepted by the parser of GoogleSQL, statement by statement', function () {
      if (server.proxy === undefined)
        pendingBecause(this, 'against the service itself, requests are not seen');
      const { parsed, refused } = parseStatementsSeen(server.proxy);
      expect(parsed).to.be.greaterThan(5);
      expect(refused).to.deep.equal([]);
    });
  });
});
