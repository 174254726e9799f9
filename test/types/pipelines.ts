// Never run. The compiler must refuse what stands behind each `@ts-expect-error`, and accept the rest.
import { cache, createServer, definePipeline, defineStep, keyValueStore, loadServer, optional, ownStep } from 'vivace';
import type { ColumnsIn, ColumnsOut } from 'vivace';
import { z } from 'zod';

const rank = definePipeline({
  request: { from: 'string', when: 'timestamp', bonus: { type: 'float64', optional: true } },
  objects: { fields: { to: 'string', ids: 'list<int64>', place: 'float32[2]' } },
  steps: [],
  response: { outputs: { score: 'request.bonus' } },
});

// Declarations.

// @ts-expect-error a pipeline has a response
export const noResponse = definePipeline({ steps: [] });
export const wrongVerb = definePipeline({
  // @ts-expect-error `fetsch` is no step
  steps: [{ fetsch: 'x' }],
  response: { outputs: {} },
});
export const wrongPolicy = definePipeline({
  // @ts-expect-error `ignore` is no policy
  steps: [{ fetch: 'x', onMissing: 'ignore' }],
  response: { outputs: {} },
});
export const wrongInputs = definePipeline({
  // @ts-expect-error a tensor is filled by a list of columns
  steps: [{ predict: 'x', inputs: { a: 'request.a' } }],
  response: { outputs: {} },
});

// Requests and answers.

export async function ask(): Promise<void> {
  const server = await createServer({ parts: {}, pipelines: { rank, plain: { steps: [], response: { outputs: { now: 'time' } } } } });
  const object = { to: 'x', ids: [1, '2', 3n], place: [0.5, 'NaN'] } as const;
  const answer = await server.predict('rank', { request: { from: 'a', when: new Date() }, objects: [object], explain: true });
  await server.predict('rank', { request: { from: 'a', when: '2001-06-15T08:30:00Z', bonus: null }, objects: { to: ['x'], ids: [[1]], place: [[1, 2]] } });
  await server.predict('plain', {});

  // @ts-expect-error there is no pipeline `rnak`
  await server.predict('rnak', {});
  // @ts-expect-error `from` is missing
  await server.predict('rank', { request: { when: new Date() }, objects: [] });
  // @ts-expect-error `from` is a text
  await server.predict('rank', { request: { from: 1, when: new Date() }, objects: [] });
  // @ts-expect-error there is no field `form`
  await server.predict('rank', { request: { from: 'a', when: new Date(), form: 'b' }, objects: [] });
  // @ts-expect-error epoch milliseconds are no timestamp
  await server.predict('rank', { request: { from: 'a', when: 5 }, objects: [] });
  // @ts-expect-error `from` is not optional
  await server.predict('rank', { request: { from: null, when: new Date() }, objects: [] });
  // @ts-expect-error `objects` is missing
  await server.predict('rank', { request: { from: 'a', when: new Date() } });
  // @ts-expect-error an object has a place
  await server.predict('rank', { request: { from: 'a', when: new Date() }, objects: [{ to: 'x', ids: [] }] });
  // @ts-expect-error the elements of a vector are numbers
  await server.predict('rank', { request: { from: 'a', when: new Date() }, objects: [{ ...object, place: [true, false] }] });
  // @ts-expect-error `plain` has no objects
  await server.predict('plain', { objects: [] });

  const [first] = answer.objects;
  const index: number | undefined = first?.index;
  // @ts-expect-error there is no output `socre`
  const misspelt: unknown = first?.socre;
  // @ts-expect-error a pipeline with objects has no `outputs`
  const outputs: unknown = answer.outputs;
  // @ts-expect-error a value may be null
  const score: number = first!.score;
  // @ts-expect-error a status is one of three
  const status: 'FINE' = answer.degraded[0]!.status;
  void [index, misspelt, outputs, score, status];
}

// A pipeline of which the compiler knows nothing takes any request.

export async function askAny(): Promise<unknown> {
  const server = await loadServer('vivace.yaml');
  const answer = await server.predict('rank', { request: { from: 'a', bonus: 1 }, objects: [{ to: 'x' }, { to: null }], explain: true });
  await server.predict('rank', { objects: { to: ['x'], place: [[1, 2]] } });
  // @ts-expect-error a request has no `object`
  await server.predict('rank', { object: [] });
  // @ts-expect-error a field holds no function
  await server.predict('rank', { request: { from: () => 'a' } });
  return [answer.objects[0]?.['score'], answer.outputs['score']];
}

