import assert from 'node:assert/strict';
import type { ServerFace } from '../composition/server-face.js';
import type { RunningPart } from '../parts/create-part.js';
import { transport } from '../ports/transport.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

export interface TransportSetup extends ContractSetup<RunningPart> {
  /** The server that `serve` gets. */
  readonly server: ServerFace;
  /** Whether a caller of the part that `make` gave last is answered by it. */
  readonly answers: () => Promise<boolean>;
}

/** What every `Transport` promises. */
export function transportContract({ runner, make, server, answers }: TransportSetup): void {
  const { describe, it } = runner;
  describe('Transport contract', () => {
    it('answers nobody before it serves, and callers from then on', async () => {
      const part = await make();
      await part.start(callContext());
      assert.equal(await answers(), false);
      await part.face(transport).serve(server, callContext());
      assert.equal(await answers(), true);
      await part.stop();
    });

    it('answers callers that come at the same time', async () => {
      const part = await make();
      await part.start(callContext());
      await part.face(transport).serve(server, callContext());
      const answered = await Promise.all(Array.from({ length: 20 }, () => answers()));
      assert.ok(answered.every(Boolean));
      await part.stop();
    });

    lifecycleContract({ runner, make }, async (started) => {
      await started.face(transport).serve(server, callContext());
    });
  });
}
