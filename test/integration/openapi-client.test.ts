import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript';
import ts from 'typescript';
import { createServer, defineStep, type Server } from 'vivace';
import { compileTexts } from '../support/compile-texts.js';
import { root } from '../support/repository.js';

/** What openapi-fetch does, in a few lines: a call whose body and answer have the types of its path. */
const client = `
import type { paths } from './api.js';

type Posted<P extends keyof paths> = paths[P] extends { post: infer O } ? O : never;
type Body<O> = O extends { requestBody: { content: { 'application/json': infer B } } } ? B : never;
type Answer<O, S> = O extends { responses: infer R } ? S extends keyof R ? R[S] extends { content: { 'application/json': infer A } } ? A : never : never : never;

export async function post<P extends keyof paths>(base: string, path: P, body: Body<Posted<P>>): Promise<
  { readonly status: 200; readonly answer: Answer<Posted<P>, 200> } | { readonly status: 400; readonly answer: Answer<Posted<P>, 400> }
> {
  const response = await fetch(base + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return { status: response.status, answer: await response.json() } as never;
}
`;

const program = `
import { post } from './client.js';

const path = '/ml/v1/pipelines/rank/predict';

export async function rank(base: string): Promise<string[]> {
  const rows = await post(base, path, { request: { at: '2026-01-01T10:30:00Z' }, objects: [{ price: 3 }, { price: 'NaN' }], explain: true });
  if (rows.status !== 200 || !Array.isArray(rows.answer.objects)) throw new Error('rows');
  const told: string[] = [rows.answer.requestId];
  for (const { index, price, double, hour } of rows.answer.objects) {
    const number: number | 'NaN' | 'Infinity' | '-Infinity' | null = double;
    const whole: number | null = hour;
    told.push([index, price, number, whole].join(' '));
  }
  const explain = rows.answer.explain;
  if (explain === undefined) throw new Error('explain');
  const hour: number | null = explain.request.calendar.hour;
  told.push(explain.time, String(hour));
  for (const { index, skipped, times } of explain.objects) told.push([index, skipped === true, times.value].join(' '));

  const columns = await post(base, path, { request: { at: '2026-01-01T10:30:00Z' }, objects: { price: [1, 2] } });
  if (columns.status !== 200 || Array.isArray(columns.answer.objects)) throw new Error('columns');
  told.push(columns.answer.objects.double.join(' '));

  const { answer, status } = await post(base, path, { request: { at: 'yesterday' }, objects: [] });
  if (status !== 400) throw new Error('400');
  const code: 'INVALID_ARGUMENT' | 'NOT_FOUND' = answer.code as 'INVALID_ARGUMENT' & typeof answer.code;
  told.push(code, answer.path ?? '');
  return told;
}
`;

const times = defineStep({
  name: 'times',
  reads: { price: 'float64' },
  writes: { value: 'float64' },
  offline: 'same',
  create: () => ({
    run(input, out) {
      out.column('value').values = input.column('price').values.map((price) => price * 2);
    },
  }),
});

