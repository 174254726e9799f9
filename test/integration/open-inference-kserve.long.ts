import { expect } from 'chai';
import type { Server } from 'vivace';
import { describeNeeding, pathOf, vendored } from '../servers/programs.js';
import { runClient, startOpenInference } from '../support/open-inference-server.js';

const python = vendored('kserve/bin/python');

// Its client comes with half a gigabyte of packages: .ci/long installs and runs it.
describeNeeding([python], "KServe's client over HTTP", () => {
  let server: Server;
  let address: string;
  before(async () => ({ server, address } = await startOpenInference()));
  after(() => server.stop());

  it('does all that it can', async () => {
    expect(await runClient(pathOf(python), 'kserve_rest.py', address)).to.equal('as it should be');
  });
});
