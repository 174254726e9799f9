import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadServer, offlineStore } from 'vivace';
import { parse } from 'yaml';
import { blocksOf, filesOf, readText, root } from '../support/repository.js';

interface Answer {
  readonly requestId: string;
  readonly objects: readonly { readonly destination: string; readonly delay: number }[];
}

describe('README.md', () => {
  it('shows what the flights example answers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vivace-readme-'));
    const server = await loadServer(join(root, 'examples/flights/vivace.yaml'), {
      override: {
        hot: { use: 'memory' },
        web: { use: 'memory' },
        log: { use: 'pino', level: 'warn' },
        disk: { use: 'filesystem', path: folder },
      },
    });
    try {
      await server.start();
      const history = server.part(offlineStore, 'history');
      for (const view of server.views.values()) {
        const until = { untilMs: Date.parse('2001-06-15') };
        await history.materialize(view, until, { signal: AbortSignal.timeout(60_000) });
      }
      const files = filesOf('README.md');
      const shown = JSON.parse(files.get('answer')!) as Answer;
      const request = JSON.parse(/'(\{[\s\S]*\})'/.exec(files.get('ask')!)![1]!) as never;
      const answer = await server.predict('rank-flights', request, { requestId: shown.requestId });
      const { objects, ...rest } = answer as unknown as Answer;
      const { objects: expected, ...head } = shown;
      expect(rest).to.deep.equal(head);
      expect(objects.map((object) => ({ ...object, delay: 0 }))).to.deep.equal(
        expected.map((object) => ({ ...object, delay: 0 })),
      );
      // Another processor may sum the trees in another order.
      objects.forEach(({ delay }, i) => expect(delay).to.be.closeTo(expected[i]!.delay, 1e-3));
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('shows the pipeline of the flights example', () => {
    const block = blocksOf(readText('README.md')).find(({ language }) => language === 'yaml')!;
    interface File {
      readonly pipelines: Record<string, { readonly description?: string }>;
    }
    const shown = (parse(block.text) as File).pipelines['rank-flights']!;
    const { description: _, ...real } = (parse(readText('examples/flights/vivace.yaml')) as File).pipelines[
      'rank-flights'
    ]!;
    expect(shown).to.deep.equal(real);
  });
});