// A misspelt key of a step or of a pipeline is refused, although the types of pipelines are inferred.

const outputs = { now: 'time' } as const;
export const right = definePipeline({ record: {}, steps: [{ fetch: 'x', onMissing: 'skip' }, ownStep({ any: 1 })], response: { outputs } });
definePipeline({
  // @ts-expect-error 'onMising' does not exist in type 'FetchStep'
  steps: [{ fetch: 'x', onMising: 'skip' }],
  response: { outputs },
});
definePipeline({
  steps: [
    { fetch: 'x' },
    {
      transform: 'y',
      // @ts-expect-error the mistake is at the key: a transform has no `onMissing`
      onMissing: 'skip',
    },
  ],
  response: { outputs },
});
// @ts-expect-error nor has one in `createServer`
await createServer({ parts: {}, pipelines: { p: { steps: [{ fetch: 'x', onMising: 'skip' }], response: { outputs } } } });
// @ts-expect-error one step does one thing
definePipeline({ steps: [{ fetch: 'x', transform: 'y' }], response: { outputs } });
// @ts-expect-error a pipeline has no `deadlineMS`
definePipeline({ deadlineMS: 5, steps: [], response: { outputs } });
// @ts-expect-error what is optional is left out, and not `undefined`
definePipeline({ deadlineMs: undefined, steps: [], response: { outputs } });
// @ts-expect-error `record` is a block or `false`
definePipeline({ record: true, steps: [], response: { outputs } });

// Steps of a team's own: options and slots are those of the definition.

const discount = defineStep({
  name: 'discount',
  options: z.strictObject({ percent: z.number(), rounded: z.boolean().optional() }),
  uses: { store: keyValueStore, recent: optional(cache) },
  reads: { price: 'float64' },
  writes: { price: 'float64' },
  offline: 'same',
  create: () => ({ run: () => undefined }),
});
class Discount {
  static readonly options = z.strictObject({ percent: z.number() });
  static readonly uses = { store: keyValueStore };
  static readonly reads = { price: 'float64' } as const;
  static readonly writes = { price: 'float64' } as const;
  static readonly offline = 'same';

  run(_input: ColumnsIn<typeof Discount.reads>, _out: ColumnsOut<typeof Discount.writes>): void {}
}
class Unlike {
  static readonly reads = { price: 'string' } as const;
  static readonly writes = { price: 'float64' } as const;
  static readonly offline = 'same';

  run(_input: ColumnsIn<typeof Discount.reads>, _out: ColumnsOut<typeof Discount.writes>): void {}
}
definePipeline({
  steps: [
    { step: discount, percent: 3, store: 'hot', inputs: { price: 'request.price' } },
    { step: Discount, as: 'b', percent: 3, store: 'hot' },
    { step: './other.js', as: 'c', anything: 1 },
  ],
  response: { outputs },
});
definePipeline({
  // @ts-expect-error `percent` is missing
  steps: [{ step: discount, store: 'hot' }],
  response: { outputs },
});
definePipeline({
  // @ts-expect-error `percent` is a number
  steps: [{ step: discount, percent: 'x', store: 'hot' }],
  response: { outputs },
});
definePipeline({
  // @ts-expect-error there is no option `percnt`
  steps: [{ step: discount, percent: 3, percnt: 3, store: 'hot' }],
  response: { outputs },
});
definePipeline({
  // @ts-expect-error the slot `store` is empty
  steps: [{ step: Discount, percent: 3 }],
  response: { outputs },
});
definePipeline({
  // @ts-expect-error a class has options too
  steps: [{ step: Discount, percent: true, store: 'hot' }],
  response: { outputs },
});
definePipeline({
  // @ts-expect-error `run` gets columns that the class does not declare
  steps: [{ step: Unlike }],
  response: { outputs },
});

// Type names.

// @ts-expect-error `flot64` is not a type
definePipeline({ request: { a: 'flot64' }, steps: [], response: { outputs } });
// @ts-expect-error neither for objects
definePipeline({ objects: { fields: { a: { type: 'list<flot64>' } } }, steps: [], response: { outputs } });
const view = { store: 'online', entity: { id: 'string' }, features: { x: { type: 'float32[8]' } } } as const;
await createServer({ parts: {}, views: { view }, pipelines: {} });
// @ts-expect-error nor in views
await createServer({ parts: {}, views: { view: { ...view, features: { x: { type: 'flot32' } } } }, pipelines: {} });
// @ts-expect-error nor as a key
await createServer({ parts: {}, views: { view: { ...view, entity: { id: 'text' } } }, pipelines: {} });
