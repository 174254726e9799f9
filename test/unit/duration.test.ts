import { expect } from 'chai';
import {
  createServer,
  loadServer,
  longMilliseconds,
  milliseconds,
  readMilliseconds,
  resolveUse,
} from 'vivace';
import { pause, startTimer, timeoutSignal } from 'vivace/kit';
import { type z } from 'zod';
import { pipelineSchema } from '../../core/pipeline/schema.js';
import { millisecondsOf } from '../../adapters/command-line/option-values.js';
import { longestTimerMs, timerMs } from '../../core/kernel/timer.js';
import { builtInNames } from '../../core/composition/resolve-use.js';
import { cacheSpec } from '../../core/steps/cache/schema.js';
import { fetchSchema } from '../../core/steps/fetch/schema.js';
import { viewSchema } from '../../core/views/schema.js';
import { failureOf } from '../support/failure.js';
import { root } from '../support/repository.js';

const tooLong = 'must be at most 2147483647 ms (24.8 days)';
const tooLongToKeep = 'must be at most 1576800000000 ms (50 years)';

const mistakeOf = (schema: z.ZodType, value: unknown): string | undefined =>
  schema
    .safeParse(value)
    .error?.issues.map(({ message }) => message)
    .join(' | ');

/** Every option `…Ms` of a part, a pipeline, a view and a step: its owner, its name and its schema. */
async function durations(): Promise<[string, string, z.ZodType][]> {
  const definitions = await Promise.all(builtInNames().map((name) => resolveUse(name, root)));
  const owners: [string, z.ZodObject][] = [
    ...definitions.map(({ name, options }) => [name, options] as [string, z.ZodObject]),
    ['pipeline', pipelineSchema],
    ['view', viewSchema],
    ['fetch', fetchSchema],
    ['cache of a step', cacheSpec],
  ];
  return owners.flatMap(([owner, { shape }]) =>
    Object.entries(shape).flatMap(([name, schema]): [string, string, z.ZodType][] =>
      name.endsWith('Ms') ? [[owner, name, schema as z.ZodType]] : [],
    ),
  );
}

/** Compared with a clock, and never waited for. */
const kept = ['maxAgeMs', 'ttlMs', 'temporaryTtlMs'];

describe('Durations', () => {
  it('are whole milliseconds that a timer of Node can wait', () => {
    const schema = milliseconds();
    expect([1, longestTimerMs].map((ms) => schema.parse(ms))).to.deep.equal([1, longestTimerMs]);
    expect(mistakeOf(schema, longestTimerMs + 1)).to.equal(tooLong);
    expect(mistakeOf(schema, 0)).to.equal('must be at least 1 ms');
    expect(mistakeOf(milliseconds({ min: 0 }), 0)).to.equal(undefined);
    expect(mistakeOf(milliseconds({ min: 100 }), 99)).to.equal('must be at least 100 ms');
    for (const wrong of [1.5, NaN, Infinity, '5', null])
      expect(mistakeOf(schema, wrong), String(wrong)).to.be.a('string');
    expect(mistakeOf(schema, 1e300)).to.include(tooLong);
  });

  it('that are not waited for may be longer', () => {
    expect(longMilliseconds().parse(30 * 86_400_000)).to.equal(2_592_000_000);
    expect(mistakeOf(longMilliseconds(), 2 ** 41)).to.equal(tooLongToKeep);
  });

  it('are bounded in every part, pipeline, view and step', async () => {
    const all = await durations();
    expect(all.length).to.be.above(20);
    for (const [owner, name, schema] of all) {
      const isKept = kept.includes(name);
      const where = `${owner}: ${name}`;
      expect(mistakeOf(schema, isKept ? 2 ** 41 : 2 ** 31), where).to.equal(isKept ? tooLongToKeep : tooLong);
      expect(mistakeOf(schema, isKept ? 2 ** 31 : 2 ** 31 - 1), where).to.equal(undefined);
    }
  });

  for (const option of ['startTimeoutMs', 'drainDelayMs', 'drainTimeoutMs']) {
    it(`are bounded in createServer and loadServer: ${option}`, async () => {
      const settings = { [option]: 2 ** 31 };
      const created = failureOf(createServer({ parts: {}, pipelines: {}, ...settings }));
      const loaded = failureOf(loadServer('vivace.yaml', { text: 'parts: {}', ...settings }));
      expect(await created).to.equal(`INVALID_CONFIG ${option}: ${2 ** 31} ${tooLong}`);
      expect(await loaded).to.include(`${option}: ${2 ** 31} ${tooLong}`);
    });
  }

  it('are read from text', () => {
    expect(['1', '007', '2147483647'].map((text) => readMilliseconds(text))).to.deep.equal([
      1, 7, 2_147_483_647,
    ]);
    expect(readMilliseconds('0', { min: 0 })).to.equal(0);
    expect(readMilliseconds('0')).to.equal('must be at least 1 ms');
    for (const text of ['2147483648', '9'.repeat(400)]) expect(readMilliseconds(text)).to.equal(tooLong);
    for (const text of ['', '-1', '1.5', '1e3', 'soon', ' 1', '0x10'])
      expect(readMilliseconds(text)).to.equal(
        `${JSON.stringify(text)} is not a whole number of milliseconds`,
      );
  });
});

describe('A flag that is a duration', () => {
  const read = (text: string): number => millisecondsOf('--drain-timeout', text);

  it('is read as an option is, and may be 0', () => {
    expect(['0', '2147483647'].map(read)).to.deep.equal([0, 2_147_483_647]);
  });

  for (const [text, message] of [
    ['2147483648', tooLong],
    ['-1', '"-1" is not a whole number of milliseconds'],
    ['soon', '"soon" is not a whole number of milliseconds'],
  ] as const) {
    it(`is refused as ${text}`, async () => {
      expect(await failureOf((async () => read(text))())).to.equal(`Error: --drain-timeout: ${message}`);
    });
  }
});

describe('Timers', () => {
  const long = [2 ** 31, 2 ** 32, 1e300, Infinity];

  it('are given what they can wait', () => {
    expect(long.map(timerMs)).to.deep.equal(long.map(() => longestTimerMs));
    expect([-5, 0, 1.5].map(timerMs)).to.deep.equal([0, 0, 1.5]);
  });

  it('do not ring at once where they are to wait longer than Node can', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const rung: string[] = [];
    const leaving = new AbortController();
    const timers = long.map((ms) => startTimer(() => rung.push(`timer ${ms}`), ms));
    const signals = long.map((ms) => timeoutSignal(ms));
    const pauses = long.map((ms) =>
      pause(ms, { signal: leaving.signal }).then(() => rung.push(`pause ${ms}`)),
    );
    // Node makes 1 ms of what is too long: these ring in order, after any that did.
    for (let i = 0; i < 5; i++) await pause(2, { ref: true });
    expect(rung).to.deep.equal([]);
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal(long.map(() => false));
    timers.forEach(clearTimeout);
    leaving.abort();
    await Promise.all(pauses);
    process.off('warning', onWarning);
    expect(warnings).to.deep.equal([]);
  });

  it('ring after their time', async () => {
    await new Promise<void>((resolve) => startTimer(resolve, 1));
    await new Promise((resolve) => timeoutSignal(1.5).addEventListener('abort', resolve));
    await pause(1, { ref: true });
    await pause(1, { signal: AbortSignal.abort() });
  });
});