describe('The OpenAPI document', () => {
  let server: Server;
  let base: string;
  let document: OpenAPI3;

  before(async () => {
    const made = await createServer({
      parts: {
        web: { use: 'express', port: 0 },
        api: { use: 'rest', server: 'web', prefix: '/ml' },
        calendar: { use: 'calendar' },
        hot: { use: 'memory' },
        online: { use: 'online-store', store: 'hot' },
      },
      views: {
        stock: {
          store: 'online',
          entity: { item: 'string' },
          features: { count: { type: 'int32', default: 7 } },
        },
      },
      pipelines: {
        rank: {
          description: 'Ranks by price.',
          request: { at: { type: 'timestamp', description: 'when' } },
          time: 'request.at',
          objects: { fields: { price: 'float64' }, max: 10 },
          deadlineMs: 2500,
          steps: [{ transform: 'calendar' }, { step: times, inputs: { price: 'object.price' } }],
          response: { outputs: { double: 'times.value', hour: 'calendar.hour' } },
        },
        count: {
          request: { item: 'string' },
          steps: [{ fetch: 'stock' }],
          response: { outputs: { count: 'stock.count' } },
        },
        alone: {
          request: { vector: 'float32[3]', blob: 'bytes', text: { type: 'string', optional: true } },
          steps: [],
          response: { outputs: { text: 'request.text' } },
        },
      },
    });
    server = await made.start();
    base = server.addresses()[0]!;
    document = (await (await fetch(`${base}/ml/openapi.json`)).json()) as OpenAPI3;
  });
  after(() => server.stop());

  const texts = async (
    extra: Readonly<Record<string, string>> = {},
  ): Promise<ReadonlyMap<string, string>> => {
    const files = {
      'api.ts': astToString(await openapiTS(document)),
      'client.ts': client,
      'program.ts': program,
      ...extra,
    };
    return new Map(Object.entries(files).map(([name, text]) => [join(root, 'test/generated', name), text]));
  };

  it('makes a client that compiles and calls, explain included', async function () {
    this.timeout(120_000);
    const files = await texts();
    expect(compileTexts(files)).to.deep.equal([]);
    const directory = await mkdtemp(join(tmpdir(), 'vivace-client-'));
    try {
      for (const [path, text] of files) {
        const { outputText } = ts.transpileModule(text, {
          compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
        });
        await writeFile(
          join(directory, path.slice(path.lastIndexOf('/') + 1).replace('.ts', '.js')),
          outputText,
        );
      }
      await writeFile(join(directory, 'package.json'), '{"type":"module"}');
      const { rank } = (await import(pathToFileURL(join(directory, 'program.js')).href)) as {
        readonly rank: (at: string) => Promise<string[]>;
      };
      const [requestId, ...told] = await rank(base);
      expect(requestId).to.match(/^[0-9a-f-]{36}$/);
      expect(told).to.deep.equal([
        '0 3 6 10',
        '1 NaN NaN 10',
        '2026-01-01T10:30:00Z',
        '10',
        '0 false 6',
        '1 false NaN',
        '2 4',
        'INVALID_ARGUMENT',
        'request.at',
      ]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('makes a client in which what the API refuses does not compile', async function () {
    this.timeout(120_000);
    const wrong = [
      `{ request: {}, objects: [] }`,
      `{ request: { at: '', colour: 1 }, objects: [] }`,
      `{ request: { at: 5 }, objects: [] }`,
      `{ request: { at: '' }, objects: [{ price: 'cheap' }] }`,
      `{ request: { at: '' }, objects: [], explain: 'yes' }`,
    ];
    const start = `import { post } from './client.js';\n`;
    const lines = wrong.map((body) => `await post('', '/ml/v1/pipelines/rank/predict', ${body});`);
    const reads = [
      `{ const { answer, status } = await post('', '/ml/v1/pipelines/rank/predict', { request: { at: '' }, objects: [] }); if (status === 200) answer.objekts; }`,
      `await post('', '/ml/v1/pipelines/rink/predict', {} as never);`,
    ];
    const found = compileTexts(await texts({ 'wrong.ts': start + [...lines, ...reads].join('\n') }));
    expect([...new Set(found.map(({ line }) => line))]).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
  });

  it('says what a pipeline is for, with examples that fit its schemas', () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    addFormats.default(ajv);
    const { paths, components, tags, servers } = JSON.parse(JSON.stringify(document)) as {
      paths: Record<
        string,
        { post?: { description: string; tags: string[]; requestBody: Content; responses: { 200: Content } } }
      >;
      components: { schemas: Record<string, object> };
      tags: { name: string }[];
      servers: { url: string }[];
    };
    interface Content {
      readonly content: {
        readonly 'application/json': { readonly example: unknown; readonly schema: { $ref: string } };
      };
    }
    const posts = Object.values(paths).flatMap(({ post }) => (post === undefined ? [] : [post]));
    expect(posts).to.have.length(3);
    expect(posts[0]!.description).to.equal('Ranks by price.\n\nAnswered within 2500 ms, or with 504.');
    for (const { requestBody, responses, tags: given } of posts) {
      expect(tags.map(({ name }) => name)).to.include.members(given);
      for (const { content } of [requestBody, responses[200]]) {
        const { example, schema } = content['application/json'];
        const name = schema.$ref.split('/').at(-1)!;
        const validate = ajv.compile(components.schemas[name]!);
        expect(validate(example), `${name} ${JSON.stringify(validate.errors)}`).to.equal(true);
      }
    }
    // The paths of the document, from where it is served.
    const target = new URL(servers[0]!.url + '/ml/v1/pipelines', `${base}/ml/openapi.json`);
    expect(target.href).to.equal(`${base}/ml/v1/pipelines`);
  });

  it('has answers with explain in its schemas', async () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    addFormats.default(ajv);
    const schemas = document.components!.schemas as Record<string, object>;
    const explained = async (
      pipeline: string,
      body: object,
    ): Promise<Record<string, Record<string, object>>> => {
      const response = await fetch(`${base}/ml/v1/pipelines/${pipeline}/predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, explain: true }),
      });
      const answer = (await response.json()) as { explain: Record<string, Record<string, object>> };
      const validate = ajv.compile(schemas[`${pipeline}.Response`]!);
      expect(validate(answer), JSON.stringify(validate.errors)).to.equal(true);
      const [node] = Object.keys(answer.explain['request']!);
      const { [node!]: _left, ...request } = answer.explain['request']!;
      expect(validate({ ...answer, explain: { ...answer.explain, request } }), node).to.equal(false);
      return answer.explain;
    };
    await explained('rank', { request: { at: '2026-01-01T10:30:00Z' }, objects: [{ price: 1 }] });
    const { request } = await explained('count', { request: { item: 'tea' } });
    expect(request!['stock']).to.deep.equal({
      status: 'MISSING',
      features: { count: { value: 7, status: 'DEFAULTED' } },
    });
  });
});
