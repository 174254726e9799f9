import {
  columnName,
  keyTypeName,
  milliseconds,
  requestHeaders,
  secret,
  typeName,
  type TypeName,
} from 'vivace';
import { z } from 'zod';
import { placesIn, whyNotAddress } from './address.js';
import { textsOf } from './body.js';
import { jsonPath, type JsonPath } from './json-path.js';

const path = z
  .string()
  .refine((text) => jsonPath(text) !== undefined, 'is not a path such as `$.offer.prices[0]`')
  .transform((text) => jsonPath(text) as JsonPath);

const address = z.string().superRefine((text, context) => {
  const wrong = whyNotAddress(text);
  if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
});

const feature = z.strictObject({
  type: typeName,
  from: path
    .optional()
    .describe(
      "where the value is in an answer, such as `$.offer.price`; default: `$` and the feature's name",
    ),
  default: z
    .union([z.number(), z.string(), z.boolean()])
    .optional()
    .describe('value to use where a fetch says `default` and there is none'),
  unit: z.string().optional(),
  description: z.string().optional(),
});

const shape = z.strictObject({
  url: address
    .optional()
    .describe(
      'address of one key, such as `https://prices.internal/v2/items/{item_id}`; keys stand in the path or the query',
    ),
  body: z
    .unknown()
    .optional()
    .describe('JSON to send by POST; a text `{item_id}` becomes the value of the key'),
  batch: z
    .strictObject({
      url: address.describe('address of several keys'),
      body: z
        .unknown()
        .optional()
        .describe('JSON to send by POST; a text `{item_id[]}` becomes the list of the keys'),
      size: z.int().min(1).max(10_000).describe('most keys of one request'),
      rows: path.describe('where the list of rows is in an answer, such as `$.items`'),
      match: z
        .record(columnName, path)
        .describe('where each part of the key is in a row, such as `{ item_id: $.id }`'),
    })
    .optional()
    .describe('asks for several keys in one request, in place of `url`'),
  keys: z.record(columnName, keyTypeName).describe('types of the parts of the key'),
  features: z.record(columnName, feature).describe('types of the features, and where they are in an answer'),
  headers: requestHeaders(secret())
    .default({})
    .describe('headers of every request, such as `{ authorization: Bearer … }`; default none'),
  timeoutMs: milliseconds().default(100).describe('longest time for one attempt, milliseconds; default 100'),
  retries: z
    .int()
    .min(0)
    .max(1)
    .default(1)
    .describe('how often a request is repeated that failed, where time is left; default 1'),
  idempotent: z
    .boolean()
    .optional()
    .describe('whether a request may be repeated; default: one without a body'),
  maxInFlight: z
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe('most requests at the same time; others wait; default 64'),
  maxResponseBytes: z
    .int()
    .min(64)
    .max(268_435_456)
    .default(1_048_576)
    .describe('most bytes of one answer; default 1048576'),
});

type Given = z.output<typeof shape>;

/** Everything that is wrong with the places for keys. */
function check(given: Given, context: z.core.$RefinementCtx<Given>): void {
  const wrong = (where: PropertyKey[], message: string): void =>
    context.addIssue({ code: 'custom', path: where, message });
  if ((given.url === undefined) === (given.batch === undefined))
    return wrong([], 'give either `url`, for one key in a request, or `batch`, for several');
  if (given.batch !== undefined && given.body !== undefined)
    wrong(['body'], 'stands in `batch`, beside its `url`');
  const names = Object.keys(given.keys);
  if (names.length === 0) wrong(['keys'], 'has no key');
  if (Object.keys(given.features).length === 0) wrong(['features'], 'has no feature');
  const { url, body, at } =
    given.batch === undefined
      ? { url: given.url!, body: given.body, at: [] as string[] }
      : { ...given.batch, at: ['batch'] };
  // Keys: names of keys.
  const used = new Set<string>();
  const look = (text: string, where: PropertyKey[]): void => {
    for (const { name, isList } of placesIn(text)) {
      used.add(name);
      if (!names.includes(name)) wrong(where, `there is no key "${name}": there is ${names.join(', ')}`);
      else if (isList !== (given.batch !== undefined))
        wrong(
          where,
          isList
            ? `{${name}[]} is for \`batch\`: write {${name}}`
            : `a batch has several keys: write {${name}[]}`,
        );
    }
  };
  look(url, [...at, 'url']);
  for (const text of textsOf(body)) look(text, [...at, 'body']);
  for (const name of names) {
    if (!used.has(name)) wrong(['keys', name], 'stands neither in the address nor in the body');
    if (given.batch !== undefined && given.batch.match[name] === undefined)
      wrong(['batch', 'match'], `does not say where "${name}" is in a row`);
  }
  for (const name of Object.keys(given.batch?.match ?? {}))
    if (!names.includes(name)) wrong(['batch', 'match', name], 'is not among the keys');
}

export const options = shape.superRefine(check);

export type RestOptions = z.output<typeof options>;

/** Declared features, for `describe`. */
export function declared({ features }: RestOptions): Record<string, { type: TypeName }> {
  const spec = ({ type, default: value, unit, description }: RestOptions['features'][string]) => ({
    type,
    ...(value === undefined ? {} : { default: value }),
    ...(unit === undefined ? {} : { unit }),
    ...(description === undefined ? {} : { description }),
  });
  return Object.fromEntries(Object.entries(features).map(([name, feature]) => [name, spec(feature)]));
}
