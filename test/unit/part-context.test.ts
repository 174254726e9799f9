import { expect } from 'chai';
import { definePlugin, transform, type LogRecord, type PartContext } from 'vivace';
import { callContext, makePart } from 'vivace/testing';
import { z } from 'zod';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await tick();
}

describe('PartContext', () => {
  let context: PartContext;
  let logs: LogRecord[];
  let part: ReturnType<typeof makePart>;

  beforeEach(() => {
    logs = [];
    const definition = definePlugin({
      provides: transform,
      name: 'probe',
      options: z.strictObject({}),
      describe: () => ({ reads: {}, writes: {} }),
      create: (_options, _uses, given) => {
        context = given;
        return { apply: () => undefined };
      },
    });
    part = makePart(
      definition,
      {},
      {
        name: 'worker',
        directory: '/somewhere',
        clock: { now: () => 42, monotonic: () => 7 },
        onLog: (record) => logs.push(record),
      },
    );
  });
  afterEach(() => part.stop());

  it('tells its name, its directory and the time', () => {
    expect([context.name, context.directory, context.clock.now(), context.clock.monotonic()]).to.deep.equal([
      'worker',
      '/somewhere',
      42,
      7,
    ]);
  });

  it('logs with time, level and part, and puts the error in its place', () => {
    const error = new Error('x');
    context.log.warn('look', { error, count: 3 });
    expect(logs).to.deep.equal([
      { time: 42, level: 'warn', message: 'look', part: 'worker', error, fields: { count: 3 } },
    ]);
  });

  it('runs periodic work from the start on, never twice at once, and waits for it at stop', async () => {
    let running = 0;
    let most = 0;
    let runs = 0;
    context.every(1, async () => {
      most = Math.max(most, ++running);
      await tick();
      running--;
      runs++;
    });
    await tick();
    expect(runs).to.equal(0);
    await part.start(callContext());
    await until(() => runs >= 3);
    await part.stop();
    expect([most, running]).to.deep.equal([1, 0]);
    const after = runs;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(runs).to.equal(after);
  });

  it('goes on with periodic work that fails, and logs it', async () => {
    let runs = 0;
    context.every(1, () => {
      runs++;
      throw new Error('this time');
    });
    await part.start(callContext());
    await until(() => runs >= 2);
    expect(logs[0]?.level).to.equal('warn');
  });

  it('aborts background work at stop, and waits for it', async () => {
    await part.start(callContext());
    const events: string[] = [];
    context.run(async ({ signal }) => {
      await context.delay(60_000, signal);
      events.push('ended');
    });
    await part.stop();
    expect(events).to.deep.equal(['ended']);
    expect(logs).to.deep.equal([]);
  });

  it('logs background work that fails, also at once', async () => {
    await part.start(callContext());
    context.run(async () => Promise.reject(new Error('later')));
    context.run(() => {
      throw new Error('at once');
    });
    await tick();
    expect(logs.map(({ level, error }) => [level, (error as Error).message])).to.have.deep.members([
      ['error', 'later'],
      ['error', 'at once'],
    ]);
  });

  it('refuses background work once it stops', async () => {
    await part.start(callContext());
    await part.stop();
    expect(() => context.run(async () => undefined)).to.throw(/stopping/);
  });

  it('cleans up behind calls, also while the part stops, before the part is stopped', async () => {
    await part.start(callContext());
    const events: string[] = [];
    const cleaning = context.cleanUp('a table', async ({ signal }) => {
      await tick();
      events.push(signal.aborted ? 'too late' : 'cleaned');
    });
    await part.stop();
    expect(events).to.deep.equal(['cleaned']);
    await cleaning;
  });

  it('says what is left where cleaning up fails', async () => {
    await part.start(callContext());
    await context.cleanUp('the table', () => {
      throw new Error('refused');
    });
    expect(logs.map(({ level, message }) => [level, message])).to.deep.equal([
      ['warn', 'the table could not be cleaned up'],
    ]);
  });

  it('stops a part though cleaning up does not end', async () => {
    await part.start(callContext());
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = () => timeout(1);
    try {
      void context.cleanUp('the table', async () => new Promise(() => undefined));
    } finally {
      AbortSignal.timeout = timeout;
    }
    await part.stop();
    expect(logs.map(({ message }) => message)).to.deep.equal(['the table could not be cleaned up']);
  });

  it('ends a delay where its signal aborts', async () => {
    await context.delay(60_000, AbortSignal.abort());
  });
});
