import { expect } from 'chai';
import { modelRepository as port, type ModelRepository } from 'vivace';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, startPart } from 'vivace/testing';
import { manifestOf } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';
import { startRepository, type RepositoryFixture } from '../support/model-fixture.js';

const hourMs = 3_600_000;
const large = new Uint8Array(5_000_000).fill(0x20);

describe('ModelRepository: what others have left in the blob store', () => {
  let fixture: RepositoryFixture;
  beforeEach(async () => {
    fixture = await startRepository();
    for (const version of ['1', '2', '3']) await fixture.add(version, 'model.onnx', { version });
    await fixture.repository.setAlias('affine', 'champion', '3', callContext());
  });
  afterEach(() => fixture.close());

  const write = async (key: string, content: string | Uint8Array): Promise<void> =>
    void (await fixture.blobs.write(key, Buffer.from(content), callContext()));
  const keys = async (): Promise<string[]> =>
    (await fixture.blobs.list('', callContext())).blobs.map(({ key }) => key);
  const listed = async (): Promise<string[]> =>
    (await fixture.repository.list(callContext())).map(({ name, version, aliases }) =>
      `${name} ${version} ${aliases.join()}`.trim(),
    );
  const findings = async (): Promise<string[]> =>
    (await fixture.repository.verify(callContext())).findings.map(
      ({ kind, message }) => `${kind} ${message}`,
    );
  const collect = async (repository = fixture.repository): Promise<string[]> =>
    (await repository.collect(callContext(), { keep: 1 })).map(({ version }) => version);

  for (const key of [
    'affine/aliases/.DS_Store',
    'affine/aliases/champion~',
    'affine/aliases/__proto__',
    'affine/.removing/.DS_Store',
    'affine/.removing/aliases',
    'affine/.adding/a b',
    'affine/bad version/model.json',
    'affine/.git/HEAD',
    'lost+found/1/model.json',
    `${'x'.repeat(101)}/1/model.json`,
    'żółw/aliases/champion',
  ])
    it(`leaves alone what has no name of a repository: ${key.slice(0, 40)}`, async () => {
      await write(key, 'x');
      expect(await listed()).to.deep.equal(['affine 1', 'affine 2', 'affine 3 champion']);
      expect(await findings()).to.deep.equal([]);
      expect(await collect()).to.deep.equal(['1', '2']);
      expect(await keys()).to.include(key);
    });

  it('says which blob is too large to be what its name says, and looks at the others', async () => {
    await write('affine/2/model.json', large);
    await write('affine/aliases/canary', large);
    await write('affine/.removing/1', large);
    expect(
      await failureOf(fixture.repository.manifest({ name: 'affine', version: '2' }, callContext())),
    ).to.match(/^DATA_LOSS .*affine\/2\/model\.json has more than 4194304 bytes: put back what was stored/);
    expect(await failureOf(fixture.repository.resolve('affine@canary', callContext()))).to.match(
      /^DATA_LOSS .*affine\/aliases\/canary has more than 4194304 bytes: put back what was stored/,
    );
    const found = await findings();
    expect(found.map((finding) => finding.split(' ', 2).join(' '))).to.deep.equal([
      'damaged affine/2/model.json',
      'dangling affine/aliases/canary',
      'left-over affine/.removing/1:',
    ]);
  });

  it('collects around a manifest that is too large', async () => {
    await write('affine/2/model.json', large);
    expect(await collect()).to.deep.equal(['1']);
    expect((await keys()).filter((key) => key.includes('/.'))).to.deep.equal([]);
  });

  it('calls a manifest with endless blocks damaged', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const manifest = JSON.stringify(manifestOf(Buffer.from('2'), 'model.onnx', { version: '2' }));
    await write('affine/2/model.json', manifest.replace('{', `{"info":{"x":${deep}},`));
    expect(
      await failureOf(fixture.repository.manifest({ name: 'affine', version: '2' }, callContext())),
    ).to.match(
      /^DATA_LOSS .*model\.json of affine 2 is not a manifest: info: more than 500 blocks stand within each other/,
    );
    expect((await findings()).map((finding) => finding.split(' ', 1)[0])).to.deep.equal(['damaged']);
  });

  for (const version of ['../../affine/1', '__proto__', 'x'.repeat(101), 'aliases', ''])
    it(`does not follow an alias to "${version.slice(0, 20)}", which no version is called`, async () => {
      const entry = { version, at: '2026-03-04T10:00:00Z', by: 'a person', kind: 'push' };
      await write('affine/aliases/canary', JSON.stringify({ format: 1, history: [entry] }));
      for (const work of [
        fixture.repository.resolve('affine@canary', callContext()),
        fixture.repository.setAlias('affine', 'canary', '1', callContext()),
        fixture.repository.rollback('affine', 'canary', callContext()),
      ])
        expect(await failureOf(work)).to.match(
          /^DATA_LOSS .*affine\/aliases\/canary is not an alias: history\.0/,
        );
      expect((await findings()).map((finding) => finding.split(' ', 2).join(' '))).to.deep.equal([
        'dangling affine/aliases/canary',
      ]);
    });

  it('may call an alias as the folder of the aliases is called', async () => {
    await fixture.repository.setAlias('affine', 'aliases', '1', callContext());
    expect((await fixture.repository.resolve('affine@aliases', callContext())).version).to.equal('1');
    expect(await failureOf(fixture.repository.resolve('other@aliases', callContext()))).to.match(
      /^NOT_FOUND /,
    );
  });

  describe('with versions that look like numbers', () => {
    const next = (version: string): Promise<void> => {
      const bytes = Buffer.from(version);
      const manifest = manifestOf(bytes, 'model.onnx', { version });
      return fixture.repository.add(manifest, () => bytes, callContext(), { next: true });
    };

    for (const version of ['1234e56', '9e9', '0x20', '20260101123000123456', 'Infinity', '1.5', '007'])
      it(`takes ${version} for a name`, async () => {
        await fixture.add('a model', 'model.onnx', { version });
        await next('4');
        await fixture.repository.setAlias('affine', 'champion', version, callContext());
        // The highest number stays, whatever other versions are called.
        expect(await collect()).to.deep.equal(['1', '2']);
        expect((await listed()).map((line) => line.split(' ')[1])).to.have.members(['3', '4', version]);
      });
  });

  describe('by a clock that is ahead', () => {
    let ahead: ModelRepository;
    let nowMs: number;
    let stop: () => Promise<void>;
    beforeEach(async () => {
      nowMs = Date.UTC(2026, 0, 1);
      const clock = { now: () => nowMs, monotonic: () => nowMs };
      const part = await startPart(modelRepository, {}, { uses: { blobs: fixture.blobs }, clock });
      ahead = part.face(port);
      stop = () => part.stop();
    });
    afterEach(() => stop());

    it('a mark keeps a version for an hour, and not until that clock is right', async () => {
      const mark = (hours: number): Promise<void> =>
        write(
          'affine/.removing/1',
          JSON.stringify({ at: new Date(nowMs + hours * hourMs).toISOString(), by: 'a process' }),
        );
      await mark(0.5);
      expect(await collect(ahead)).to.deep.equal(['2']);
      await mark(24 * 365);
      expect(await collect(ahead)).to.deep.equal(['1']);
      expect(await listed()).to.deep.equal(['affine 3 champion']);
    });

    it('a claim keeps the files of a push that broke off for a day', async () => {
      const claim = (hours: number): Promise<void> =>
        write(
          'affine/.adding/9',
          JSON.stringify({
            at: new Date(nowMs + hours * hourMs).toISOString(),
            by: 'a process',
            content: 'x',
          }),
        );
      await write('affine/9/model.onnx', 'half');
      await claim(12);
      expect(await collect(ahead)).to.deep.equal(['1', '2']);
      await claim(24 * 365);
      expect(await collect(ahead)).to.deep.equal(['9']);
    });
  });
});
