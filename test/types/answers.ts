// Never run. The compiler must refuse what stands behind each `@ts-expect-error`, and accept the rest.
import { createServer, definePipeline, defineStep, loadServer } from 'vivace';
import type { AnswerValue, RequestOf } from 'vivace';

const fee = defineStep({
  name: 'a-fee',
  reads: { price: 'float64' },
  writes: { cents: 'int32', places: 'float32[2]', due: 'timestamp', big: 'int64', free: 'bool' },
  offline: 'same',
  create: () => ({ run: () => undefined }),
});
class Total {
  static readonly reads = { price: 'float64' } as const;
  static readonly writes = { text: 'string' } as const;
  static readonly offline = 'same';

  run(): void {}
}
const rank = definePipeline({
  request: { who: 'string' },
  objects: { fields: { price: 'float64', tags: 'list<string>' } },
  steps: [{ step: fee, inputs: { price: 'object.price' } }, { step: Total, as: 'total' }, { fetch: 'view' }],
  response: {
    outputs: { cents: 'a_fee.cents', places: 'a_fee.places', due: 'a_fee.due', big: 'a_fee.big', free: 'a_fee.free', text: 'total.text', who: 'request.who', now: 'time', seen: 'view.seen', place: 'a_fee.places[1]', tag: 'object.tags[0]', odd: 'view."a b"[0]' },
  },
});
const request = { who: 'x' };
const server = await createServer({ parts: {}, pipelines: { rank } });

// The form of the answer is that of the request, and values have the types of their columns.

const rows = await server.predict('rank', { request, objects: [{ price: 1, tags: ['a'] }] });
const [first] = rows.objects;
export const cells: [number, number | null | undefined, string | null | undefined, boolean | null | undefined] = [
  first!.index,
  first?.cents,
  first?.text,
  first?.free,
];
export const vector: readonly (number | 'NaN' | 'Infinity' | '-Infinity')[] | null = first!.places;
export const texts: [string | null, string | null, string | null] = [first!.due, first!.who, first!.now];
export const tags: readonly string[] | null = first!.tags;
export const element: [number | 'NaN' | 'Infinity' | '-Infinity' | null, string | null, AnswerValue] = [first!.place, first!.tag, first!.odd];
export const big: number | string | null = first!.big;
export const unknown: AnswerValue = first!.seen;
// @ts-expect-error `cents` is a number
export const wrongCell: string | null = first!.cents;
// @ts-expect-error a float may be the text "NaN"
export const wrongFloat: number | null = first!.price;
// @ts-expect-error only the server knows the type of a view's feature
export const wrongView: number | null = first!.seen;
// @ts-expect-error objects that were sent as a list are answered as a list
void rows.objects.cents;

const columns = await server.predict('rank', { request, objects: { price: [1], tags: [['a']] } });
export const cents: readonly (number | null)[] = columns.objects.cents;
export const index: readonly number[] = columns.objects.index;
// @ts-expect-error columns are no list of objects
void columns.objects[0];
// @ts-expect-error there is no column `cent`
void columns.objects.cent;
// @ts-expect-error a column of texts
export const wrongColumn: readonly (number | null)[] = columns.objects.text;

// A body of either form is answered in either form.

export async function ask(body: RequestOf<typeof rank>): Promise<number> {
  const { objects } = await server.predict('rank', body);
  return Array.isArray(objects) ? objects.length : objects.index.length;
}

// A pipeline of a YAML file: the caller says what its outputs are.

const loaded = await loadServer('vivace.yaml');
const scored = await loaded.predict<{ score: number }>('rank', { request, objects: [{ price: 1 }] });
export const score: number = scored.objects[0]!.score + scored.outputs.score;
// @ts-expect-error there is no output `scor`
void scored.outputs.scor;
// @ts-expect-error a value of an answer is no function
await loaded.predict<{ score: () => number }>('rank', {});
const listed = await loaded.predict('rank', { request, objects: { price: [1] } });
export const any: readonly AnswerValue[] | undefined = listed.objects['price'];
