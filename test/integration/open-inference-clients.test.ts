import { expect } from 'chai';
import type { Server } from 'vivace';
import { describeNeeding, pathOf, vendored } from '../servers/programs.js';
import { runClient, startOpenInference } from '../support/open-inference-server.js';

const python = vendored('tritonclient/bin/python');

describeNeeding([python], "Triton's clients over HTTP", function () {
  this.timeout(250_000);
  let server: Server;
  let address: string;
  before(async () => ({ server, address } = await startOpenInference()));
  after(() => server.stop());

  for (const script of ['triton_http.py', 'triton_aio.py'])
    it(`do all that they can: ${script}`, async () => {
      expect(await runClient(pathOf(python), script, address)).to.equal('as it should be');
    });
});
