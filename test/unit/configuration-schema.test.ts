import { expect } from 'chai';
import { parse } from 'yaml';
import { configurationSchema } from 'vivace';
import { schemaMistakes } from '../support/json-schema.js';
import { readText, repositoryFiles } from '../support/repository.js';

describe('configurationSchema', () => {
  const configurations = repositoryFiles().filter(
    (path) => /^examples\/.*\.yaml$/.test(path) && /^parts:/m.test(readText(path)),
  );

  async function mistakes(text: string): Promise<string[]> {
    return schemaMistakes(await configurationSchema(), parse(text));
  }

  it('has examples to check', () => expect(configurations).to.not.be.empty);

  for (const path of configurations) {
    it(`accepts ${path}`, async () => expect(await mistakes(readText(path))).to.deep.equal([]));
  }

  it('accepts references to the environment where a number is wanted', async () => {
    expect(await mistakes('parts:\n  web: { use: express, port: "${env:PORT:-8080}" }\n')).to.deep.equal([]);
  });

  it('leaves the options of parts it does not know alone', async () => {
    expect(await mistakes('parts:\n  a: { use: ./mine.js, anything: 5 }\n')).to.deep.equal([]);
  });

  const wrong: [string, string][] = [
    ['an unknown option', 'parts:\n  hot: { use: lmdb, path: x, pth: y }\n'],
    ['an option of the wrong type', 'parts:\n  web: { use: express, port: many }\n'],
    ['a slot that is empty', 'parts:\n  online: { use: online-store }\n'],
    ['an option that only code can give', 'parts:\n  web: { use: express, app: 5 }\n'],
    ['a part without `use`', 'parts:\n  web: { port: 80 }\n'],
    ['an unknown block', 'parst: {}\n'],
    ['a wrong name', 'parts:\n  1st: { use: memory }\n'],
    ['a view without features', 'views:\n  v: { store: s, entity: { a: string } }\n'],
    [
      'an unknown key of a step',
      'pipelines:\n  p:\n    steps: [{ fetch: v, ass: x }]\n    response: { outputs: { y: v.y } }\n',
    ],
    [
      'a step that is none',
      'pipelines:\n  p:\n    steps: [{ fech: v }]\n    response: { outputs: { y: v.y } }\n',
    ],
  ];
  for (const [what, text] of wrong) {
    it(`refuses ${what}`, async () => expect(await mistakes(text)).to.not.be.empty);
  }
});
