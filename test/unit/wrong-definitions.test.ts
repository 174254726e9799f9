import { expect } from 'chai';
import { createServer, defineAdapter, defineStep, keyValueStore } from 'vivace';
import { z } from 'zod';
import { thrownBy } from '../support/scripted.js';

/** What JavaScript lets an author write, and the types do not. */
type Changed = Readonly<Record<string, unknown>>;

const store = { supports: { maxBatch: 1 }, getMany: () => [], putNewest: () => [] };

function adapter(changed: Changed): ReturnType<typeof defineAdapter> {
  const spec = { provides: keyValueStore, name: 'kv', options: z.strictObject({}), create: () => store };
  return defineAdapter({ ...spec, ...changed } as never);
}

function step(changed: Changed): object {
  return defineStep({
    name: 'half',
    reads: { x: 'float64' },
    writes: { y: 'float64' },
    offline: 'same',
    create: () => ({ run: () => undefined }),
    ...changed,
  } as never);
}

/** The error of a server that is made, started and stopped. */
async function failureOf(specification: () => object): Promise<string> {
  const error = await thrownBy(
    (async () => {
      const server = await createServer({ parts: {}, pipelines: {}, ...specification() });
      try {
        await server.start();
      } finally {
        await server.stop();
      }
    })(),
  );
  return `${error.code} ${error.message}`;
}

const pipelineOf = (written: unknown): object => ({
  pipelines: {
    p: { request: { x: 'float64' }, steps: [{ step: written }], response: { outputs: { y: 'half.y' } } },
  },
});

describe('A definition that is refused', () => {
  const schema =
    'INVALID_CONFIG adapter "kv" has no `options` that are a z.strictObject of zod 4: write z.strictObject({}) where it takes none';
  const noPart = 'create returned nothing: return the part, an object with its operations';
  const cases: readonly (readonly [what: string, changed: Changed, message: string])[] = [
    ['without options', { options: undefined }, schema],
    ['with options that are no schema', { options: { port: 1 } }, schema],
    ['without create', { create: undefined }, 'INVALID_CONFIG adapter "kv" has no function `create`'],
    ['whose create gives null', { create: () => null }, `INTERNAL kv (kv): ${noPart}`],
    ['whose create gives nothing', { create: () => undefined }, `INTERNAL kv (kv): ${noPart}`],
    [
      'of several ports whose create gives null',
      { provides: [keyValueStore], create: () => null },
      `INTERNAL kv (kv): ${noPart}`,
    ],
  ];
  for (const [what, changed, message] of cases) {
    it(what, async () => {
      expect(await failureOf(() => ({ parts: { kv: { use: adapter(changed) } } }))).to.equal(message);
    });
  }
});

describe('A step that is refused', () => {
  const place = 'INVALID_CONFIG pipelines.p.steps[0].step: step "half"';
  const made = 'INVALID_CONFIG step "half": `create` returned';
  const cases: readonly (readonly [what: string, changed: Changed, message: string])[] = [
    [
      'without reads',
      { reads: undefined },
      `${place} has no \`reads\`: name its columns with their types, such as { price: 'float64' }`,
    ],
    [
      'with offline that is none',
      { offline: 'never' },
      `${place} has offline: "never": write 'same', 'skip' or 'refuse'`,
    ],
    ['with over that is none', { over: 'rows' }, `${place} has over: "rows": write 'row' or 'request'`],
    [
      'with options that are no schema',
      { options: {} },
      `${place} has \`options\` that are not a z.strictObject of zod 4`,
    ],
    ['without create', { create: undefined }, `${place} has no function \`create\``],
    [
      'whose create is asynchronous',
      { create: async () => ({ run: () => undefined }) },
      `${made} a promise, but it is synchronous: await what the step needs in \`run\`, or in a part`,
    ],
    [
      'whose create gives null',
      { create: () => null },
      `${made} nothing: return an object with a function \`run\``,
    ],
    [
      'whose create gives no run',
      { create: () => ({}) },
      `${made} a block of keys: return an object with a function \`run\``,
    ],
  ];
  for (const [what, changed, message] of cases) {
    it(what, async () => {
      expect(await failureOf(() => pipelineOf(step(changed)))).to.equal(message);
    });
  }

  it('of a wrong type of column', async () => {
    expect(await failureOf(() => pipelineOf(step({ reads: { x: 'flot' } })))).to.match(
      /step "half" has wrong `reads`: "flot" is not a type/,
    );
  });

  it('in place of which stands nothing', async () => {
    expect(await failureOf(() => pipelineOf(null))).to.match(/steps\[0\]\.step: nothing is not a step/);
  });
});
