import { metrics, trace } from '@opentelemetry/api';
import assert from 'node:assert/strict';
import type { RunningPart } from '../parts/create-part.js';
import { telemetry, type Telemetry } from '../ports/telemetry.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

/**
 * What every `Telemetry` promises. The process must have no other provider while it runs.
 *
 * @param setup.make Gives a part that exports nothing and offers metrics to a scraper, where it can.
 */
export function telemetryContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('Telemetry contract', () => {
    let part: RunningPart;
    let port: Telemetry;
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
      port = part.face(telemetry);
    });
    afterEach(() => part.stop());

    it('does not trace where nobody takes spans', () => {
      assert.equal(trace.getTracer('contract').startSpan('nobody takes it').isRecording(), false);
    });

    it('shows a metric recorded through the global provider, where it offers any', async () => {
      metrics.getMeter('contract').createCounter('contract.calls').add(3, { kind: 'x' });
      const scraped = await port.scrape(callContext());
      if (scraped === undefined) return;
      assert.match(scraped.contentType, /^[a-z]+\/[a-z-]+/);
      assert.match(scraped.body, /contract_calls/);
    });

    it('flushes with nothing to hand over', async () => {
      await port.flush(callContext());
    });

    it('leaves the global providers free when it stops, for the next to start', async () => {
      await part.stop();
      const again = await make();
      await again.start(callContext());
      metrics.getMeter('contract').createCounter('contract.again').add(1);
      const scraped = await again.face(telemetry).scrape(callContext());
      await again.stop();
      if (scraped !== undefined) assert.match(scraped.body, /contract_again/);
      assert.equal(trace.getTracer('contract').startSpan('after').isRecording(), false);
    });

    it('works for two parts in one process until the last stops', async () => {
      const other = await make();
      await other.start(callContext());
      await other.stop();
      metrics.getMeter('contract').createCounter('contract.shared').add(1);
      const scraped = await port.scrape(callContext());
      if (scraped !== undefined) assert.match(scraped.body, /contract_shared/);
    });
  });

  // Beside the group above, whose part would share the process's providers with these.
  describe('Telemetry contract', () => {
    lifecycleContract({
      runner,
      make,
      port: telemetry,
      calls: {
        scrape: (started, call) => started.scrape(call),
        flush: (started, call) => started.flush(call),
      },
    });
  });
}
