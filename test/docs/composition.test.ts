import { expect } from 'chai';
import { importBlock } from '../support/guide.js';
import { createProject } from '../support/project.js';
import { filesOf } from '../support/repository.js';

const page = 'docs/composition.md';

describe('docs/composition.md', () => {
  it('answers with a verb of its own, in at most 40 lines', async () => {
    expect((await importBlock(page, 'shop.ts'))['country']).to.equal('Netherlands');
    expect(filesOf(page).get('enrich.ts')!.trimEnd().split('\n')).to.have.length.at.most(40);
  });

  it('replaces a built-in step by a subclass', async () => {
    expect((await importBlock(page, 'counting.ts'))['fetches']).to.equal(1);
  });

  it('puts a layer around nodes', async () => {
    expect((await importBlock(page, 'slowest.ts'))['order']).to.deep.equal(['calendar']);
  });

  it('gives a class step its options and the part in its slot', async () => {
    expect((await importBlock(page, 'price.ts'))['value']).to.equal(21);
  });

  it("draws a team's verb in `check`, from a configuration that names its module", async () => {
    await importBlock(page, 'enrich.ts');
    const project = await createProject({
      'vivace.yaml': [
        'parts: {}',
        'modules: ["./module.js"]',
        'pipelines:',
        '  greet:',
        '    request: { code: string }',
        '    steps: [{ enrich: request.code }]',
        '    response: { outputs: { country: country.name } }',
      ].join('\n'),
      'module.js': `export { countries } from '${new URL('../../docs/composition/enrich.js', import.meta.url).href}';\n`,
    });
    try {
      const checked = await project.vivace(['check']);
      expect(checked.stderr).to.equal('');
      expect(checked.stdout).to.include('enrich request.code as country  per request');
      const answered = await project.vivace(['predict', 'greet', '--json', '{"request":{"code":"NL"}}']);
      expect(JSON.parse(answered.stdout)).to.deep.include({ outputs: { country: 'Netherlands' } });
    } finally {
      await project.remove();
    }
  });
});
