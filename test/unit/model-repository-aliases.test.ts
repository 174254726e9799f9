import { expect } from 'chai';
import { modelRepository as port, VivaceError, type BlobStore, type ModelRepository } from 'vivace';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, startPart } from 'vivace/testing';
import { manifestOf } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';
import { startRepository, type RepositoryFixture } from '../support/model-fixture.js';

const hourMs = 3_600_000;
const text = (content: string): Uint8Array => new TextEncoder().encode(content);

describe('ModelRepository: aliases, collection, and what breaks off', () => {
  let fixture: RepositoryFixture;
  let nowMs: number;
  const stops: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    fixture = await startRepository();
    nowMs = 1_000_000_000_000;
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await fixture.close();
  });

  /** A repository over the same blobs, or others, with the test's own clock. */
  const repositoryOver = async (blobs: BlobStore = fixture.blobs): Promise<ModelRepository> => {
    const clock = { now: () => nowMs, monotonic: () => nowMs };
    const part = await startPart(modelRepository, {}, { uses: { blobs }, clock });
    stops.push(() => part.stop());
    return part.face(port);
  };
  const addVersions = async (...versions: string[]): Promise<void> => {
    for (const version of versions) await fixture.add(version, 'model.onnx', { version });
  };
  const write = async (key: string, content: string): Promise<void> =>
    void (await fixture.blobs.write(key, text(content), callContext()));
  const keys = async (): Promise<string[]> =>
    (await fixture.blobs.list('', callContext())).blobs.map(({ key }) => key);
  const findings = async (): Promise<string[]> =>
    (await fixture.repository.verify(callContext())).findings.map(
      ({ kind, version }) => `${kind} ${version}`,
    );

  it('remembers the last 200 moves', async () => {
    await addVersions('1', '2');
    for (let i = 0; i < 205; i++)
      await fixture.repository.setAlias('affine', 'champion', String((i % 2) + 1), callContext(), {
        note: String(i),
      });
    const history = await fixture.repository.history('affine', 'champion', callContext());
    expect(history.map(({ note }) => Number(note))).to.deep.equal(
      Array.from({ length: 200 }, (_, i) => 204 - i),
    );
    expect((await fixture.repository.rollback('affine', 'champion', callContext())).version).to.equal('2');
  });

  it('refuses notes that are longer than an alias holds', async () => {
    await addVersions('1');
    for (const change of [{ note: 'x'.repeat(1001) }, { by: 'x'.repeat(201) }])
      expect(
        await failureOf(fixture.repository.setAlias('affine', 'champion', '1', callContext(), change)),
      ).to.match(/^INVALID_ARGUMENT .*characters, but at most/);
  });

  for (const [what, content, said] of [
    ['no JSON', '2', /^DATA_LOSS .*affine\/aliases\/champion is not an alias: .*promote a version/],
    ['an alias without history', '{"format": 1}', /^DATA_LOSS .*history/],
    [
      'a move at no time',
      '{"format": 1, "history": [{"version": "1", "at": "x", "by": "a", "kind": "push"}]}',
      /^DATA_LOSS/,
    ],
    ['of a newer Vivace', '{"format": 2}', /^FAILED_PRECONDITION .*written by a newer Vivace/],
    [
      'of a newer Vivace that knows more keys',
      '{"format": 1, "history": [{"version": "1", "at": "2001-09-09T00:00:00Z", "by": "a", "kind": "push", "run": 7}]}',
      /^FAILED_PRECONDITION .*written by a newer Vivace/,
    ],
  ] as const) {
    it(`says what to do where an alias is ${what}`, async () => {
      await addVersions('1');
      await write('affine/aliases/champion', content);
      expect(await failureOf(fixture.repository.resolve('affine', callContext()))).to.match(said);
      expect(await failureOf(fixture.repository.setAlias('affine', 'champion', '1', callContext()))).to.match(
        said,
      );
      const kind = what.startsWith('of a newer Vivace') ? 'newer' : 'dangling';
      expect(await findings()).to.deep.equal([`${kind} champion`]);
      await fixture.blobs.delete('affine/aliases/champion', callContext());
      await fixture.repository.setAlias('affine', 'champion', '1', callContext());
      expect(await findings()).to.deep.equal([]);
    });
  }

  it('finds versions of a newer Vivace, which are not damaged', async () => {
    await addVersions('1', '2');
    for (const [version, more] of [
      ['1', { format: 2 }],
      ['2', { signed: true }],
    ] as const)
      await write(
        `affine/${version}/model.json`,
        JSON.stringify({ ...manifestOf(text('one'), 'model.onnx', { version }), ...more }),
      );
    expect(await findings()).to.deep.equal(['newer 1', 'newer 2']);
  });

  it('finds an alias whose version was deleted by hand, which the next move mends', async () => {
    await addVersions('1', '2');
    await fixture.repository.setAlias('affine', 'champion', '1', callContext());
    await fixture.repository.setAlias('affine', 'champion', '2', callContext());
    for (const file of ['model.json', 'model.onnx'])
      await fixture.blobs.delete(`affine/2/${file}`, callContext());
    expect(await findings()).to.deep.equal(['dangling champion']);
    await fixture.repository.rollback('affine', 'champion', callContext());
    expect(await findings()).to.deep.equal([]);
  });

  it('does not move an alias to a version that another process is removing', async () => {
    await addVersions('1', '2');
    for (const before of [undefined, '2'] as const) {
      if (before !== undefined)
        await fixture.repository.setAlias('affine', 'champion', before, callContext());
      await write('affine/.removing/1', '{"at": "2001-09-09T01:46:40Z", "by": "ada"}');
      const setting = fixture.repository.setAlias('affine', 'champion', '1', callContext());
      expect(await failureOf(setting)).to.match(/^ABORTED .*affine 1 is being removed/);
      const list = await fixture.repository.list(callContext());
      expect(list.flatMap(({ version, aliases }) => (aliases.length > 0 ? version : []))).to.deep.equal(
        before === undefined ? [] : [before],
      );
      await fixture.blobs.delete('affine/.removing/1', callContext());
    }
    const history = await fixture.repository.history('affine', 'champion', callContext());
    expect(history.map(({ version }) => version)).to.deep.equal(['2']);
  });

  it('leaves no trace of a move that it takes back, though another has moved the alias since', async () => {
    await addVersions('1', '2', '3');
    await fixture.repository.setAlias('affine', 'champion', '3', callContext());
    await write('affine/.removing/1', '{"at": "2001-09-09T01:46:40Z", "by": "ada"}');
    let moved = false;
    const racing: BlobStore = {
      ...fixture.blobs,
      async head(key, context) {
        if (key === 'affine/.removing/1' && !moved) {
          moved = true;
          await fixture.repository.setAlias('affine', 'champion', '2', callContext());
        }
        return fixture.blobs.head(key, context);
      },
    };
    const setting = (await repositoryOver(racing)).setAlias('affine', 'champion', '1', callContext());
    expect(await failureOf(setting)).to.match(/^ABORTED .*affine 1 is being removed/);
    const history = await fixture.repository.history('affine', 'champion', callContext());
    expect(history.map(({ version }) => version)).to.deep.equal(['2', '3']);
  });

  it('puts a manifest back where an alias was moved to the version by a process that ended before it looked again', async () => {
    await addVersions('1', '2');
    await fixture.repository.setAlias('affine', 'night', '2', callContext());
    const alias = Buffer.concat(await fromAsync(fixture.blobs.read('affine/aliases/night', callContext())));
    await fixture.blobs.delete('affine/aliases/night', callContext());
    const racing: BlobStore = {
      ...fixture.blobs,
      async delete(key, context) {
        if (key === 'affine/1/model.json')
          await write('affine/aliases/night', alias.toString().replace('"version":"2"', '"version":"1"'));
        return fixture.blobs.delete(key, context);
      },
    };
    const repository = await repositoryOver(racing);
    expect(await repository.collect(callContext(), { keep: 1 })).to.deep.equal([]);
    expect(await findings()).to.deep.equal([]);
    expect(await repository.resolve('affine@night', callContext())).to.include({ version: '1' });
    expect(await keys())
      .to.include('affine/1/model.json')
      .and.not.include('affine/.removing/1');
  });

  for (const [what, broken] of [
    ['before it took the manifest away', 'affine/1/model.json'],
    ['after it took the manifest away', 'affine/1/model.onnx'],
  ] as const) {
    it(`a collection finishes after an hour what another began that broke off ${what}`, async () => {
      await addVersions('1', '2');
      const failing: BlobStore = {
        ...fixture.blobs,
        async delete(key, context) {
          if (key === broken) throw new Error('killed');
          return fixture.blobs.delete(key, context);
        },
      };
      await failureOf((await repositoryOver(failing)).collect(callContext(), { keep: 1, by: 'ada' }));
      expect(await keys()).to.include('affine/.removing/1');
      const repository = await repositoryOver();
      nowMs += hourMs - 1;
      expect(await repository.collect(callContext(), { keep: 1 })).to.deep.equal([]);
      const left = (await repository.verify(callContext())).findings;
      expect(left.map(({ message }) => message).join()).to.match(/ada has been removing the version since/);
      nowMs += 2;
      const gone = await repository.collect(callContext(), { keep: 1 });
      expect(gone.map(({ version }) => version)).to.deep.equal(['1']);
      expect(await keys()).to.deep.equal(['affine/2/model.json', 'affine/2/model.onnx']);
    });
  }

  it('a mark that broke off leaves a version that is wanted by now', async () => {
    await addVersions('1', '2');
    await write('affine/.removing/2', '{"at": "2001-09-09T00:00:00Z", "by": "ada"}');
    nowMs += hourMs;
    const repository = await repositoryOver();
    expect(await repository.collect(callContext(), { keep: 2, dryRun: true })).to.deep.equal([]);
    expect(await keys()).to.include('affine/.removing/2');
    expect(await repository.collect(callContext(), { keep: 2 })).to.deep.equal([]);
    expect(await findings()).to.deep.equal([]);
  });

  it('stops where removing a version takes so long that another process may have taken over', async () => {
    await addVersions('1', '2');
    const slow: BlobStore = {
      ...fixture.blobs,
      async delete(key, context) {
        nowMs += hourMs;
        return fixture.blobs.delete(key, context);
      },
    };
    const collecting = (await repositoryOver(slow)).collect(callContext(), { keep: 1 });
    expect(await failureOf(collecting)).to.match(/^ABORTED .*takes too long/);
    expect(await keys()).to.include('affine/1/model.onnx');
  });

  it('takes no version away that another process may be removing, or adding again, by now', async () => {
    await addVersions('1', '2');
    const slow: BlobStore = {
      ...fixture.blobs,
      async list(prefix, context, options) {
        if (prefix === 'affine/aliases/' && (await keys()).includes('affine/.removing/1')) nowMs += hourMs;
        return fixture.blobs.list(prefix, context, options);
      },
    };
    const collecting = (await repositoryOver(slow)).collect(callContext(), { keep: 1 });
    expect(await failureOf(collecting)).to.match(/^ABORTED .*takes too long/);
    expect(await keys()).to.include.members(['affine/1/model.json', 'affine/1/model.onnx']);
  });

  it('removes what is left of a push after a day, unless it goes on', async () => {
    const repository = await repositoryOver();
    const manifest = (version: string) => {
      const [file] = manifestOf(text('one'), 'model.onnx').files;
      return {
        ...manifestOf(text('one'), 'model.onnx', { version }),
        files: [file!, { ...manifestOf(text('two'), 'b').files[0]! }],
      };
    };
    const half = async (version: string): Promise<unknown> =>
      failureOf(
        repository.add(
          manifest(version),
          (path) =>
            path === 'b'
              ? (async function* (): AsyncGenerator<Uint8Array> {
                  // Not before the other file is there.
                  while (!(await keys()).includes(`affine/${version}/model.onnx`)) yield new Uint8Array(0);
                  throw new Error('killed');
                })()
              : text('one'),
          callContext(),
        ),
      );
    for (const version of ['1', '2']) await half(version);
    expect(await findings()).to.deep.equal(['left-over 1', 'left-over 2', 'left-over 1', 'left-over 2']);
    nowMs += 24 * hourMs;
    expect(await repository.collect(callContext(), { keep: 1 })).to.deep.equal([]);
    nowMs += 1;
    await half('2');
    expect(await repository.collect(callContext(), { keep: 1 })).to.deep.equal([
      { name: 'affine', version: '1', sizeBytes: 3, leftOver: true },
    ]);
    await repository.add(
      manifest('2'),
      (path) => text(path === 'b' ? 'two' : expect.fail('it is there')),
      callContext(),
    );
    expect(await findings()).to.deep.equal([]);
    expect((await keys()).filter((key) => key.includes('.adding'))).to.deep.equal([]);
  });

  it('refuses a next number that is not the highest', async () => {
    await addVersions('1', '7', 'seven');
    const add = async (version: string): Promise<void> =>
      fixture.repository.add(
        manifestOf(text('one'), 'model.onnx', { version }),
        () => text('one'),
        callContext(),
        { next: true },
      );
    expect(await failureOf(add('6'))).to.match(/^ABORTED .*affine has a version 7/);
    expect(await findings()).to.deep.equal([]);
    await add('8');
  });

  it('never removes the highest number, which the next push would be given again', async () => {
    await fixture.add('1', 'model.onnx', { version: '1', pushed: { at: '2002-01-01T00:00:00Z', by: 'ada' } });
    await fixture.add('2', 'model.onnx', { version: '2', pushed: { at: '2001-01-01T00:00:00Z', by: 'ada' } });
    expect(await fixture.repository.collect(callContext(), { keep: 1 })).to.deep.equal([]);
  });

  it('counts no number that is too large to be followed by another', async () => {
    const pushed = (version: string, at: string): Promise<void> =>
      fixture.add(version, 'model.onnx', { version, pushed: { at, by: 'ada' } });
    await pushed('6', '2001-01-01T00:00:00Z');
    await pushed('20261130093015123', '2002-01-01T00:00:00Z');
    await pushed('5', '2003-01-01T00:00:00Z');
    const repository = await repositoryOver();
    await repository.add(
      manifestOf(text('one'), 'model.onnx', {
        version: '7',
        pushed: { at: '2004-01-01T00:00:00Z', by: 'ada' },
      }),
      () => text('one'),
      callContext(),
      { next: true },
    );
    await pushed('4', '2005-01-01T00:00:00Z');
    const gone = await repository.collect(callContext(), { keep: 1 });
    expect(gone.map(({ version }) => version)).to.deep.equal(['6', '20261130093015123', '5']);
  });

  it('has added a version whose claim it cannot take back', async () => {
    const failing: BlobStore = {
      ...fixture.blobs,
      async delete(key, context) {
        if (key.includes('/.adding/')) throw new VivaceError('UNAVAILABLE', 'the store does not answer');
        return fixture.blobs.delete(key, context);
      },
    };
    const repository = await repositoryOver(failing);
    await repository.add(manifestOf(text('one'), 'model.onnx'), () => text('one'), callContext());
    expect(await findings()).to.deep.equal(['left-over 1']);
    nowMs += 25 * hourMs;
    await (await repositoryOver()).collect(callContext(), { keep: 1 });
    expect(await findings()).to.deep.equal([]);
  });

  it('refuses to keep no version', async () => {
    for (const keep of [0, -1, 1.5])
      expect(await failureOf(fixture.repository.collect(callContext(), { keep }))).to.match(
        /^INVALID_ARGUMENT .*keep: .* is not a whole number of at least 1/,
      );
  });
});

async function fromAsync(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}
