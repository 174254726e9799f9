import { expect } from 'chai';
import { join } from 'node:path';
import { loadServer } from 'vivace';
import { configurationFolder, pluginModule } from '../support/configuration-folder.js';
import { thrownBy } from '../support/scripted.js';

describe('Configuration YAML', () => {
  const folder = configurationFolder();
  const { load, mistakes, write } = folder;

  it('with a key twice is refused, with its line', async () => {
    expect((await mistakes('parts:\n  a: { use: memory }\n  a: { use: memory }\n'))[0]).to.match(
      /^vivace.yaml:3 parts.a: the key "a" stands here a second time, after line 2/,
    );
  });

  it('that is broken is refused, with its line', async () => {
    expect((await mistakes('parts:\n  a: { use: memory\npipelines: {}\n'))[0]).to.match(/^vivace.yaml:\d/);
  });

  it('that is no block of keys is refused', async () => {
    expect((await mistakes('- a\n- b\n'))[0]).to.match(/^vivace.yaml/);
  });

  it('may repeat itself by anchors', async () => {
    const server = await load('parts:\n  a: &store { use: memory }\n  b: *store\n');
    expect(server.bindings.map(({ name }) => name)).to.deep.equal(['a', 'b']);
  });

  it('whose aliases multiply is refused', async () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`,
    );
    const started = performance.now();
    expect((await mistakes(`l0: &l0 [x, x]\n${levels.join('\n')}\n`))[0]).to.match(/alias count/);
    expect(performance.now() - started).to.be.below(2000);
  });

  it('with an alias to nowhere or into itself is refused', async () => {
    expect((await mistakes('parts: *nowhere\n'))[0]).to.match(/nowhere/);
    expect((await mistakes('parts: &p\n  a: *p\n'))[0]).to.match(/the anchor that contains it/);
  });

  it('is named with how to begin where there is none', async () => {
    const error = await thrownBy(loadServer(join(folder.directory, 'missing.yaml')));
    expect(error.message).to.match(/no configuration at .*missing\.yaml/);
  });

  it('resolves relative paths from its own folder', async () => {
    write('deep/part.mjs', pluginModule('part', 'part'));
    const file = write('deep/vivace.yaml', 'parts:\n  a: { use: ./part.mjs }\n');
    expect((await loadServer(file)).bindings[0]!.use).to.equal('part');
  });
});
