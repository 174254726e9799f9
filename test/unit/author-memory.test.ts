import { expect } from 'chai';
import {
  VivaceError,
  type ColumnsIn,
  type ColumnsOut,
  type FeatureRows,
  type PipelineDeclaration,
  type TypeName,
} from 'vivace';
import { scripted, scriptedTransform, withServer, type ReadRows } from '../support/scripted.js';

const pipeline = {
  objects: { fields: { id: { type: 'string', optional: true } } },
  steps: [{ fetch: 'source' }],
  response: { outputs: { v: 'source.v' } },
} as const satisfies PipelineDeclaration;

/** What each of some requests, made at the same time, is answered. */
async function fetched(
  read: ReadRows,
  requests: readonly (readonly (string | null)[])[],
  { type = 'float64' }: { readonly type?: TypeName } = {},
) {
  return withServer(
    {
      parts: { source: { use: scripted, features: { v: type }, read } },
      pipelines: { p: pipeline },
    },
    (server) =>
      Promise.all(
        requests.map(async (ids) => {
          const { objects, degraded } = await server.predict('p', { objects: ids.map((id) => ({ id })) });
          return { values: objects.map(({ v }) => v), degraded };
        }),
      ),
  );
}

const failed = [{ step: 'source', status: 'FAILED', rows: 1, code: 'INTERNAL' }];

describe('An array that a source or a transform hands over', () => {
  it('may be filled again for the next request while the one before is answered', async () => {
    const reused = new Float64Array(1);
    const ended: (() => void)[] = [];
    const read: ReadRows = async (keys, out) => {
      reused[0] = Number(keys.column('id').values[0]);
      out.column('v').values = reused;
      out.setAllPresent();
      await new Promise<void>((resolve) => {
        ended.push(resolve);
        if (ended.length === 2) for (const end of ended) end();
      });
    };
    const answers = await fetched(read, [['1'], ['2']]);
    expect(answers.map(({ values }) => values)).to.deep.equal([[1], [2]]);
  });

  it('is not written to where a row of it is missing', async () => {
    const table = Float64Array.of(1, 2);
    const read: ReadRows = (_, out) => {
      out.column('v').values = table;
      out.setAllPresent();
      out.setMissing(0);
    };
    expect((await fetched(read, [['a', 'b']]))[0]!.values).to.deep.equal([null, 2]);
    expect(table).to.deep.equal(Float64Array.of(1, 2));
  });

  it('may be an input, which stays as it is', async () => {
    const answer = await withServer(
      {
        parts: {
          nulled: {
            use: scriptedTransform,
            describes: { reads: { x: 'float64' }, writes: { y: 'float64' } },
            apply: (input: ColumnsIn, out: ColumnsOut) => {
              out.column('y').values = input.column('x').values;
              out.column('y').setNull(0);
            },
          },
        },
        pipelines: {
          p: {
            request: { x: 'float64' },
            steps: [{ transform: 'nulled' }],
            response: { outputs: { before: 'x', after: 'nulled.y' } },
          },
        },
      },
      (server) => server.predict('p', { request: { x: 7 } }),
    );
    expect(answer.outputs).to.deep.equal({ before: 7, after: null });
  });
});

describe('A row of a source', () => {
  it('that the source failed to set is not filled, though the source went on', async () => {
    const read: ReadRows = (_, out) => {
      try {
        out.column('v').set(0, 'x');
      } catch {
        // The author takes it for a row without a value.
      }
    };
    expect(await fetched(read, [['a']])).to.deep.equal([{ values: [null], degraded: failed }]);
  });

  for (const [what, thrown] of [
    ['an error of a library', Object.assign(new Error('down'), { code: 'ECONNREFUSED' })],
    ['a text', 'down'],
    ['nothing', undefined],
  ] as const) {
    it(`may fail with ${what}, which is INTERNAL`, async () => {
      const read: ReadRows = (_, out) => out.setFailed(0, thrown);
      expect(await fetched(read, [['a']])).to.deep.equal([{ values: [null], degraded: failed }]);
    });
  }

  it('keeps its code where it fails with a VivaceError', async () => {
    const read: ReadRows = (_, out: FeatureRows) => out.setFailed(0, new VivaceError('UNAVAILABLE', 'away'));
    const [answer] = await fetched(read, [['a']]);
    expect(answer!.degraded).to.deep.equal([{ ...failed[0], code: 'UNAVAILABLE' }]);
  });

  it('holds what the source wrote to the array, whether or not another row has no key', async () => {
    const read: ReadRows = (_, out) => {
      out.column('v').values.fill(NaN as never);
      out.setAllPresent();
    };
    const answers = await fetched(read, [['a'], ['a', null]], { type: 'timestamp' });
    expect(answers.map(({ values }) => values)).to.deep.equal([[null], [null, null]]);
    expect(answers.map(({ degraded }) => degraded)).to.deep.equal([
      [],
      [{ step: 'source', status: 'MISSING', rows: 1 }],
    ]);
  });
});
