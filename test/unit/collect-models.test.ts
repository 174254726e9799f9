import { expect } from 'chai';
import { collectModels, type Server } from 'vivace';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startPushes, type PushFixture } from '../support/push-fixture.js';

describe('Operations: collect models', () => {
  let fixture: PushFixture;
  let server: Server;
  let folder: PushFixture['folder'];
  let push: PushFixture['push'];
  beforeEach(async () => {
    fixture = await startPushes();
    ({ server, folder, push } = fixture);
  });
  afterEach(() => fixture.close());

  it('collects, except what is protected', async () => {
    const file = folder({ 'a.joblib': 'x' });
    for (let i = 0; i < 5; i++) await push(file, { columns: ['a'], alias: i === 4 ? 'champion' : false });
    const gone = await collectModels(server, { keep: 2, protect: ['m@2'] }, callContext());
    expect(gone.map(({ version }) => version)).to.deep.equal(['1', '3']);
    expect(await collectModels(server, {}, callContext())).to.deep.equal([]);
    expect(await failureOf(collectModels(server, { protect: ['m@9'] }, callContext()))).to.match(
      /^NOT_FOUND/,
    );
  });
});
