// Never run. The compiler must refuse what stands behind each `@ts-expect-error`, and accept the rest.
import { createServer, definePipeline, loadServer, ownStep } from 'vivace';

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
// @ts-expect-error a fetch has no `onMising`
definePipeline({ steps: [{ fetch: 'x', onMising: 'skip' }], response: { outputs } });
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
