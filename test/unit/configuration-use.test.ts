import { expect } from 'chai';
import { configurationFolder, pluginModule } from '../support/configuration-folder.js';

describe('Configuration use', () => {
  const folder = configurationFolder();
  const { load, mistakes, write } = folder;

  const use = (name: string): Promise<string[]> => mistakes(`parts:\n  a: { use: ${name} }\n`);

  it('names a file that is not there, or is no JavaScript', async () => {
    expect((await use('./gone.js'))[0]).to.contain('there is no file ./gone.js');
    write('part.ts', '');
    expect((await use('./part.ts'))[0]).to.contain('compile TypeScript first');
  });

  it('says why a file does not load', async () => {
    write('syntax.js', '// one\nexport const = ;');
    expect((await use('./syntax.js'))[0]).to.match(
      /parts.a.use: "\.\/syntax\.js" does not load: Unexpected token .*\(syntax\.js:2\)$/,
    );
    write('outer.mjs', "import './syntax.js';\nconsole.log('this never runs');");
    expect((await use('./outer.mjs'))[0]).to.match(/"\.\/outer\.mjs" does not load: .*\(syntax\.js:2\)$/);
    write('required.cjs', '\n\nconst x = ;');
    write('requires.mjs', "import './required.cjs';");
    expect((await use('./requires.mjs'))[0]).to.match(/Unexpected token .*\(required\.cjs:3\)$/);
    write('lacks.mjs', "\nimport { nothing } from './syntax-free.mjs';");
    write('syntax-free.mjs', 'export const something = 1;');
    expect((await use('./lacks.mjs'))[0]).to.match(/named 'nothing' \(lacks\.mjs:2\)$/);
    write('parses.mjs', 'JSON.parse("{");');
    expect((await use('./parses.mjs'))[0]).to.match(/does not load: .*JSON[^()]*(\(line 1 column 2\))?$/);
    write('throws.mjs', 'throw new Error("no licence")');
    expect((await use('./throws.mjs'))[0]).to.contain('does not load: no licence');
  });

  it('says what a file should have exported', async () => {
    write('my-part.js', 'export const other = 1;');
    expect((await use('./my-part.js'))[0]).to.contain('does not export a definition "myPart"');
  });

  it('takes the only definition of a file, whatever it is called', async () => {
    write('my-part.mjs', pluginModule('my-part', 'anything'));
    expect((await load('parts:\n  a: { use: ./my-part.mjs }\n')).bindings[0]!.use).to.equal('my-part');
  });

  for (const [kind, manifest] of Object.entries({
    'exports to import only': { type: 'module', exports: { '.': { import: './index.js' } } },
    'exports one file': { type: 'module', exports: './index.js' },
    'exports by nested conditions': {
      type: 'module',
      exports: { '.': { import: { types: './index.d.ts', default: './index.js' } } },
    },
    'has a main file': { type: 'module', main: 'index.js' },
    'says nothing of its files': { type: 'module' },
  })) {
    it(`finds the package vivace-<name> beside the configuration, where it ${kind}`, async () => {
      write('node_modules/vivace-shop/package.json', JSON.stringify({ name: 'vivace-shop', ...manifest }));
      write('node_modules/vivace-shop/index.js', pluginModule('shop', 'shop'));
      expect((await load('parts:\n  a: { use: shop }\n')).bindings[0]!.use).to.equal('shop');
    });
  }

  it('tells a package that does not load from a name that is unknown', async () => {
    write(
      'node_modules/vivace-shop/package.json',
      JSON.stringify({ name: 'vivace-shop', type: 'module', exports: './index.js' }),
    );
    write('node_modules/vivace-shop/index.js', "import 'a-vendor-sdk';\n" + pluginModule('shop', 'shop'));
    expect((await use('shop'))[0]).to.match(/"vivace-shop" does not load: .*a-vendor-sdk/);
    expect((await use('shopp'))[0]).to.contain(
      `nothing is named "shopp": Vivace has no such adapter or plugin, and there is no package vivace-shopp in a node_modules folder of ${folder.directory} or above; did you mean "shop"?`,
    );
  });

  it('finds the package @scope/vivace-<name> by its scope and name, or as it is called', async () => {
    const manifest = { name: '@acme/vivace-till', type: 'module', exports: './index.js' };
    write('node_modules/@acme/vivace-till/package.json', JSON.stringify(manifest));
    write('node_modules/@acme/vivace-till/index.js', pluginModule('till', 'till'));
    for (const name of ['@acme/till', '@acme/vivace-till'])
      expect((await load(`parts:\n  a: { use: "${name}" }\n`)).bindings[0]!.use).to.equal('till');
    expect((await use('"@acme/tll"'))[0]).to.contain(
      `nothing is named "@acme/tll": there is no package @acme/vivace-tll in a node_modules folder of ${folder.directory} or above; did you mean "@acme/till"?`,
    );
    expect((await use('"@acme/"'))[0]).to.contain('"@acme/" is not a valid name');
  });

  it('refuses a part that is made for another Vivace', async () => {
    const madeFor = (range: string): string =>
      pluginModule('old', 'old').replace("name: 'old'", `name: 'old', vivace: '${range}'`);
    write('fits.mjs', madeFor('^0.1'));
    expect((await load('parts:\n  a: { use: ./fits.mjs }\n')).bindings).to.have.length(1);
    write('later.mjs', madeFor('>=7.1'));
    expect((await use('./later.mjs'))[0]).to.match(
      /parts\.a\.use: "old" is made for Vivace >=7\.1, but this is Vivace \d+\.\d+\.\d+: install versions/,
    );
    write('odd.mjs', madeFor('latest'));
    expect((await use('./odd.mjs'))[0]).to.contain('write a range such as ^0.1 or >=0.1');
  });

  it('says why a step does not load, or what it should have exported, once', async () => {
    const pipeline = (step: string): string =>
      `pipelines:\n  p:\n    request: { a: string }\n    steps: [{ step: ${step} }]\n    response: { outputs: { a: request.a } }\n`;
    write('broken-step.js', 'export const = ;');
    expect(await mistakes(pipeline('./broken-step.js'))).to.deep.equal([
      'vivace.yaml:4 pipelines.p.steps[0].step: "./broken-step.js" does not load: Unexpected token \'=\' (broken-step.js:1)',
    ]);
    write('my-step.js', 'export const other = 1;');
    expect(await mistakes(pipeline('./my-step.js'))).to.deep.equal([
      'vivace.yaml:4 pipelines.p.steps[0].step: "./my-step.js" exports neither a step "myStep" nor a class "MyStep"',
    ]);
    expect((await mistakes(pipeline('./gone.js')))[0]).to.contain('there is no file ./gone.js');
    expect((await mistakes(pipeline('gone')))[0]).to.contain('"gone" is not a relative .js or .mjs file');
  });
});
