import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import { parse } from 'yaml';
import { configurationSchema, ownDefinitions, spineJsonSchema } from 'vivace';
import { createProject, type Project } from '../support/project.js';
import { readText, repositoryFiles } from '../support/repository.js';

/** A validator as editors have one; a keyword that it does not know is an error. */
function validator(schema: object): (text: string) => string[] {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addKeyword('x-secret');
  const validate: ValidateFunction = ajv.compile(schema);
  return (text) =>
    validate(parse(text) ?? {})
      ? []
      : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** The YAML that pages show, with the page and the line of each. */
const shown = repositoryFiles()
  .filter((path) => /^(docs\/.*|README)\.md$/.test(path))
  .flatMap((path) =>
    [...readText(path).matchAll(/^```yaml[^\n]*\n([^]*?)^```/gm)].map(({ index, 1: text = '' }) => ({
      place: `${path}:${readText(path).slice(0, index).split('\n').length}`,
      text,
    })),
  );

describe('configurationSchema', () => {
  let mistakes: (text: string) => string[];
  before(async () => {
    mistakes = validator(await configurationSchema());
  });

  const configurations = repositoryFiles().filter(
    (path) => /^examples\/.*\.yaml$/.test(path) && /^parts:/m.test(readText(path)),
  );
  const blocks = shown.filter(({ text }) => /^(parts|views|pipelines|modules):/m.test(text));

  it('has examples and pages to check', () => {
    expect(configurations).to.not.be.empty;
    expect(blocks.length).to.be.above(30);
  });

  for (const path of configurations) {
    it(`accepts ${path}`, () => expect(mistakes(readText(path))).to.deep.equal([]));
  }

  for (const { place, text } of blocks) {
    it(`accepts the YAML at ${place}`, () => expect(mistakes(text)).to.deep.equal([]));
  }

  const fine: [string, string][] = [
    ['references where a number is wanted', 'parts:\n  web: { use: express, port: "${env:PORT:-8080}" }\n'],
    ['references where one of some words is', 'parts:\n  log: { use: pino, level: "${env:LEVEL}" }\n'],
    ['any options of parts it does not know', 'parts:\n  a: { use: ./mine.js, anything: 5 }\n'],
    [
      'a vector and a list',
      'pipelines:\n  p:\n    request: { a: "float32[64]", b: { type: list<int64>, optional: true } }\n    steps: []\n    response: { outputs: { a: request.a } }\n',
    ],
    [
      'aggregates over hours, of any type',
      'views:\n  v:\n    store: s\n    entity: { a: string }\n    source: { table: t, eventTime: at }\n    features: { x: { aggregate: last, of: b, type: string, windowHours: [1, 6] }, n: { aggregate: count_distinct, of: b, upTo: 5, windowHours: 6 } }\n',
    ],
    ['blocks that are still empty', 'parts: {}\nviews: {}\npipelines: {}\n'],
    [
      'a step of a file with any options',
      'pipelines:\n  p:\n    steps: [{ step: ./s.js, factor: 3 }]\n    response: { outputs: { y: s.y } }\n',
    ],
  ];
  for (const [what, text] of fine) {
    it(`accepts ${what}`, () => expect(mistakes(text)).to.deep.equal([]));
  }

  const view = (features: string, more = 'source: { table: t, eventTime: at }'): string =>
    `views:\n  v:\n    store: s\n    entity: { a: string }\n    ${more}\n    features: ${features}\n`;
  const steps = (list: string): string =>
    `pipelines:\n  p:\n    steps: ${list}\n    response: { outputs: { y: v.y } }\n`;
  const field = (type: string): string =>
    `pipelines:\n  p:\n    request: { a: ${type} }\n    steps: []\n    response: { outputs: { y: request.a } }\n`;
  const wrong: [what: string, text: string, where: RegExp][] = [
    ['an unknown option', 'parts:\n  hot: { use: lmdb, path: x, pth: y }\n', /parts\/hot must NOT/],
    ['an option of the wrong type', 'parts:\n  web: { use: express, port: many }\n', /parts\/web\/port/],
    ['a slot that is empty', 'parts:\n  online: { use: online-store }\n', /parts\/online must have.*store/],
    ['an option that only code can give', 'parts:\n  web: { use: express, app: 5 }\n', /parts\/web must NOT/],
    ['a part without `use`', 'parts:\n  web: { port: 80 }\n', /parts\/web must have.*use/],
    ['an unknown block', 'parst: {}\n', /must NOT/],
    ['a wrong name', 'parts:\n  1st: { use: memory }\n', /parts/],
    [
      'a view without features',
      'views:\n  v: { store: s, entity: { a: string } }\n',
      /views\/v must have.*features/,
    ],
    ['a misspelt type of a field', field('flaot32'), /request\/a/],
    ['a misspelt type in a block', field('{ type: text }'), /request\/a\/type/],
    ['an unknown key of a field', field('{ type: string, optonal: true }'), /request\/a must NOT/],
    ['a misspelt type of a feature', view('{ x: { type: double } }'), /features\/x\/type/],
    ['a misspelt type of a key', view('{ x: { type: string } }').replace('a: string', 'a: str'), /entity\/a/],
    [
      'a type that a key cannot have',
      view('{ x: { type: string } }').replace('a: string', 'a: float64'),
      /entity\/a/,
    ],
    [
      'an unknown aggregate',
      view('{ x: { aggregate: average, of: b, windowDays: 7 } }'),
      /features\/x\/aggregate/,
    ],
    ['a sum of nothing', view('{ x: { aggregate: sum, windowDays: 7 } }'), /features\/x must have.*of/],
    ['a count of a column', view('{ x: { aggregate: count, of: b, windowDays: 7 } }'), /features\/x\/of/],
    [
      'a share of everything',
      view('{ x: { aggregate: share, of: b, windowDays: 7 } }'),
      /features\/x must have.*above/,
    ],
    [
      'a mean above something',
      view('{ x: { aggregate: mean, of: b, above: 1, windowDays: 7 } }'),
      /features\/x\/above/,
    ],
    [
      'an aggregate without a window',
      view('{ x: { aggregate: mean, of: b } }'),
      /features\/x must have.*windowDays/,
    ],
    [
      'an aggregate with windows of days and hours',
      view('{ x: { aggregate: count, windowDays: 1, windowHours: 24 } }'),
      /features\/x\/windowDays/,
    ],
    [
      'a last value without a type',
      view('{ x: { aggregate: last, of: b, windowDays: 7 } }'),
      /features\/x must have.*type/,
    ],
    [
      'a bound of the number of events',
      view('{ x: { aggregate: count, windowDays: 7, upTo: 5 } }'),
      /features\/x\/upTo/,
    ],
    [
      'an aggregate of text',
      view('{ x: { aggregate: mean, of: b, windowDays: 7, type: string } }'),
      /features\/x\/type/,
    ],
    [
      'an aggregate of a source without event time',
      view('{ x: { aggregate: count, windowDays: 7 } }', 'source: { table: t }'),
      /source must have.*eventTime/,
    ],
    [
      'aggregates beside columns',
      view('{ x: { aggregate: count, windowDays: 7 }, y: { type: string } }'),
      /features/,
    ],
    [
      'a source of two kinds',
      view('{ x: { type: string } }', 'source: { table: t, query: q }'),
      /source must match/,
    ],
    ['a source of none', view('{ x: { type: string } }', 'source: { eventTime: t }'), /source must match/],
    ['an unknown key of a step', steps('[{ fetch: v, ass: x }]'), /steps\/0 must NOT/],
    ['a key of another verb', steps('[{ transform: v, budgetMs: 5 }]'), /steps\/0 must NOT/],
    ['a policy that is none', steps('[{ fetch: v, onMissing: ignore }]'), /steps\/0\/onMissing/],
    ['a step that is none', steps('[{ fech: v }]'), /steps\/0/],
    ['a step with two verbs', steps('[{ fetch: v, predict: m }]'), /steps\/0 must NOT/],
  ];
  for (const [what, text, where] of wrong) {
    it(`refuses ${what}, where it is`, () => {
      const found = mistakes(text);
      expect(
        found.some((mistake) => where.test(mistake)),
        found.join('\n'),
      ).to.equal(true);
    });
  }

  it('marks what is secret, and nothing else', async () => {
    const schema = JSON.stringify(await configurationSchema());
    expect(schema).to.include('"x-secret":true');
    expect(schema).to.not.include('"secret":');
  });
});

describe('configurationSchema with what a configuration names', () => {
  let project: Project;
  let mistakes: (text: string) => string[];

  const yaml = `
modules: [./enrich.mjs]
parts:
  web: { use: express, prot: 5 }
  shelf: { use: ./shelf.mjs, url: x }
  other: { use: stall }
pipelines:
  p:
    steps: [{ step: ./times.mjs, factor: 2, store: shelf }]
`;
  before(async () => {
    project = await createProject({
      'vivace.yaml': yaml,
      'broken.yaml':
        'parts:\n  a: { use: ./none.mjs }\npipelines: { p: { steps: [{ step: ./none.mjs }] } }\n',
      'shelf.mjs': `
import { defineAdapter, keyValueStore } from 'vivace';
import { z } from 'zod';
export const shelf = defineAdapter({
  provides: keyValueStore, name: 'shelf', options: z.strictObject({ url: z.string(), password: z.string().meta({ secret: true }).optional() }),
  create: () => ({}),
});`,
      'node_modules/vivace-stall/package.json': '{"name":"vivace-stall","type":"module","main":"index.js"}',
      'node_modules/vivace-stall/index.js': `
import { defineAdapter, cacheStore } from 'vivace';
import { z } from 'zod';
export const stall = defineAdapter({ provides: cacheStore, name: 'stall', options: z.strictObject({ shelves: z.int().default(1) }), create: () => ({}) });`,
      'times.mjs': `
import { defineStep, keyValueStore } from 'vivace';
import { z } from 'zod';
export const times = defineStep({
  name: 'times', options: z.strictObject({ factor: z.number() }), uses: { store: keyValueStore },
  reads: {}, writes: { y: 'float64' }, offline: 'same', create: () => ({ run() {} }),
});`,
      'enrich.mjs': `
import { ContainerModule, defineVerb, stepDefinition } from 'vivace';
import { z } from 'zod';
const enrich = defineVerb({
  verb: 'enrich', schema: z.strictObject({ enrich: z.string(), as: z.string().default('x') }),
  compile: () => undefined, offline: () => ({ how: 'same' }), summary: () => ({}), runs: class {},
});
export const module = new ContainerModule(({ bind }) => void bind(stepDefinition).toConstantValue(enrich));`,
    });
    const { code, stdout, stderr } = await project.vivace(['schema', '-c', 'vivace.yaml']);
    expect(code, stderr).to.equal(0);
    mistakes = validator(JSON.parse(stdout) as object);
  });
  after(() => project.remove());

  const steps = (list: string): string =>
    `pipelines:\n  p:\n    steps: ${list}\n    response: { outputs: { y: times.y } }\n`;

  for (const [what, text] of [
    ['a part of a file', 'parts:\n  a: { use: ./shelf.mjs, url: x, password: y }\n'],
    ['a part of a package', 'parts:\n  a: { use: stall, shelves: 5 }\n'],
    ['a step of a file', steps('[{ step: ./times.mjs, as: twice, factor: 2, store: shelf, inputs: {} }]')],
    ['a verb', steps('[{ enrich: request.a, as: b }]')],
  ] as const) {
    it(`accepts ${what}`, () => expect(mistakes(text)).to.deep.equal([]));
  }
  for (const [what, text] of [
    ['an unknown option of a part of a file', 'parts:\n  a: { use: ./shelf.mjs, url: x, colour: y }\n'],
    ['a part of a file without what it needs', 'parts:\n  a: { use: ./shelf.mjs }\n'],
    ['a wrong option of a part of a package', 'parts:\n  a: { use: stall, shelves: many }\n'],
    ['an unknown option of a step', steps('[{ step: ./times.mjs, factor: 2, store: shelf, colour: 1 }]')],
    ['a step without its slot', steps('[{ step: ./times.mjs, factor: 2 }]')],
    ['an unknown key of a verb', steps('[{ enrich: request.a, colour: b }]')],
  ] as const) {
    it(`refuses ${what}`, () => expect(mistakes(text)).to.not.be.empty);
  }

  it('says with its line what does not load', async () => {
    const { code, stderr } = await project.vivace(['schema', '--config', 'broken.yaml']);
    expect(code).to.equal(1);
    expect(stderr).to.match(/broken\.yaml:2 parts\.a\.use: there is no file \.\/none\.mjs/);
    expect(stderr).to.match(/broken\.yaml:3 pipelines\.p\.steps\[0\]\.step: there is no file/);
  });

  it('finds nothing in a configuration without anything of its own', async () => {
    await project.write({ 'plain.yaml': 'parts:\n  a: { use: memory }\n' });
    const { parts, steps: own, verbs } = await ownDefinitions(`${project.directory}/plain.yaml`);
    expect([parts!.size, own!.size, verbs!.length]).to.deep.equal([0, 0, 0]);
  });
});

describe('spineJsonSchema', () => {
  const mistakes = validator(spineJsonSchema());
  const files = repositoryFiles().filter((path) => /^examples\/.*spine.*\.yaml$/.test(path));
  const blocks = shown.filter(({ text }) => /^time:/m.test(text) && /^(table|query):/m.test(text));

  it('has examples and pages to check', () => {
    expect(files).to.not.be.empty;
    expect(blocks).to.not.be.empty;
  });
  for (const path of files) {
    it(`accepts ${path}`, () => expect(mistakes(readText(path))).to.deep.equal([]));
  }
  for (const { place, text } of blocks) {
    it(`accepts the YAML at ${place}`, () => expect(mistakes(text)).to.deep.equal([]));
  }
  for (const [what, text] of [
    ['no time', 'table: t\n'],
    ['no table', 'time: at\n'],
    ['a table and a query', 'table: t\nquery: q\ntime: at\n'],
    ['an unknown key', 'table: t\ntime: at\nlabel: { y: y }\n'],
    ['a time that is none', 'table: t\ntime: at\nfrom: yesterday\n'],
    ['a time without zone', 'table: t\ntime: at\nfrom: 2001-06-15T12:00\n'],
    ['a sample of nothing', 'table: t\ntime: at\nsample: { of: 0 }\n'],
  ] as const) {
    it(`refuses ${what}`, () => expect(mistakes(text)).to.not.be.empty);
  }
  it('is printed', async () => {
    const project = await createProject({});
    const { code, stdout } = await project.vivace(['schema', 'spine']);
    expect([code, JSON.parse(stdout)]).to.deep.equal([0, spineJsonSchema()]);
    expect((await project.vivace(['schema', 'plan'])).code).to.equal(2);
    await project.remove();
  });
});
