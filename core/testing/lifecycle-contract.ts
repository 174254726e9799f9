import assert from 'node:assert/strict';
import { isVivaceError } from '../kernel/errors.js';
import type { RunningPart } from '../parts/create-part.js';
import { callContext } from './start-part.js';
import type { ContractSetup } from './runner.js';

/** What every part promises of its lifecycle; `use` calls some operation of it. */
export function lifecycleContract(
  { runner, make }: ContractSetup<RunningPart>,
  use: (part: RunningPart) => Promise<void>,
): void {
  const { describe, it } = runner;
  describe('lifecycle', () => {
    it('stops without having been started', async () => {
      const part = await make();
      await part.stop();
    });

    it('refuses calls before start', async () => {
      const part = await make();
      await assert.rejects(
        async () => use(part),
        (error) => isVivaceError(error) && error.code === 'UNAVAILABLE',
      );
      await part.stop();
    });

    it('refuses calls after stop, and stops twice', async () => {
      const part = await make();
      await part.start(callContext());
      await use(part);
      await part.stop();
      await part.stop();
      await assert.rejects(
        async () => use(part),
        (error) => isVivaceError(error) && error.code === 'UNAVAILABLE',
      );
    });
  });
}
