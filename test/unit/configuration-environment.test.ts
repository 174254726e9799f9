import { expect } from 'chai';
import { configurationFolder, vivace, zod } from '../support/configuration-folder.js';

describe('Configuration environment', () => {
  const { load, mistakes, write } = configurationFolder();

  const typed = `import { defineAdapter, keyValueStore } from '${vivace}';
      import { z } from '${zod}';
      export const typed = defineAdapter({ provides: keyValueStore, name: 'typed', options: z.strictObject({
        count: z.int().optional(), ratio: z.number().optional(), on: z.boolean().optional(), text: z.string().optional(),
        either: z.union([z.int(), z.array(z.int())]).optional(),
      }), create: () => ({ supports: { maxBatch: 1 }, getMany: () => [], putNewest: () => [] }) });`;
  beforeEach(() => write('typed.js', typed));

  async function options(yaml: string, env: Record<string, string>): Promise<unknown> {
    const server = await load(`parts:\n  t:\n    use: ./typed.js\n${yaml}`, { env });
    return server.bindings[0]!.options;
  }

  it('is read as the number, boolean or text that the schema asks for', async () => {
    const yaml =
      '    count: ${env:N}\n    ratio: ${env:R}\n    on: ${env:B}\n    text: ${env:N}\n    either: ${env:N}\n';
    expect(await options(yaml, { N: '8', R: '2.5e-1', B: 'false' })).to.deep.equal({
      count: 8,
      ratio: 0.25,
      on: false,
      text: '8',
      either: 8,
    });
  });

  it('gives way to a default, also where it is empty', async () => {
    expect(await options('    count: ${env:N:-3}\n    text: "${env:T:-a b}"\n', { T: '' })).to.deep.equal({
      count: 3,
      text: 'a b',
    });
  });

  it('may be empty where a text is wanted and there is no default', async () => {
    expect(await options('    text: ${env:T}\n', { T: '' })).to.deep.equal({ text: '' });
  });

  it('stands inside of texts, more than once', async () => {
    expect(await options('    text: http://${env:H}:${env:P:-80}/\n', { H: 'a' })).to.deep.equal({
      text: 'http://a:80/',
    });
  });

  it('is not read as a number where it is only part of the text', async () => {
    const found = await mistakes('parts:\n  t: { use: ./typed.js, count: "1${env:N}" }', {
      env: { N: '2' },
    });
    expect(found[0]).to.match(/^vivace.yaml:2 parts.t.count: .*number/);
  });

  it('does not resolve what it brings', async () => {
    expect(await options('    text: ${env:A}\n', { A: '${env:B}', B: 'no' })).to.deep.equal({
      text: '${env:B}',
    });
  });

  it('leaves numbers that are none to the schema', async () => {
    const found = await mistakes('parts:\n  t: { use: ./typed.js, count: "${env:N}", on: "${env:N}" }', {
      env: { N: 'many' },
    });
    expect(found.map((line) => line.split(':')[1])).to.deep.equal(['2 parts.t.count', '2 parts.t.on']);
  });

  it('is read as the type asked for in views and steps, too', async () => {
    const server = await load(
      `parts:
  hot: { use: memory }
  online: { use: online-store, store: hot }
views:
  v:
    store: online
    entity: { id: string }
    maxAgeMs: \${env:AGE}
    features: { x: { type: float64, default: 1 } }
pipelines:
  p:
    request: { id: string }
    deadlineMs: \${env:AGE}
    steps:
      - fetch: v
        budgetMs: \${env:AGE}
    response: { outputs: { x: v.x } }
`,
      { env: { AGE: '250' } },
    );
    const plan = server.plans.get('p')!;
    expect(plan.deadlineMs).to.equal(250);
    expect(plan.nodes[0]).to.deep.include({ budgetMs: 250, maxAgeMs: 250 });
  });

  it('that is missing is named together with every other mistake, and nothing follows from it', async () => {
    const found = await mistakes(
      'parts:\n  t:\n    use: ./typed.js\n    count: ${env:N}\n    text: ${env:T}\n    txet: x\n',
    );
    expect(found).to.deep.equal([
      'vivace.yaml:4 parts.t.count: the environment variable N is not set; give a default with ${env:N:-…}',
      'vivace.yaml:5 parts.t.text: the environment variable T is not set; give a default with ${env:T:-…}',
      'vivace.yaml:6 parts.t.txet: unknown key "txet"; did you mean "text"?',
    ]);
  });

  it('must be quoted inside { … }, and the error says so', async () => {
    for (const yaml of [
      'parts:\n  t: { use: ./typed.js, count: ${env:N} }\n',
      'parts:\n  t: {\n    use: ./typed.js,\n    count: ${env:N:-1}\n  }\n',
      'parts:\n  t: { use: ./typed.js, either: [${env:N}] }\n',
    ]) {
      expect((await mistakes(yaml, { env: { N: '1' } }))[0], yaml).to.contain(
        'inside { … } or [ … ] quote it: "${env:NAME}"',
      );
    }
  });
});
